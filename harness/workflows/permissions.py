"""The permissions that each workflow asks for on a shared cluster, as clusters/permissions.toml lists them."""

import tomllib
from collections.abc import Mapping, Sequence

from harness.clusters.permissions_file import ProofPolicy
from harness.clusters.rbac import NamespaceRole, Permission, permissions
from harness.core import resources

PROOF_ROLE = "drillproof-prove-inside"
PROOF_VELERO_ROLE = "drillproof-prove-velero-inside"
"""ClusterRoles that a proof binds to itself, and to its Velero, in each namespace that it creates."""

PROOF_ACCOUNT = "velero"
"""The ServiceAccount of the proof's own Velero."""

MIGRATION_ROLE = "drillproof-migrate"
"""The ClusterRole for the namespace: bound by the administrator at the source, and by drillproof at the target."""


def listed(table: str, **words: str | Sequence[str]) -> tuple[Permission, ...]:
    """The permissions of a table, with `words` in the place of `{...}`; a list stands for one rule for each name."""
    names = {f"{{{word}}}": (name,) if isinstance(name, str) else tuple(name) for word, name in words.items()}

    def filled(word: str) -> Sequence[str]:
        return names[word] if word.startswith("{") else word.split() or ("",)

    tables = tomllib.loads((resources.clusters() / "permissions.toml").read_text(encoding="utf-8"))
    return tuple(
        permission
        for part in tables[table]
        for namespace in filled(part.get("in", ""))
        for verbs, kinds, group, *name in part["rules"]
        for called in filled(*name or ("",))
        for permission in permissions(verbs, kinds, group, called, namespace)
    )


def proof_outside(policy: ProofPolicy) -> tuple[Permission, ...]:
    outside = listed("proof-outside", namespaces=policy.all, roles=(PROOF_ROLE, PROOF_VELERO_ROLE))
    return outside + (listed("proof-makes-crds") if policy.makes_crds else ())


def proof_inside(namespace: str) -> NamespaceRole:
    return NamespaceRole(namespace, PROOF_ROLE, listed("proof-inside", namespace=namespace))


def migration_source(namespaces: Sequence[str], read: Mapping[str, str]) -> tuple[Permission, ...]:
    """What is needed outside the source's namespace; to `read` are kinds of the whole cluster with their groups."""
    return listed("migration-source", namespaces=namespaces) + _to_read(read)


def migration_target(
    namespace: str, cluster: str, read: Mapping[str, str], *, maps_classes: bool
) -> tuple[Permission, ...]:
    """What is needed outside the target's namespace, and to create and remove it; `cluster` identifies the cluster."""
    outside = listed("migration-target", namespace=namespace, cluster=cluster) + _to_read(read)
    return outside + (listed("migration-maps-classes") if maps_classes else ())


def migration_inside(namespace: str, writers: Sequence[str]) -> NamespaceRole:
    """What is needed in the namespace at either end; `writers` are KIND/NAME."""
    stopped: dict[str, list[str]] = {"deployment": [], "statefulset": [], "cronjob": []}
    for writer in writers:
        kind, _, name = writer.partition("/")
        stopped[kind].append(name)
    return NamespaceRole(namespace, MIGRATION_ROLE, listed("migration-inside", namespace=namespace, **stopped))


def _to_read(kinds: Mapping[str, str]) -> tuple[Permission, ...]:
    return tuple(Permission("list", kind, group) for kind, group in kinds.items())
