"""The plan of a migration: its steps, its blockers and warnings. A pure function of two inventories."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.backups.backup_selection import ANNOTATION, volumes_to_copy
from harness.backups.hook_requests import hook_requests
from harness.backups.velero_install import NAMESPACE
from harness.checks.check import few
from harness.clusters.capacity import shortages
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import LABEL, Object, claims_of, name_of
from harness.workflows.migration.inventory import Inventory, kind_of
from harness.workflows.migration.quiesce import BY, quiesced, writer_name
from harness.workflows.migration.request import MigrationOptions
from harness.workloads.detection import Database, databases, full_name, images_of, needed

EXCLUDE = "velero.io/exclude-from-backup"


@dataclass(frozen=True)
class Step:
    name: str
    does: tuple[str, ...]


@dataclass(frozen=True)
class MigrationPlan:
    """What a migration will do, and what is in its way. `databases` are the source's."""

    steps: tuple[Step, ...]
    blockers: tuple[str, ...]  # why it is impossible
    warnings: tuple[str, ...]
    databases: tuple[Database, ...]


Issue = tuple[bool, str]
"""Whether it is a blocker, and what is wrong."""


def plan(options: MigrationOptions, source: Inventory, target: Inventory) -> MigrationPlan:
    """The plan. Misconfigured if the source has no database: then nothing could be proved."""
    found = databases(source.pods, options.databases) if source.namespace else ()
    issues = tuple(_issues(options, source, target, found))
    return MigrationPlan(
        steps=_steps(options, source, target, found),
        blockers=tuple(what for blocks, what in issues if blocks),
        warnings=tuple(what for blocks, what in issues if not blocks),
        databases=found,
    )


def uncopied(pods: Iterable[Object]) -> tuple[str, ...]:
    """Every mounted claim that no annotation opts in for the backup: `data of db-0`."""
    return tuple(
        f"{volume} of {name_of(pod)}" for pod in pods for volume in claims_of(pod) if volume not in volumes_to_copy(pod)
    )


def _steps(
    options: MigrationOptions, source: Inventory, target: Inventory, found: tuple[Database, ...]
) -> tuple[Step, ...]:
    moved = [f"{old} becomes {new}" for old, new in options.storage_classes.items()]
    asked = [f"{volume} of {name_of(pod)}" for pod in source.pods for volume in volumes_to_copy(pod)]
    bases = [f"{each.key}, container {each.container} ({each.why})" for each in found]
    content = f"{len(asked)} volumes ({few(asked, separator=', ') or 'none'})"
    hooks = f"{hook_requests({}, source.pods).count} hooks"
    backup = f"a Backup in {NAMESPACE} of the namespace {source.place.namespace}, with {content} and {hooks}"
    there = target.place.context
    steps = {
        "freeze": (
            *(f"{source.place.name}: {_stop(writer)}, and annotated" for writer in options.writers),
            *((f"your command: {options.quiesce}",) if options.quiesce else ()),
            *(f"{source.place.name}: fingerprint of {each}" for each in bases),
        ),
        "backup": (f"{source.place.context}: {backup}",),
        "restore": (
            f"{there}: create the namespace {target.place.namespace}, with the label {LABEL}",
            *(f"{there}: storage class {each}, by a ConfigMap in {NAMESPACE}" for each in moved),
            f"{there}: a Restore in {NAMESPACE} of {len(source.things)} objects and of these volumes",
        ),
        "readback": (
            *(f"{target.place.name}: fingerprint of {each}, and its integrity check" for each in bases),
            f"{source.place.name}: all fingerprints again, and its replication peers; it stays quiesced",
        ),
    }
    return tuple(Step(name, does) for name, does in steps.items())


def _issues(
    options: MigrationOptions, source: Inventory, target: Inventory, found: tuple[Database, ...]
) -> Iterator[Issue]:
    if not source.namespace:
        yield True, f"{source.place.context} has no namespace {source.place.namespace}"
        return
    yield from _ends(source, target)
    yield from _veleros(source, target)
    yield from _storage(options, source, target)
    yield from _data(source, found)
    yield from _needs(source, target)
    yield from _surroundings(source, target)
    yield from _writers(options, source)


