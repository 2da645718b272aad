"""On which clusters of others backups may be proved, and which of their namespaces. What is not said is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.allowed import FILE
from harness.errors import Misconfigured
from harness.strict_toml import Keys

NAMESPACE = "drillproof-prove"
LONGEST = 63
"""Characters of a namespace's name."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MIRROR = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]+)?")


@dataclass(frozen=True)
class Permit:
    """One context, and what a proof may do there."""

    context: str
    namespaces: tuple[str, ...]  # those of a backup that may be restored there, under other names
    storage_class: str  # of all volumes
    namespace: str = NAMESPACE  # of the proof's own Velero and object store; how the names of all others begin
    without_fence: bool = False  # whether it may be where no NetworkPolicy holds
    makes_crds: bool = False  # whether Velero's kinds may be made where there are none
    mirror: str = ""  # a registry that has the images of Velero and the object store under their official names

    def renamed(self, namespace: str) -> str:
        """What one of a backup's namespaces is called there."""
        return f"{self.namespace}-{namespace}"

    def places(self, namespaces: tuple[str, ...]) -> dict[str, str]:
        """The names that these namespaces of a backup have there."""
        return {each: self.renamed(each) for each in namespaces}

    @property
    def all(self) -> tuple[str, ...]:
        """Every namespace that a proof may make there."""
        return (self.namespace, *map(self.renamed, self.namespaces))

    def image(self, official: str) -> str:
        """Where the cluster gets an image from."""
        return f"{self.mirror}/{official.partition('/')[2]}" if self.mirror else official


def permit(context: str, config: Path | None) -> Permit:
    """What the file says of a context under `prove`. Misconfigured if that allows no proof there.

    It is another leave than the one to drill: what a drill makes is made up, and what a proof restores is not.
    """
    file = config or FILE
    if not file.is_file():
        raise Misconfigured(
            f"no file {file} allows proofs on the context {context}; write one as docs/prove.md says, "
            "or name it with --config"
        )
    found = permits(file)
    if context not in found:
        others = ", ".join(found) or "none"
        raise Misconfigured(f"{file} does not allow proofs on the context {context}; it allows: {others}")
    return _read(context, Keys(f'{file}, prove "{context}"', found[context]))


def permits(file: Path) -> dict[str, object]:
    """What the file has under `prove`, by context, unread."""
    top = Keys.of(file)
    top.take("context", dict, {})
    top.take("migrate", list, [])
    found = {str(context): told for context, told in top.take("prove", dict, {}).items()}
    top.done()
    return found


def _read(context: str, keys: Keys) -> Permit:
    read = Permit(
        context=context,
        namespaces=keys.strings("namespaces"),
        storage_class=keys.take("storage_class", str),
        namespace=keys.take("namespace", str, NAMESPACE),
        without_fence=keys.take("without_fence", bool, default=False),
        makes_crds=keys.take("make_crds", bool, default=False),
        mirror=keys.take("mirror", str, ""),
    )
    for name in (read.namespace, *read.namespaces, *map(read.renamed, read.namespaces)):
        if not _NAME.fullmatch(name):
            keys.fail(f"{name!r} cannot be the name of a namespace: small letters, digits and -, at most {LONGEST}")
    if read.mirror and not _MIRROR.fullmatch(read.mirror):
        keys.fail("key `mirror` must be HOST, HOST:PORT or HOST/PATH, without https://")
    keys.done()
    return read
