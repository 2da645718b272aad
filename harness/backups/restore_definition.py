"""The definition of a restore as a user has it: a Restore of Velero's, with its resource modifiers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

import jsonpatch
import yaml
from jsonpointer import JsonPointerException

from harness.backups.backup_selection import any_of, hooks_of, names_of, selects
from harness.core.errors import Misconfigured
from harness.core.json import items, mapping, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json

_NOT_DRILLED = ("namespaceMapping", "includeClusterResources")
_OURS = (*_NOT_DRILLED, "backupName", "scheduleName", "includedNamespaces", "excludedNamespaces", "hooks")
"""What the drill decides, or has for its own namespace."""

_OPERATIONS = ("add", "remove", "replace", "test", "move", "copy")


@dataclass(frozen=True)
class Rule:
    """One rule of a resource modifier; it has JSON patches or merge patches."""

    conditions: Mapping[str, Json]
    patches: tuple[Mapping[str, Json], ...] = ()
    merged: tuple[Json, ...] = ()

    def matches(self, thing: Object) -> bool:
        """As Velero decides it, of an object that is not modified yet."""
        version, kind = text(thing, "apiVersion"), text(thing, "kind").lower()
        group = version.rpartition("/")[0]
        plural = max(names_of(kind), key=len)
        resource = f"{plural}.{group}" if group else plural
        namespaces = tuple(map(str, items(self.conditions, "namespaces")))
        tests = [
            {"op": "test", "path": text(each, "path"), "value": value(each)}
            for each in items(self.conditions, "matches")
        ]
        return (
            fnmatchcase(resource, text(self.conditions, "groupResource"))
            and (not namespaces or any_of(namespaces, {text(thing, "metadata", "namespace")}))
            and re.search(text(self.conditions, "resourceNameRegex"), name_of(thing)) is not None
            and selects(self.conditions.get("labelSelector"), mapping(thing, "metadata", "labels"))
            and _patched(thing, tests) is not None
        )

    def applied(self, thing: Object) -> Object:
        """The object as Velero would restore it; unchanged where a patch does not apply to it."""
        operations = [
            {
                "op": text(each, "operation").lower(),
                **{key: each[key] for key in ("from", "path") if each.get(key)},
                "value": value(each),
            }
            for each in self.patches
        ]
        done = _patched(thing, operations) or thing
        for each in self.merged:
            done = mapping(_merged(done, each))
        return done


@dataclass(frozen=True)
class RestoreDefinition:
    """`config_map` has the rules, as the user's own ConfigMap."""

    name: str
    origin: str
    spec: Mapping[str, Json]
    rules: tuple[Rule, ...] = ()
    config_map: Object = field(default_factory=dict)

    @property
    def called(self) -> str:
        return f"Restore {self.name}"

    def asked(self, own: str, drilled: str) -> dict[str, Json]:
        """What of it the spec of the drill's Restore has, for the namespace `drilled` in place of the user's `own`."""
        hooks, _ = hooks_of(self.spec, own, drilled)
        spec = {key: each for key, each in self.spec.items() if key not in _OURS}
        return {**spec, **({"hooks": {"resources": list(hooks)}} if hooks else {})}

    def differs(self, own: str, drilled: str) -> Iterator[str]:
        """How the drill's Restore differs from the user's, in lines for people."""
        if left := sorted(self.spec.keys() & {*_NOT_DRILLED}):
            yield f"{', '.join(left)} of the {self.called} is not drilled"
        _, gone = hooks_of(self.spec, own, drilled)
        yield from (f"the hook {name} of the {self.called} is for other namespaces" for name in gone)

    def modified(self, thing: Object) -> Object:
        """An object as it is to be after the restore: with all modifiers that match it."""
        bare = {key: each for key, each in thing.items() if key != "status"}
        done: Object = bare
        for rule in self.rules:
            if rule.matches(bare):
                done = rule.applied(done)
        return {**thing, **done}


def of(thing: Object, maps: Mapping[str, Object], origin: str) -> RestoreDefinition:
    """The definition that a Restore is, whose fields are valid; `maps` are the ConfigMaps beside it. Misconfigured."""
    spec, name = mapping(thing, "spec"), name_of(thing)
    where = f"{origin}: the Restore {name}"
    if spec.get("resourcePolicy"):
        raise Misconfigured(
            f"{where} has a resourcePolicy, which drillproof cannot drill; write its filters in the spec"
        )
    modifier = text(spec, "resourceModifier", "name")
    if modifier and modifier not in maps:
        raise Misconfigured(
            f"{where} names the ConfigMap {modifier} as its resourceModifier, which is not there; "
            "add it, as a document of its own"
        )
    config = maps[modifier] if modifier else {}
    return RestoreDefinition(name, origin, spec, _rules(config, origin) if config else (), config)


def _rules(config: Object, origin: str) -> tuple[Rule, ...]:
    """The rules of a ConfigMap. Misconfigured if Velero would reject them, or drillproof cannot follow them."""
    where = f"{origin}: the resource modifier {name_of(config)}"
    data = mapping(config, "data")
    try:
        document = yaml.safe_load(str(next(iter(data.values())))) if len(data) == 1 else None
        rules = tuple(_rule(each) for each in items(document, "resourceModifierRules"))
    except (yaml.YAMLError, re.error, ValueError) as error:
        raise Misconfigured(f"{where} is not valid: {' '.join(str(error).split())}") from error
    if text(document, "version").lower() != "v1" or not rules:
        raise Misconfigured(f"{where} must have one key under data, with version v1 and resourceModifierRules")
    return rules


def _rule(found: Json) -> Rule:
    conditions = mapping(found, "conditions")
    patches, merges = (tuple(map(mapping, items(found, key))) for key in ("patches", "mergePatches"))
    if not text(conditions, "groupResource"):
        raise ValueError("a rule has no groupResource")
    if items(found, "strategicPatches"):
        raise ValueError("drillproof cannot follow strategicPatches; write mergePatches or patches")
    if bool(patches) == bool(merges):
        raise ValueError("a rule must have either patches or mergePatches")
    for each in patches:
        if text(each, "operation").lower() not in _OPERATIONS or not text(each, "path"):
            raise ValueError(f"a patch needs a path, and an operation of: {', '.join(_OPERATIONS)}")
    re.compile(text(conditions, "resourceNameRegex"))
    return Rule(conditions, patches, tuple(cast("Json", yaml.safe_load(text(each, "patchData"))) for each in merges))


def value(patch: Json) -> Json:
    """The value of a patch, which Velero has as text: JSON where it is a number, true, null, an object or a list."""
    written = text(patch, "value")
    if written.startswith('"') and written.endswith('"'):
        return written[1:-1]
    try:
        found = json.loads(written.lower() if written.lower() in {"true", "false"} else written)
    except ValueError:
        return written
    return cast("Json", found)


def _patched(thing: Object, operations: list[dict[str, Json]]) -> Object | None:
    """None if an operation does not apply, or a test does not hold."""
    try:
        return cast("Object", jsonpatch.JsonPatch(operations).apply(dict(thing)))
    except (jsonpatch.JsonPatchException, JsonPointerException):
        return None


def _merged(thing: Json, patch: Json) -> Json:
    """By RFC 7386."""
    if not isinstance(patch, Mapping):
        return patch
    done = {**mapping(thing)}
    for key, each in patch.items():
        if each is None:
            done.pop(key, None)
        else:
            done[key] = _merged(done.get(key), each)
    return done
