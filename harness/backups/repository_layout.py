"""Where the parts of a repository lie in the bucket, for each of Velero's uploaders."""

from __future__ import annotations

from collections.abc import Mapping

LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "restic": {
        "packs": "restic/{namespace}/data/",
        "index": "restic/{namespace}/index/",
        "snapshots": "restic/{namespace}/snapshots/",
        "keys": "restic/{namespace}/keys/",
        "locks": "restic/{namespace}/locks/",
    },
    # kopia keeps what says which bytes are what, snapshots and directories, in packs of their own; it takes no locks.
    "kopia": {
        "packs": "kopia/{namespace}/p",
        "index": "kopia/{namespace}/x",
        "snapshots": "kopia/{namespace}/q",
        "keys": "kopia/{namespace}/kopia.repository",
    },
}
"""How the keys begin of all objects of a part, by uploader and part."""
