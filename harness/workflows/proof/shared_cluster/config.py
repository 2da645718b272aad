"""On which clusters of others backups may be proved, and which of their namespaces. What is not said is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.clusters.permissions_file import NAME, Leave, mirror, named, one
from harness.core.toml import Keys

NAMESPACE = "drillproof-prove"
LONGEST = 63
"""Characters of a namespace's name."""


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
    """What the file says of a context under `prove`. Misconfigured if that allows no proof there."""
    what = f"proofs on the context {context}"
    file = named(config, what, "as docs/how-to/prove-shared-cluster.md says")
    return _read(context, Keys(f'{file}, prove "{context}"', one(file, Leave.of(file).proofs, context, what)))


def _read(context: str, keys: Keys) -> Permit:
    read = Permit(
        context=context,
        namespaces=keys.strings("namespaces"),
        storage_class=keys.take("storage_class", str),
        namespace=keys.take("namespace", str, NAMESPACE),
        without_fence=keys.take("without_fence", bool, default=False),
        makes_crds=keys.take("make_crds", bool, default=False),
        mirror=mirror(keys),
    )
    for name in (read.namespace, *read.namespaces, *map(read.renamed, read.namespaces)):
        if not NAME.fullmatch(name):
            keys.fail(f"{name!r} cannot be the name of a namespace: small letters, digits and -, at most {LONGEST}")
    keys.done()
    return read
