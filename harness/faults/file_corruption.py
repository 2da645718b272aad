"""Files of a volume are damaged on their node, under the server that uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.kubernetes import condition, objects, text
from harness.core.model import Volume
from harness.core.ports import Datastore, Reach, Target
from harness.core.wait import NotYet, until

_SEARCH = ("grep", "--recursive", "--text", "--byte-offset", "--only-matching", "--fixed-strings")


@dataclass(frozen=True)
class WipeVolumes:
    """`rm -rf` of all that lies in the volumes of some pods. The pods go on, with files that have no name any more."""

    pods: tuple[str, ...]
    volume: str = "data"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """Whose."""
        return f"wipe-{self.volume} of {', '.join(self.pods)}"

    def inject(self, target: Target) -> None:
        """Remove every file. FaultHadNoEffect if there is none."""
        for volume in self._volumes(target.cluster.volumes(target.namespace)):
            if not _files(target, volume):
                raise FaultHadNoEffect(f"{volume.claim} is empty")
            # Until it is done: files are made in the folders that are being removed.
            what = f"the files of {volume.claim} to go"
            until(partial(_remove, target, volume), waited_for=what, within_s=timeouts.DAMAGE_S)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """No file is left in any of them."""
        wiped = self._volumes(before)
        if left := [file for volume in wiped for file in _files(target, volume)]:
            raise FaultHadNoEffect(f"{len(left)} files are left, {left[0]} among them")
        return {f"files of {volume.claim}": f"none is left in {volume.path} on {volume.node}" for volume in wiped}

    def undo(self, target: Target) -> None:
        """Nothing to take away: what is deleted stays so."""

    def _volumes(self, volumes: Iterable[Volume]) -> list[Volume]:
        return [_volume(volumes, f"{self.volume}-{pod}") for pod in self.pods]


@dataclass(frozen=True)
class FlipBits:
    """One bit turns in every place of one member's files where some text stands. Nobody reads them just now.

    It is the first member of a role. It is stopped in good order and started again before, so that all it holds is on
    its disk, and its caches are empty.
    """

    store: str
    role: str  # as the store's health has it: replica, follower
    text: str  # ASCII; its middle byte is the one that turns
    folder: str = "."  # inside the volume
    volume: str = "data"
    flush: str = ""  # a statement for the first member that lets all have on disk what they have read: CHECKPOINT
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """Where."""
        return f"flip-bits of a {self.role} of {self.store}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Restart it, and turn the bits. FaultHadNoEffect if there is no such member, or the text stands nowhere."""
        store = target.store(self.store)
        member = next((member for member in store.members if store.health(member).role == self.role), None)
        if member is None:
            raise FaultHadNoEffect(f"{self.store} has no {self.role}")
        volumes = target.cluster.volumes(target.namespace)
        volume, others = self._of(volumes, member), [self._of(volumes, other) for other in store.members]
        if taken := [place for other in others for place in self._places(target, other, self._turned())]:
            raise FaultHadNoEffect(f"{self._turned()!r} is no sign of damage, it stands in {taken[0][0]} already")
        if self.flush:
            # A standby that is stopped writes out what was there at the last checkpoint of its primary, and no more.
            _, administrator = target.administered(self.store)
            administrator.execute(store.members[0], self.flush)
            until(partial(_well, store, member), waited_for=f"{member} to follow", within_s=timeouts.DAMAGE_S)
        _restart(target, store, member)
        places = self._places(target, volume, self.text)
        if not places:
            raise FaultHadNoEffect(f"{self.text!r} stands nowhere in {self.folder} of {volume.claim}")
        turned = self._turned()
        middle = len(turned) // 2
        for file, offset in places:
            byte = ("bs=1", "count=1", "conv=notrunc", f"seek={offset + middle}", f"of={file}")
            target.machines.on_node(volume.node, "dd", *byte, stdin=turned[middle])

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Each place on a member's disk where the text now stands with its bit turned, and none where it does not."""
        volumes = [self._of(before, member) for member in target.store(self.store).members]
        turned = {volume: self._places(target, volume, self._turned()) for volume in volumes}
        spoilt = [volume for volume in volumes if turned[volume]]
        if not spoilt:
            raise FaultHadNoEffect(f"nowhere did {self.text!r} become {self._turned()!r}")
        if left := [place for volume in spoilt for place in self._places(target, volume, self.text)]:
            raise FaultHadNoEffect(f"{left[0][0]} is what it was at byte {left[0][1]}")
        said = f"{self.text} became {self._turned()}"
        return {f"{file} at byte {offset}": said for volume in spoilt for file, offset in turned[volume]}

    def undo(self, target: Target) -> None:
        """Nothing to take away: a bit that has turned stays so."""

    def _turned(self) -> str:
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
                if error.exit_code == 1:  # it stands nowhere
                    return ""
                raise

        # Again and again: a running server removes files while they are read.
        listed = until(search, waited_for=f"{folder} to be searched", within_s=timeouts.DAMAGE_S)
        hits = (line.removesuffix(f":{wanted}").rpartition(":") for line in listed.splitlines())
        return [(file, int(offset)) for file, _, offset in hits]


def _restart(target: Target, store: Datastore, member: str) -> None:
    """Let the pod of a member be made anew; return when it is well."""
    old, _ = _pod(target, member)
    target.cluster.kubectl("delete", "pod", member, "-n", target.namespace, "--wait=false")

    def again() -> None:
        uid, ready = _pod(target, member)
        if uid in {"", old} or ready != "True":
            raise NotYet(f"{member} is not there again")
        _well(store, member)

    until(again, waited_for=f"{member} to be well again", within_s=timeouts.DAMAGE_S, every_s=1)


def _well(store: Datastore, member: str) -> None:
    health = store.health(member)
    if not health.ok:
        raise NotYet(health.detail)


def _pod(target: Target, name: str) -> tuple[str, str]:
    """A pod's UID, and whether it is Ready."""
    pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
    mine = next((pod for pod in pods if text(pod, "metadata", "name") == name), None)
    return text(mine, "metadata", "uid"), condition(mine, "Ready")


def _volume(volumes: Iterable[Volume], claim: str) -> Volume:
    """One claim's volume, which must lie on a node."""
    found = next((volume for volume in volumes if volume.claim == claim and volume.node and volume.path), None)
    if found is None:
        raise FaultHadNoEffect(f"there is no claim {claim} whose files lie on a node")
    return found


def _remove(target: Target, volume: Volume) -> None:
    inside = ("-mindepth", "1", "-maxdepth", "1", "-exec", "rm", "--recursive", "--force", "{}", "+")
    target.machines.on_node(volume.node, "find", volume.path, *inside)


def _files(target: Target, volume: Volume) -> list[str]:
    return target.machines.on_node(volume.node, "find", volume.path, "-type", "f").splitlines()