def _ends(source: Inventory, target: Inventory) -> Iterator[Issue]:
    there, named = target.place.context, target.place.namespace
    same = source.uid == target.uid
    if same and source.place.namespace == named:
        yield True, "source and target are the same namespace of the same cluster; name another with --to-namespace"
        return
    if target.namespace:
        yield True, f"{there} has a namespace {named} already; name another one, or delete it"
    if same:
        yield False, "source and target are the same cluster"
    if _minor(target.kubernetes) < _minor(source.kubernetes):
        yield False, f"the target runs an older Kubernetes: {target.kubernetes}, the source {source.kubernetes}"


def _veleros(source: Inventory, target: Inventory) -> Iterator[Issue]:
    for end in (source, target):
        velero, where = end.velero, end.place.context
        if not velero.version:
            yield True, f"{where} has no Velero in the namespace {NAMESPACE}; install it"
        elif not velero.ready or not velero.agents_wanted or velero.agents < velero.agents_wanted:
            agents = f"{velero.agents} of {velero.agents_wanted} agents"
            yield True, f"{where}: Velero is not ready ({'' if velero.ready else 'no server, '}{agents})"
        elif not velero.available:
            yield True, f"{where}: Velero's location `default` is not Available"
    if source.velero.version and target.velero.version:
        yield from _velero_pair(source, target)


def _velero_pair(source: Inventory, target: Inventory) -> Iterator[Issue]:
    one, other = source.velero, target.velero
    if one.version != other.version:
        yield False, f"Velero {one.version} backs up, and Velero {other.version} restores"
    if one.read_only:
        yield True, f"{source.place.context}: Velero's location `default` is read-only"
    if one.place != other.place:
        buckets = " and ".join("/".join(filter(None, end.place)) or "none" for end in (one, other))
        yield True, f"the two Veleros use different buckets: {buckets}"
    elif one.url != other.url:
        yield False, f"the Veleros use different URLs of the bucket: {one.url} and {other.url}"
    if one.repository and other.repository and one.repository != other.repository:
        yield True, f"the repository passwords differ (Secret velero-repo-credentials in {NAMESPACE})"
    if other.mapping is not None:
        yield True, f"{target.place.context}: Velero already has a storage class mapping: {dict(other.mapping)}"


def _storage(options: MigrationOptions, source: Inventory, target: Inventory) -> Iterator[Issue]:
    used = {text(claim, "spec", "storageClassName") for claim in source.of("PersistentVolumeClaim")} - {""}
    for old in sorted(options.storage_classes.keys() - used):
        yield True, f"--storage-class {old}=...: no claim of {source.place.name} has that class"
    classes = sorted(map(name_of, target.outside_of("StorageClass")))
    for name in sorted(used):
        becomes = options.storage_classes.get(name, name)
        if becomes not in classes:
            have = ", ".join(classes) or "none"
            lacking = f"{target.place.context} has no storage class {becomes}"
            yield True, f"{lacking}; map {name} with --storage-class ({have})"
    if short := shortages(source.pods, target.outside_of("Node"), target.outside_of("Pod")):
        yield True, f"{target.place.context} does not have enough: {'; '.join(short)}"


def _data(source: Inventory, found: tuple[Database, ...]) -> Iterator[Issue]:
    if not any(map(volumes_to_copy, source.pods)):
        yield True, f"no volume of {source.place.name} is in the backup: annotate its pods with {ANNOTATION}"
    volumes = {name_of(volume): volume for volume in source.outside_of("PersistentVolume")}
    bound = {
        name_of(claim): volumes.get(text(claim, "spec", "volumeName")) for claim in source.of("PersistentVolumeClaim")
    }
    of_databases = {each.pod for each in found}
    for pod in source.pods:
        name, asked = name_of(pod), volumes_to_copy(pod)
        for volume in items(pod, "spec", "volumes"):
            mount = text(volume, "name")
            claim = text(volume, "persistentVolumeClaim", "claimName")
            on_host = at(volume, "hostPath") is not None or at(bound.get(claim), "spec", "hostPath") is not None
            if on_host and mount in asked:
                yield True, f"{mount} of {name} is a hostPath, which Velero does not copy despite the annotation"
            elif on_host:
                yield False, f"{mount} of {name} is a hostPath; its files are not migrated"
            elif claim and mount not in asked:
                whose = "the database " if name in of_databases else ""
                yield False, f"{mount} of {whose}{name} has no annotation for the backup; it will be empty"


