"""Files of a volume are damaged on their node, while the server that uses them runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import condition, find
from harness.core.model import Volume
from harness.core.ports import Datastore, Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault

_SEARCH = ("grep", "--recursive", "--text", "--byte-offset", "--only-matching", "--fixed-strings")


@dataclass(frozen=True)
class WipeVolumes(BaseFault):
    """`rm -rf` of everything in the volumes of some pods. The pods keep running on files that are unlinked."""

    pods: tuple[str, ...]
    volume: str = "data"
    needs: tuple[str, ...] = ()
    reach = Reach.MACHINES

    @property
    def name(self) -> str:
        return f"wipe-{self.volume} of {', '.join(self.pods)}"

    def inject(self, target: Target) -> None:
        for volume in self._volumes(target.cluster.volumes(target.namespace)):
            if not _files(target, volume):
                raise FaultHadNoEffect(f"{volume.claim} is empty")
            # Repeated until it succeeds: the server creates files in folders that are being removed.
            what = f"the files of {volume.claim} to be removed"
            until(partial(_remove, target, volume), waited_for=what, within_s=timeouts.DAMAGE_S)

    def damage(self, target: Target) -> Mapping[str, str]:
        wiped = self._volumes(target.volumes_before)
        if left := [file for volume in wiped for file in _files(target, volume)]:
            raise FaultHadNoEffect(f"{len(left)} files are left, for example {left[0]}")
        return {f"files of {volume.claim}": f"none is left in {volume.path} on {volume.node}" for volume in wiped}

    def _volumes(self, volumes: Iterable[Volume]) -> list[Volume]:
        return [_volume(volumes, f"{self.volume}-{pod}") for pod in self.pods]


@dataclass(frozen=True)
class FlipBits(BaseFault):
    """Flips one bit at every place in one member's files where a text is stored. Nobody reads it at that time.

    The member is the first with the given role. It is first restarted cleanly, so that all its data are on disk and
    its caches are empty.
    """

    store: str
    role: str  # as the store's health reports it: replica, follower
    text: str  # ASCII; the bit is in its middle byte
    folder: str = "."  # inside the volume
    volume: str = "data"
    flush: str = ""  # a statement on the first member that makes all members write to disk what they read: CHECKPOINT
    title = "flip-bits of a {role} of {store}"
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        store = target.store(self.store)
        member = next((member for member in store.members if store.health(member).role == self.role), None)
        if member is None:
            raise FaultHadNoEffect(f"{self.store} has no {self.role}")
        volumes = target.cluster.volumes(target.namespace)
        volume, others = self._of(volumes, member), [self._of(volumes, other) for other in store.members]
        if existing := [place for other in others for place in self._places(target, other, self._flipped())]:
            raise FaultHadNoEffect(f"{self._flipped()!r} would prove no damage: it is already in {existing[0][0]}")
        if self.flush:
            # A standby that stops writes to disk what its primary had at the last checkpoint, and no more.
            _, administrator = target.administered(self.store)
            administrator.execute(store.members[0], self.flush)
            until(partial(_well, store, member), waited_for=f"{member} to follow", within_s=timeouts.DAMAGE_S)
        _restart(target, store, member)
        places = self._places(target, volume, self.text)
        if not places:
            raise FaultHadNoEffect(f"{self.text!r} is not in {self.folder} of {volume.claim}")
        flipped = self._flipped()
        middle = len(flipped) // 2
        for file, offset in places:
            byte = ("bs=1", "count=1", "conv=notrunc", f"seek={offset + middle}", f"of={file}")
            target.machines.on_node(volume.node, "dd", *byte, stdin=flipped[middle])

    def damage(self, target: Target) -> Mapping[str, str]:
        """Each place on a member's disk that has the text with the flipped bit; none may still have the original."""
        volumes = [self._of(target.volumes_before, member) for member in target.store(self.store).members]
        flipped = {volume: self._places(target, volume, self._flipped()) for volume in volumes}
        damaged = [volume for volume in volumes if flipped[volume]]
        if not damaged:
            raise FaultHadNoEffect(f"{self._flipped()!r}, in place of {self.text!r}, is on no disk")
        if left := [place for volume in damaged for place in self._places(target, volume, self.text)]:
            raise FaultHadNoEffect(f"{left[0][0]} did not change at byte {left[0][1]}")
        seen = f"{self.text} became {self._flipped()}"
        return {f"{file} at byte {offset}": seen for volume in damaged for file, offset in flipped[volume]}

    def _flipped(self) -> str:
        middle = len(self.text) // 2
        return self.text[:middle] + chr(ord(self.text[middle]) ^ 1) + self.text[middle + 1 :]

    def _of(self, volumes: Iterable[Volume], member: str) -> Volume:
        return _volume(volumes, f"{self.volume}-{member}")

    def _places(self, target: Target, volume: Volume, wanted: str) -> list[tuple[str, int]]:
        folder = f"{volume.path}/{self.folder}"

        def search() -> str:
            try:
                return target.machines.on_node(volume.node, *_SEARCH, wanted, folder)
            except ToolFailed as error:
                if error.exit_code == 1:  # no match
                    return ""
                raise

        # Repeated until it succeeds: a running server removes files while grep reads them.
        found = until(search, waited_for=f"{folder} to be searched", within_s=timeouts.DAMAGE_S)
        hits = (line.removesuffix(f":{wanted}").rpartition(":") for line in found.splitlines())
        return [(file, int(offset)) for file, _, offset in hits]


def _restart(target: Target, store: Datastore, member: str) -> None:
    old, _ = _pod(target, member)
    target.cluster.kubectl("delete", "pod", member, "-n", target.namespace, "--wait=false")

    def restarted() -> None:
        uid, ready = _pod(target, member)
        if uid in {"", old} or ready != "True":
            raise NotYet(f"{member} is not ready")
        _well(store, member)

    until(restarted, waited_for=f"{member} to be healthy again", within_s=timeouts.DAMAGE_S, every_s=1)


def _well(store: Datastore, member: str) -> None:
    health = store.health(member)
    if not health.ok:
        raise NotYet(health.detail)


def _pod(target: Target, name: str) -> tuple[str, str]:
    """A pod's UID, and the status of its condition Ready."""
    pod = find(target.cluster.kubectl, "pods", name, target.namespace)
    return text(pod, "metadata", "uid"), condition(pod, "Ready")


def _volume(volumes: Iterable[Volume], claim: str) -> Volume:
    found = next((volume for volume in volumes if volume.claim == claim and volume.node and volume.path), None)
    if found is None:
        raise FaultHadNoEffect(f"no claim {claim} with files on a node")
    return found


def _remove(target: Target, volume: Volume) -> None:
    inside = ("-mindepth", "1", "-maxdepth", "1", "-exec", "rm", "--recursive", "--force", "{}", "+")
    target.machines.on_node(volume.node, "find", volume.path, *inside)


def _files(target: Target, volume: Volume) -> list[str]:
    return target.machines.on_node(volume.node, "find", volume.path, "-type", "f").splitlines()
