"""What stops a drill before its cluster exists: `plan` and `run` refuse the same, with the same words."""

from collections.abc import Sequence

from harness.backups import data_mover
from harness.backups.backup_selection import ANNOTATION
from harness.clusters import local
from harness.core import paths
from harness.core.errors import Misconfigured
from harness.workflows.drill.request import Options
from harness.workloads.custos import CUSTOS
from harness.workloads.dataset import dataset
from harness.workloads.deployment import overlay

ROOM = 12
"""Bytes of disk for each byte of known data: three members, their logs, dump and repository, and all that restored."""


def require_possible(drills: Sequence[Options]) -> tuple[str, ...]:
    """Where the images of the user's application will come from, in lines for people.

    `drills` differ by their scenarios. Misconfigured if one could not begin on a new cluster. Takes seconds, and
    changes nothing.
    """
    for each in drills:
        needed = known_data(each).bytes_estimate() * ROOM
        paths.require_disk_space(needed, f"known data of the size {each.size}", "choose a smaller --size")
    asked = drills[0]
    brought = asked.application.by_manifests if asked.application else None
    # The data mover needs no annotation, and what a user's own definition leaves out is said and judged.
    annotated = [each for each in drills if each.engine != data_mover.ENGINE and not each.definition]
    uncopied = brought.uncopied if brought else {}
    if store := next((store for each in annotated for store in each.stores if store in uncopied), ""):
        raise Misconfigured(
            f"Velero copies nothing of {store}, so nothing could bring it back: annotate its pods with {ANNOTATION} "
            f"and the names of volumes; they are: {uncopied[store]}"
        )
    images, by_entrypoint = (brought.images, brought.by_entrypoint) if brought else ({}, {})
    return local.require_possible(asked.images, asked.mirror, images, by_entrypoint)


def known_data(options: Options) -> dataset.KnownData:
    """What is loaded into the stores; nothing into those of an application of the user's, which has its own."""
    application = options.application or CUSTOS
    if application.by_manifests:
        return dataset.KnownData(options.seed, options.size, {})
    for store in options.stores:
        overlay(application.fixtures, store, options.strategy)
    return dataset.load(application.fixtures, options.seed, options.size)