def _needs(source: Inventory, target: Inventory) -> Iterator[Issue]:
    for kind in ("Secret", "ConfigMap"):
        listed = {name_of(each): each for each in source.of(kind)}
        for name in sorted({name for pod in source.pods for name in needed(pod, kind)}):
            if name not in listed:
                yield True, f"pods need the {kind} {name}, which {source.place.name} does not have"
            elif text(listed[name], "metadata", "labels", EXCLUDE) == "true":
                yield True, f"pods need the {kind} {name}, which its label {EXCLUDE} excludes from the backup"
    if unserved := sorted({kind_of(thing) for thing in source.things} - target.kinds):
        yield True, f"{target.place.context} does not serve kinds that {source.place.name} uses: {', '.join(unserved)}"
    there = {f"{text(thing, 'kind').lower()} {name_of(thing)}" for thing in target.outside}
    for need in sorted(set(_outside(source)) - there):
        yield True, f"{target.place.context} has no {need}, which {source.place.name} needs"


def _surroundings(source: Inventory, target: Inventory) -> Iterator[Issue]:
    there = {
        full_name(str(name))
        for node in target.outside_of("Node")
        for each in items(node, "status", "images")
        for name in items(each, "names")
    }
    absent = sorted(images_of(source.pods).keys() - there)
    if absent:
        yield False, f"{target.place.context} must pull images: {few(absent, separator=', ')}"
    for service in source.of("Service"):
        kind, name = text(service, "spec", "type"), name_of(service)
        if kind in {"NodePort", "LoadBalancer"}:
            new = "another port" if kind == "NodePort" else "another address"
            yield False, f"the Service {name} is a {kind}: it gets {new}; reconfigure its clients"
    if source.place.namespace != target.place.namespace:
        yield from _left_behind(source, within=source.uid == target.uid)


def _left_behind(source: Inventory, *, within: bool) -> Iterator[Issue]:
    """Addresses that contain the source's namespace.

    `within` one cluster they keep leading to a Service of the source: the target would join it.
    """
    services = {name_of(each) for each in source.of("Service")}
    leads = "on the same cluster it leads to the source, which the target would join; use short names"
    for thing in source.things:
        if found := _addresses(thing, source.place.namespace):
            whose = f"{text(thing, 'kind')} {text(thing, 'metadata', 'name')}"
            joins = within and any(service in services for service in found.values())
            after = leads if joins else "it leads nowhere after the migration"
            yield joins, f"{whose} contains the old namespace ({few(found, separator=', ')}); {after}"


def _writers(options: MigrationOptions, source: Inventory) -> Iterator[Issue]:
    there = set(map(writer_name, source.things))
    for writer in options.writers:
        if writer not in there:
            yield True, f"--writer {writer}: {source.place.name} has no such object"
    for name, thing in quiesced(source.things):
        yield True, f"{name} is already quiesced, by {text(thing, 'metadata', 'annotations', BY)}"
    if not options.writers and not options.quiesce:
        yield True, "no writers are named: use --writer, or a command with --quiesce"


def _outside(source: Inventory) -> Iterator[str]:
    """The cluster-wide objects that the namespace needs: `clusterrole x`."""
    needs = [
        *((pod, "priorityClassName", "priorityclass") for pod in source.pods),
        *((pod, "runtimeClassName", "runtimeclass") for pod in source.pods),
        *((ingress, "ingressClassName", "ingressclass") for ingress in source.of("Ingress")),
    ]
    for thing, key, kind in needs:
        if name := text(thing, "spec", key):
            yield f"{kind} {name}"
    for each in source.of("RoleBinding"):
        if text(each, "roleRef", "kind") == "ClusterRole":
            yield f"clusterrole {text(each, 'roleRef', 'name')}"


def _addresses(thing: Object, namespace: str) -> dict[str, str]:
    """Every address with the namespace in an object, `db-0.db.shop.svc`, with its Service."""
    kept = {key: value for key, value in thing.items() if key not in {"metadata", "status"}}
    if text(thing, "kind") == "Secret":
        values = mapping(thing, "data").values()
        kept["data"] = [base64.b64decode(str(each)).decode(errors="replace") for each in values]
    pattern = rf"(?:[\w-]+\.)?([\w-]+)\.{re.escape(namespace)}(?:\.svc(?:\.[\w.-]*\w)?)?(?![\w.-])"
    return {found[0]: found[1] for found in re.finditer(pattern, json.dumps(kept))}


def _stop(writer: str) -> str:
    kind, _, name = writer.partition("/")
    return f"{kind} {name} is suspended" if kind == "cronjob" else f"{kind} {name} is scaled to 0"


def _minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
