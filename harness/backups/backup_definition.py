"""The definition of a backup as a user has it: a Backup or Schedule of Velero's, with its volume policies."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from harness.backups import restore_definition
from harness.backups.backup_selection import Policy, Selection, any_of, hooks_of, span
from harness.backups.restore_definition import RestoreDefinition
from harness.backups.velero_lane import Lane
from harness.core.documents import MAX_BYTES, Documents
from harness.core.errors import Misconfigured
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, name_of, namespace_of
from harness.core.model import Json

_VERSION = "velero.io/v1"
_ACTIONS = ("skip", "fs-backup", "snapshot", "custom")
_KINDS: Mapping[str, tuple[type, ...]] = {"text": (str,), "flag": (bool,), "number": (int,)}
_UNDRILLED = ("includeExcludePolicy", "clusterScopedFilterPolicy", "namespacedFilterPolicies")
_OF_STORAGE = ("csi", "nfs")
_SINCE_EVER = frozenset({"capacity", "storageClass", "volumeTypes", "pvcLabels", *_OF_STORAGE})
"""Conditions that every lane knows."""

_IN_PODS = frozenset({"configMap", "downwardAPI", "emptyDir", "ephemeral", "hostPath", "projected", "secret"})
"""Types of volumes that no claim stands for."""

_OURS = ("includedNamespaces", "excludedNamespaces", "storageLocation", "hooks", "orderedResources", "metadata")
_NOT_OURS = ("volumeSnapshotLocations", "snapshotMoveData", "datamover", "volumeGroupSnapshotLabelKey")
"""What only concerns snapshots, which a drill does not take."""

_OF_CLUSTER = ("includeClusterResources", "includedClusterScopedResources", "excludedClusterScopedResources")


@dataclass(frozen=True)
class Definition:
    """`config_map` has the volume policies, as the user's own ConfigMap."""

    name: str
    kind: str  # Backup or Schedule
    origin: str  # the file, or the existing cluster
    spec: Mapping[str, Json]
    policies: tuple[Policy, ...] = ()
    config_map: Object = field(default_factory=dict)
    restore: RestoreDefinition | None = None  # drillproof's own if None

    @property
    def called(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def config_maps(self) -> tuple[Object, ...]:
        """What it needs in Velero's namespace."""
        return tuple(filter(None, (self.config_map, self.restore.config_map if self.restore else None)))

    @property
    def decides_by_class(self) -> bool:
        """Whether what becomes of a volume depends on its StorageClass."""
        return any("storageClass" in policy.conditions for policy in self.policies)

    def require(self, namespace: str, lane: Lane) -> None:
        """Misconfigured unless it includes this namespace and this lane of Velero can do what it asks for."""
        included, excluded = (tuple(map(str, items(self.spec, f"{how}Namespaces"))) for how in ("included", "excluded"))
        if (included and not any_of(included, {namespace})) or any_of(excluded, {namespace}):
            says = f"includedNamespaces: {', '.join(included) or 'all'}"
            says += f"; excludedNamespaces: {', '.join(excluded)}" if excluded else ""
            raise Misconfigured(
                f"{self.origin}: the {self.called} does not back up the namespace {namespace} of the application "
                f"({says}); use the definition that does, or correct it"
            )
        wanted = {name for policy in self.policies for name in policy.conditions} - _SINCE_EVER
        wanted |= {"the action custom"} if any(policy.action == "custom" for policy in self.policies) else set()
        if included and not {"*", namespace} & {*included}:  # so that only a pattern includes it
            wanted.add("namespace patterns")
        if lacking := sorted(wanted - {*lane.definitions}):
            raise Misconfigured(
                f"{self.origin}: the {self.called} uses {', '.join(lacking)}, which Velero {lane.name} does not know; "
                "use a newer version (--velero), or write it without"
            )

    def require_local(self, classes: Iterable[str] | None = None) -> None:
        """Misconfigured where a policy decides by the kind of storage, which the cluster of a drill does not have.

        `classes` are the only StorageClasses of its claims; None where it has those of the manifests.
        """
        for policy in self.policies:
            odd = [name for name in _OF_STORAGE if name in policy.conditions]
            odd += [each for each in map(str, items(policy.conditions, "volumeTypes")) if each not in _IN_PODS]
            if odd and classes is None:
                raise Misconfigured(
                    f"{self.origin}: the resource policy decides by {', '.join(odd)}, and the volumes of a drill's own "
                    "cluster are local; drill it with --context, on a cluster with such storage"
                )
            if (named := items(policy.conditions, "storageClass")) and classes is not None:
                raise Misconfigured(
                    f"{self.origin}: the resource policy decides by the StorageClass ({', '.join(map(str, named))}), "
                    f"and all claims of a drill on this context have {', '.join(classes)}; drill it without --context"
                )

    def selection(self, claims: Iterable[Object] = (), volumes: Iterable[Object] = ()) -> Selection:
        """What it selects, of a namespace with these claims, bound to these volumes."""
        found = {f"{namespace_of(each)}/{name_of(each)}": each for each in claims}
        return Selection(self.spec, self.policies, found, {name_of(each): each for each in volumes})

    def asked(self, own: str, drilled: str, location: str, *, shared: bool = False) -> dict[str, Json]:
        """The spec of the drill's Backup: the user's, for the namespace `drilled` in place of the user's `own` one.

        On a `shared` cluster without all that is not in a namespace.
        """
        left = (*_OURS, *_NOT_OURS, *((*_OF_CLUSTER, "ttl") if shared else ()))
        spec = {key: value for key, value in self.spec.items() if key not in left}
        hooks, _ = hooks_of(self.spec, own, drilled)
        order = {
            kind: _ordered(str(names), own, drilled) for kind, names in mapping(self.spec, "orderedResources").items()
        }
        return {
            **spec,
            "includedNamespaces": [drilled],
            **({"hooks": {"resources": list(hooks)}} if hooks else {}),
            **({"orderedResources": order} if any(order.values()) else {}),
            "snapshotVolumes": False,
            "storageLocation": location,
        }

    def differs(self, own: str, drilled: str, location: str, *, shared: bool = False) -> Iterator[str]:
        """How the drill's Backup differs from the user's, in lines for people."""
        asked = self.asked(own, drilled, location, shared=shared)
        if (others := items(self.spec, "includedNamespaces")) != (drilled,):
            yield f"of its namespaces ({', '.join(map(str, others)) or 'all'}) {own} is drilled, as {drilled}"
        if (where := text(self.spec, "storageLocation")) not in {"", location}:
            yield f"its storage location {where} is {location} in the drill"
        _, gone = hooks_of(self.spec, own, drilled)
        yield from (f"its hook {name} is for other namespaces" for name in gone)
        dropped = sorted((self.spec.keys() - asked.keys()) & {*_NOT_OURS, *_OF_CLUSTER})
        yield from (f"{key} is not drilled" for key in dropped)
        if at(self.spec, "snapshotVolumes") is not False:
            yield "no snapshots are taken: the drill restores copies of files"
        yield from self.restore.differs(own, drilled) if self.restore else ()


def read(file: Path) -> Definition:
    """The definition in a file, which may also have a Restore, and the ConfigMaps that both name. Misconfigured."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise Misconfigured(
            f"{file} cannot be read: {error.strerror}; name a manifest of a Backup or Schedule"
        ) from error
    read = [each for each in Documents().read(content, str(file)) if each is not None]
    found = [each for each in read if isinstance(each, Mapping)]
    if len(found) < len(read):
        raise Misconfigured(f"{file} has a document that is no object; name the manifest of a Backup or Schedule")
    maps = [each for each in found if text(each, "kind") == "ConfigMap"]
    restores = [each for each in found if text(each, "kind") == "Restore"]
    others = [each for each in found if each not in (*maps, *restores)]
    if len(others) != 1 or len(restores) > 1:
        listed = (*others, *restores)
        kinds = ", ".join(f"{text(each, 'kind') or 'an object'} {name_of(each)}".strip() for each in listed) or "none"
        raise Misconfigured(
            f"{file} must have one Backup or Schedule, beside its ConfigMaps and at most one Restore; it has: {kinds}"
        )
    named = {name_of(each): each for each in maps}
    definition = of(others[0], named, str(file))
    for each in restores:
        _require_valid(each, str(file))
        definition = replace(definition, restore=restore_definition.of(each, named, str(file)))
    return definition


def of(thing: Object, maps: Mapping[str, Object], origin: str) -> Definition:
    """The definition that a Backup or Schedule is; `maps` are the ConfigMaps beside it. Misconfigured."""
    kind, version = text(thing, "kind"), text(thing, "apiVersion")
    if kind not in {"Backup", "Schedule"} or version != _VERSION:
        what = f"{kind} of {version}" if kind and version else "an object without kind or apiVersion"
        raise Misconfigured(f"{origin} is {what}, and neither a Backup nor a Schedule of {_VERSION}")
    name, spec = name_of(thing), at(thing, "spec")
    _require_valid(thing, origin)
    if kind == "Schedule" and not isinstance(at(spec, "template"), Mapping):
        raise Misconfigured(f"{origin}: the {kind} {name} is not valid: spec.template is missing")
    wanted = mapping(spec, "template") if kind == "Schedule" else mapping(spec)
    _require_consistent(wanted, f"{origin}: the {kind} {name}")
    policy = text(wanted, "resourcePolicy", "name")
    if policy and text(wanted, "resourcePolicy", "kind").lower() != "configmap":
        raise Misconfigured(f"{origin}: the {kind} {name} has a resourcePolicy that is no ConfigMap; Velero ignores it")
    if policy and policy not in maps:
        raise Misconfigured(
            f"{origin}: the {kind} {name} names the ConfigMap {policy} as its resourcePolicy, which is not there; "
            "add it, as a document of its own"
        )
    config = maps[policy] if policy else {}
    return Definition(name, kind, origin, wanted, read_policies(config, origin) if config else (), config)


def _require_valid(thing: Object, origin: str) -> None:
    """Misconfigured for a field that Velero does not know, or with another type."""
    kind, name = text(thing, "kind"), name_of(thing)
    problems = [*_problems(at(thing, "spec"), _schema()[kind], "spec"), *([] if name else ["metadata.name is missing"])]
    if problems:
        raise Misconfigured(f"{origin}: the {kind} {name} is not valid: {'; '.join(problems)}")


def _require_consistent(spec: Mapping[str, Json], where: str) -> None:
    """Misconfigured for what Velero itself rejects."""
    if spec.get("labelSelector") and spec.get("orLabelSelectors"):
        raise Misconfigured(f"{where} has both labelSelector and orLabelSelectors; Velero rejects that")
    old = {"includedResources", "excludedResources", "includeClusterResources"}
    new = {f"{how}{what}ScopedResources" for how in ("included", "excluded") for what in ("Cluster", "Namespace")}
    if all(any(spec.get(key) not in (None, [], ()) for key in some) for some in (old, new)):
        raise Misconfigured(f"{where} mixes old and new filters of resources; Velero rejects that")
    included, excluded = ({*map(str, items(spec, f"{how}Namespaces"))} for how in ("included", "excluded"))
    if both := sorted(included & excluded - {"*"}):
        raise Misconfigured(f"{where} includes and excludes {', '.join(both)}; Velero rejects that")


def read_policies(config: Object, origin: str) -> tuple[Policy, ...]:
    """The volume policies of a ConfigMap. Misconfigured if Velero would reject them."""
    where = f"{origin}: the resource policy {name_of(config)}"
    data = mapping(config, "data")
    if len(data) != 1:
        raise Misconfigured(f"{where} must have one key under data, not {len(data)}")
    document = next(Documents().read(str(next(iter(data.values()))).encode(), where), None)
    problems = list(_problems(document, _schema()["policy"], ""))
    if text(document, "version") != "v1":
        problems.append("version must be v1")
    policies = [
        Policy(text(each, "action", "type"), mapping(each, "conditions")) for each in items(document, "volumePolicies")
    ]
    problems += [f"unknown action {each.action!r}" for each in policies if each.action not in _ACTIONS]
    for each in policies:
        try:
            span(text(each.conditions, "capacity") or ",")
        except ValueError as error:
            problems.append(f"capacity: {error}")
    if problems:
        raise Misconfigured(f"{where} is not valid: {'; '.join(problems)}")
    if undrilled := [key for key in _UNDRILLED if at(document, key)]:
        raise Misconfigured(f"{where} has {', '.join(undrilled)}, which drillproof cannot drill; write it in the spec")
    return tuple(policies)


def _problems(value: Json, schema: Json, path: str) -> Iterator[str]:
    """What of a value is not as the schema has it."""
    if value is None or schema == "any":
        return
    if isinstance(schema, str):
        if type(value) not in _KINDS[schema]:
            yield f"{path} must be a {schema}"
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{path} must be a list"
            return
        for number, each in enumerate(value):
            yield from _problems(each, schema[0], f"{path}[{number}]")
    elif not isinstance(value, Mapping):
        yield f"{path or 'it'} must be an object"
    else:
        for key, each in value.items():
            here = f"{path}.{key}" if path else str(key)
            known = mapping(schema)
            if key not in known and "*" not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                yield f"unknown field {here}{f', did you mean {close[0]}?' if close else ''}"
            else:
                yield from _problems(each, known.get(key, known.get("*")), here)


@cache
def _schema() -> Mapping[str, Json]:
    file = Path(__file__).with_name("backup_definition.yaml")
    return cast("Mapping[str, Json]", yaml.safe_load(file.read_text("utf-8")))


def _ordered(names: str, own: str, drilled: str) -> str:
    """Of the objects in a list of orderedResources, those of the user's namespace, for the drilled one."""
    pairs = (each.strip().partition("/") for each in names.split(","))
    return ",".join(f"{drilled}/{name}" if name else space for space, _, name in pairs if not name or space == own)
