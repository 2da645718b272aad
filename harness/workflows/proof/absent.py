"""What a backup should hold, by its own spec and by its own objects, and does not: it cannot come back."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.backups.backup_selection import Selection, names_of
from harness.backups.velero_backup import BackupRecord
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, address, claims_of, namespace_of
from harness.workloads.detection import needed

CREATES = "creates"

_CONTROLLERS = frozenset({"StatefulSet", "ReplicaSet", "DaemonSet", "Job", "ReplicationController"})
"""What creates pods again; others may belong to the whole cluster, or be of a kind whose plural is not known."""

_EVERYWHERE = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"})
"""ConfigMaps that a cluster creates in each namespace."""


@dataclass(frozen=True)
class Absent:
    """In words: each object with what needs it, and with what of the spec leaves it out."""

    needed: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()  # the spec leaves them out: something else creates them, as GitOps does


def absent(recorded: BackupRecord) -> Absent:
    """Nothing of a backup that failed."""
    if recorded.failed:
        return Absent()
    found = dict.fromkeys(each for pod in recorded.pods for each in _needed(pod, recorded))
    return Absent(
        (*_namespaces(recorded), *(words for words, on_purpose in found if not on_purpose)),
        tuple(words for words, on_purpose in found if on_purpose),
    )


def _namespaces(recorded: BackupRecord) -> Iterator[str]:
    held = {name if kind == "namespaces" else namespace for kind, namespace, name in recorded.names}
    for name in map(str, items(recorded.spec, "includedNamespaces")):
        if "*" not in name and name not in held:
            yield f"namespace {name} (asked for by includedNamespaces)"


def _needed(pod: Object, recorded: BackupRecord) -> Iterator[tuple[str, bool]]:
    """In words, and whether it is a controller that the spec leaves out."""
    namespace = namespace_of(pod)
    needs = [("PersistentVolumeClaim", "v1", claim, "mounted by") for claim in claims_of(pod).values()]
    needs += [("ConfigMap", "v1", name, "needed by") for name in needed(pod, "ConfigMap") if name not in _EVERYWHERE]
    needs += [
        (text(owner, "kind"), text(owner, "apiVersion"), text(owner, "name"), CREATES)
        for owner in items(pod, "metadata", "ownerReferences")
        if text(owner, "kind") in _CONTROLLERS and at(owner, "controller") is True
    ]
    for kind, version, name, how in needs:
        if not any((each, namespace, name) in recorded.names for each in names_of(kind, version)):
            why = Selection(recorded.spec).without(kind, version)
            yield f"{kind} {namespace}/{name} ({how} {address(pod)}{why and f'; {why}'})", bool(why) and how == CREATES
