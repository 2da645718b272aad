"""The rights that a migration needs at either end, one by one; the files in clusters/migrate/ grant just these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.backups.velero_install import NAMESPACE
from harness.clusters.rbac import Inside, Right, missing, named, serves
from harness.core.errors import Misconfigured
from harness.core.kubernetes import RunsKubectl
from harness.workflows.migration.inventory import API, CLUSTER, OF_SOURCE, OF_TARGET, reached
from harness.workflows.migration.request import MoveOptions, Place

ROLE = "drillproof-migrate"
"""The ClusterRole with the rights inside the namespace that is moved: bound at the source, and by us at the target."""

_GROUPS = {"deployment": "apps", "statefulset": "apps", "cronjob": "batch"}


def at_source(options: MoveOptions) -> tuple[Right, ...]:
    """What is needed outside the namespace that is moved."""
    return (
        *(Right("list", "namespaces", name=name) for name in (options.source.namespace, CLUSTER)),
        *(Right("list", kind, group) for kind, group in OF_SOURCE.items()),
        *_of_velero("podvolumebackups"),
        Right("create", "backups", "velero.io", namespace=NAMESPACE),
    )


def at_target(options: MoveOptions) -> tuple[Right, ...]:
    """What is needed outside the namespace that is made, and to make and remove it."""
    mapping = (
        Right("create", "configmaps", namespace=NAMESPACE),
        *(Right(verb, "configmaps", "", "storage-classes", NAMESPACE) for verb in ("get", "patch", "delete")),
    )
    return (
        Right("list", "namespaces", name=CLUSTER),
        *(Right(verb, "namespaces", name=options.target.namespace) for verb in ("list", "delete")),
        Right("create", "namespaces"),
        *(Right("list", kind, group) for kind, group in OF_TARGET.items()),
        Right("list", "persistentvolumes"),
        *_of_velero("podvolumerestores"),
        *(Right(verb, "restores", "velero.io", namespace=NAMESPACE) for verb in ("create", "list")),
        *(mapping if options.storage_classes else ()),
    )


def inside(namespace: str, writers: Sequence[str]) -> Inside:
    """What is needed in the namespace itself, at either end: to read it, to ask its databases, to stop its writers."""
    stopped = (writer.partition("/") for writer in writers)
    return Inside(
        namespace,
        ROLE,
        (
            Right("list", "*", "*", namespace=namespace),
            Right("get", "pods", namespace=namespace),
            Right("get", "pods/log", namespace=namespace),
            Right("create", "pods/exec", namespace=namespace),
            *(
                Right(verb, f"{kind}s", _GROUPS[kind], name, namespace)
                for kind, _, name in stopped
                for verb in ("get", "patch")
            ),
        ),
    )


def ask(options: MoveOptions, source: RunsKubectl, target: RunsKubectl) -> bool:
    """Whether we have to be let into the target's namespace once it is made.

    Misconfigured names all that is missing at either end. What is Velero's is not asked for where there is none: the
    plan says that.
    """
    with reached(options.source):
        wanted = (*at_source(options), *inside(options.source.namespace, options.writers).rights)
        lacking = {options.source: missing(source, _there(source, wanted))}
    with reached(options.target):
        to_enter, binds = inside(options.target.namespace, options.writers).missing(target)
        lacking[options.target] = (*missing(target, _there(target, at_target(options))), *to_enter)
    if told := tuple(_told(lacking)):
        raise Misconfigured(f"rights are missing {'; and '.join(told)}; clusters/migrate/ has files that grant all")
    return binds


def _of_velero(copies: str) -> Iterator[Right]:
    """To look at a Velero, and at what came of its copies."""
    yield from (Right("list", kind, "apps", namespace=NAMESPACE) for kind in ("deployments", "daemonsets"))
    yield Right("list", "configmaps", namespace=NAMESPACE)
    yield Right("list", "secrets", name="velero-repo-credentials", namespace=NAMESPACE)
    yield from (
        Right("list", kind, "velero.io", namespace=NAMESPACE) for kind in ("backupstoragelocations", "backups", copies)
    )


def _there(kubectl: RunsKubectl, wanted: tuple[Right, ...]) -> tuple[Right, ...]:
    """Those of them that are of what the cluster knows."""
    if serves(kubectl, f"{API}/v1"):
        return wanted
    return tuple(right for right in wanted if right.namespace != NAMESPACE)


def _told(lacking: Mapping[Place, tuple[Right, ...]]) -> Iterator[str]:
    for place, rights in lacking.items():
        if rights:
            yield f"on the context {place.context}: {named(rights)}"
