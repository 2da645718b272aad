"""Files of a volume are damaged on their node, under the server that uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness import deadlines
from harness.errors import FaultHadNoEffect, ToolFailed
from harness.k8s import condition, objects, text
from harness.model import Volume
from harness.ports import Target
from harness.wait import NotYet, until

_SEARCH = ("grep", "--recursive", "--text", "--byte-offset", "--only-matching", "--fixed-strings")


@dataclass(frozen=True)
class WipeVolumes:
    """`rm -rf` of all that lies in the volumes of some pods. The pods go on, with files that have no name any more."""

    pods: tuple[str, ...]
    volume: str = "data"
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Whose."""
        return f"wipe-{self.volume} of {', '.join(self.pods)}"

    def inject(self, target: Target) -> None:
        """Remove every file. FaultHadNoEffect if there is none."""
        for volume in self._volumes(target.cluster.volumes(target.namespace)):
            if not _files(target, volume):
                raise FaultHadNoEffect(f"{volume.claim} is empty")
            inside = ("-mindepth", "1", "-maxdepth", "1", "-exec", "rm", "--recursive", "--force", "{}", "+")
            target.machines.on_node(volume.node, "find", volume.path, *inside)

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

    The member is stopped in good order and started again first, so that all it holds is on its disk, and its caches
    are empty.
    """

    store: str
    member: str
    text: str  # ASCII; its middle byte is the one that turns
    folder: str = "."  # inside the volume
    volume: str = "data"

    @property
    def name(self) -> str:
        """Where."""
        return f"flip-bits of {self.member}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store of the member."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Restart it, and turn the bits. FaultHadNoEffect if the text stands nowhere."""
        volume = self._found(target.cluster.volumes(target.namespace))
        self._restart(target)
        places = self._places(target, volume, self.text)
        if not places:
            raise FaultHadNoEffect(f"{self.text!r} stands nowhere in {self.folder} of {volume.claim}")
        turned = self._turned()
        middle = len(turned) // 2
        for file, offset in places:
            byte = ("bs=1", "count=1", "conv=notrunc", f"seek={offset + middle}", f"of={file}")
            target.machines.on_node(volume.node, "dd", *byte, stdin=turned[middle])

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Each place on the disk where the text now stands with its bit turned."""
        volume = self._found(before)
        if left := self._places(target, volume, self.text):
            raise FaultHadNoEffect(f"{left[0][0]} is what it was at byte {left[0][1]}")
        places = self._places(target, volume, self._turned())
        if not places:
            raise FaultHadNoEffect(f"{self.text!r} stands nowhere in {self.folder} of {volume.claim}, nor spoilt")
        return {f"{file} at byte {offset}": f"{self.text} became {self._turned()}" for file, offset in places}

    def undo(self, target: Target) -> None:
        """Nothing to take away: a bit that has turned stays so."""

    def _turned(self) -> str:
        middle = len(self.text) // 2
        return self.text[:middle] + chr(ord(self.text[middle]) ^ 1) + self.text[middle + 1 :]

    def _found(self, volumes: Iterable[Volume]) -> Volume:
        return _volume(volumes, f"{self.volume}-{self.member}")

    def _places(self, target: Target, volume: Volume, wanted: str) -> list[tuple[str, int]]:
        try:
            listed = target.machines.on_node(volume.node, *_SEARCH, wanted, f"{volume.path}/{self.folder}")
        except ToolFailed as error:
            if error.exit_code == 1:  # grep found nothing
                return []
            raise
        hits = (line.removesuffix(f":{wanted}").rpartition(":") for line in listed.splitlines())
        return [(file, int(offset)) for file, _, offset in hits]

    def _restart(self, target: Target) -> None:
        store = target.store(self.store)
        old = self._pod(target)
        target.cluster.kubectl("delete", "pod", self.member, "-n", target.namespace, "--wait=false")

        def well() -> None:
            uid, ready = self._pod(target)
            if uid in {"", old[0]} or ready != "True":
                raise NotYet(f"{self.member} is not there again")
            health = store.health(self.member)
            if not health.ok:
                raise NotYet(health.detail)

        until(well, waited_for=f"{self.member} to be well again", within_s=deadlines.DAMAGE_S, every_s=1)

    def _pod(self, target: Target) -> tuple[str, str]:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
        mine = next((pod for pod in pods if text(pod, "metadata", "name") == self.member), None)
        return text(mine, "metadata", "uid"), condition(mine, "Ready")


def _volume(volumes: Iterable[Volume], claim: str) -> Volume:
    """One claim's volume, which must lie on a node."""
    found = next((volume for volume in volumes if volume.claim == claim and volume.node and volume.path), None)
    if found is None:
        raise FaultHadNoEffect(f"there is no claim {claim} whose files lie on a node")
    return found


def _files(target: Target, volume: Volume) -> list[str]:
    return target.machines.on_node(volume.node, "find", volume.path, "-type", "f").splitlines()
