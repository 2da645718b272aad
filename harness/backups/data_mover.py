"""Velero's data mover: CSI snapshots of volumes, copied into the bucket by kopia, and restored from there.

DataUploads and DataDownloads are its records, which name claims. They are read as the PodVolumeBackups and
PodVolumeRestores that they stand for, which name a pod and its volume.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.core.json import mapping, text
from harness.core.kubernetes import Object, claims_of, name_of, namespace_of

NAME = "datamover"
"""Stands for it beside the names of Velero's uploaders."""

ENGINE = f"velero-{NAME}"
KOPIA = "kopia"
UPLOADS = "datauploads.velero.io"
DOWNLOADS = "datadownloads.velero.io"
OPTION = "--features=EnableCSI"
"""Of `velero install`."""

_OWN = frozenset({"", "velero"})
"""How Velero's own data mover is named; any other one is a third party's."""


@dataclass(frozen=True)
class Snapshots:
    """Storage of a cluster of ours whose snapshots the data mover can read."""

    install: Callable[[], None]  # returns when it can be used. TimedOut
    storage_class: str


Mounts = Mapping[tuple[str, str], tuple[str, str]]
"""By the namespace and the name of a claim: the pod that uses it, and what the pod calls it."""


def mounts(pods: Iterable[Object]) -> Mounts:
    """Of several pods that use one claim, the first by name has it."""
    ordered = sorted(pods, key=name_of, reverse=True)
    return {
        (namespace_of(pod), claim): (name_of(pod), name) for pod in ordered for name, claim in claims_of(pod).items()
    }


def as_copy(moved: Object, used: Mounts) -> Object:
    """A DataUpload or DataDownload in the form of a PodVolumeBackup or PodVolumeRestore.

    A claim that no pod uses is a volume of that name, of a pod without a name.
    """
    spec, target = mapping(moved, "spec"), mapping(moved, "spec", "targetVolume")
    namespace = text(target, "namespace") or text(spec, "sourceNamespace")
    claim = text(target, "pvc") or text(spec, "sourcePVC")
    pod, volume = used.get((namespace, claim), ("", claim))
    mover = text(spec, "datamover")
    return {
        "spec": {
            "pod": {"namespace": namespace, "name": pod},
            "volume": volume,
            "uploaderType": KOPIA if mover in _OWN else mover,
        },
        "status": mapping(moved, "status"),
    }
