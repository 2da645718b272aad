"""What Velero would put into a backup by its spec: which objects, and which volumes of which pods.

The only place that decides this, for plans, drills and proofs. As Velero 1.16 to 1.18 do, by their sources.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase

from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, containers
from harness.core.model import Json

ANNOTATION = "backup.velero.io/backup-volumes"
"""A pod's list of the volumes to copy."""

EXCLUDED = f"{ANNOTATION}-excludes"
"""A pod's list of the volumes not to copy, where all others are."""

LEAVE_OUT = "velero.io/exclude-from-backup"
"""The label of objects that no backup has."""

COPY, SNAPSHOT = "fs-backup", "snapshot"
"""Actions of a volume policy, and what becomes of a volume without one."""

_SHORT = {
    "configmap": "cm",
    "cronjob": "cj",
    "daemonset": "ds",
    "deployment": "deploy",
    "horizontalpodautoscaler": "hpa",
    "ingress": "ing",
    "networkpolicy": "netpol",
    "persistentvolume": "pv",
    "persistentvolumeclaim": "pvc",
    "pod": "po",
    "poddisruptionbudget": "pdb",
    "replicaset": "rs",
    "service": "svc",
    "serviceaccount": "sa",
    "statefulset": "sts",
}
_NOT_FILES = frozenset({"hostPath", "secret", "configMap", "projected", "downwardAPI"})
"""Kinds of volumes that Velero does not copy."""

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+)|([EPTGMk]i?|Ki|m|))\s*")
_UNITS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


@dataclass(frozen=True)
class Policy:
    """One volume policy of a ConfigMap; the first one whose conditions all hold decides."""

    action: str
    conditions: Mapping[str, Json]

    def matches(self, facts: Mapping[str, Json]) -> bool:
        """Whether it decides about a volume with these `facts`, named as the conditions are."""
        return all(_holds(name, wanted, facts) for name, wanted in self.conditions.items())


@dataclass(frozen=True)
class Choice:
    """What becomes of one volume of a pod."""

    volume: str
    claim: str  # "" if it is none
    action: str  # COPY, SNAPSHOT, another action of a policy, or "" for none
    why: str  # in words, without a subject
    by_name: bool = False  # an annotation or policy asks for it, and not only all volumes are asked for
    opted_out: bool = False  # by an annotation of its pod, where all volumes are asked for

    @property
    def copied(self) -> bool:
        return self.action == COPY


@dataclass(frozen=True)
class Selection:
    """By the spec of a Backup, and the volume policies that it names. `claims` and `volumes` are those of the cluster.

    Claims are known as NAMESPACE/NAME. What is not known of a claim is taken from its template, as if it were bound.
    """

    spec: Json
    policies: Sequence[Policy] = ()
    claims: Mapping[str, Object] = field(default_factory=dict)
    volumes: Mapping[str, Object] = field(default_factory=dict)

    def why_not(self, thing: Object) -> str:
        """Why the backup does not include an object of an included namespace; "" if it does."""
        if text(thing, "metadata", "labels", LEAVE_OUT) == "true":
            return f"it has the label {LEAVE_OUT}"
        if why := self.without(text(thing, "kind"), text(thing, "apiVersion")):
            return why
        selectors = [at(self.spec, "labelSelector"), *items(self.spec, "orLabelSelectors")]
        wanted = [each for each in selectors if each]
        labels = mapping(thing, "metadata", "labels")
        if wanted and not any(selects(each, labels) for each in wanted):
            return f"its labels do not match the {'labelSelector' if selectors[0] else 'orLabelSelectors'}"
        return ""

    def why_no_pod(self, pod: Object) -> str:
        """The same of a pod, which as an item of a list, or of a template, does not name its kind."""
        return self.why_not({"apiVersion": "v1", "kind": "Pod", **pod})

    def without(self, kind: str, version: str = "v1") -> str:
        """Why the backup has no objects of a namespaced kind; "" if it has them."""
        names = names_of(kind, version)
        for what in ("Resources", "NamespaceScopedResources"):
            included, excluded = (tuple(map(str, items(self.spec, f"{how}{what}"))) for how in ("included", "excluded"))
            if included and not any_of(included, names):
                return f"included{what} does not have {min(names)}"
            if any_of(excluded, names):
                return f"excluded{what} has {min(names)}"
        return ""

    @property
    def copies_all(self) -> bool:
        return any(at(self.spec, f"defaultVolumesTo{how}") is True for how in ("FsBackup", "Restic"))

    def choices(self, pod: Object) -> tuple[Choice, ...]:
        """What becomes of each volume of a pod that the backup includes."""
        listed = {text(each, "name"): each for each in items(pod, "spec", "volumes")}
        annotated = volumes_to_copy(pod)
        mounted = {text(each, "name") for one in containers(pod) for each in items(one, "volumeMounts")}
        names = (*(name for name in annotated if name not in listed), *listed)
        return tuple(self._choice(pod, name, listed.get(name), annotated, mounted) for name in names)

    def _choice(self, pod: Object, name: str, volume: Json, annotated: Sequence[str], mounted: set[str]) -> Choice:
        claim = text(volume, "persistentVolumeClaim", "claimName")
        wanted = name in annotated and not self.copies_all
        if claim and (why := self.without("PersistentVolumeClaim")):
            return Choice(name, claim, "", why, wanted)
        has_files = volume is not None and not (_NOT_FILES & mapping(volume).keys() or name.startswith("default-token"))
        facts = self._facts(pod, volume, claim) if has_files else {}
        if policy := next((each for each in self.policies if each.matches(facts)), None) if has_files else None:
            return Choice(name, claim, policy.action, f"the resource policy says {policy.action}", by_name=True)
        if wanted:  # also what cannot be copied, so that it is missed
            return Choice(name, claim, COPY, f"its pod's {ANNOTATION} has it", by_name=True)
        if self.copies_all and has_files:
            if name in volumes_to_copy(pod, EXCLUDED):
                return Choice(name, claim, "", f"its pod's {EXCLUDED} has it", opted_out=True)
            is_mounted = name in mounted
            return Choice(name, claim, COPY if is_mounted else "", "all are copied" if is_mounted else "not mounted")
        takes = claim and at(self.spec, "snapshotVolumes") is not False
        return Choice(name, claim, SNAPSHOT if takes else "", "nothing asks to copy its files")

    def _facts(self, pod: Object, volume: Json, claim: str) -> Mapping[str, Json]:
        """What the conditions of policies are held against."""
        if not claim:
            kind = next((key for key in mapping(volume) if key != "name"), "")
            return {"volumeTypes": kind, "capacity": "0", kind: at(volume, kind)}
        asked = self.claims.get(f"{text(pod, 'metadata', 'namespace')}/{claim}", {})
        bound = self.volumes.get(text(asked, "spec", "volumeName"), {})
        source = next((key for key in mapping(bound, "spec") if key in {"csi", "nfs", "local", "hostPath"}), "local")
        return {
            "volumeTypes": source,
            source: at(bound, "spec", source),
            "capacity": text(bound, "spec", "capacity", "storage")
            or text(asked, "spec", "resources", "requests", "storage"),
            "storageClass": text(bound, "spec", "storageClassName") or text(asked, "spec", "storageClassName"),
            "pvcLabels": mapping(asked, "metadata", "labels"),
            "pvcPhase": text(asked, "status", "phase") or "Bound",
            "pvcVolumeMode": text(asked, "spec", "volumeMode") or "Filesystem",
            "pvcAccessModes": items(asked, "spec", "accessModes"),
        }


def volumes_to_copy(pod: Object, annotation: str = ANNOTATION) -> tuple[str, ...]:
    """The volumes that a pod's annotation lists."""
    return tuple(filter(None, map(str.strip, text(pod, "metadata", "annotations", annotation).split(","))))


def names_of(kind: str, version: str = "v1") -> frozenset[str]:
    """How a spec may call the objects of a kind: `deployments`, `deployments.apps`, `deployment`, `deploy`."""
    one, group = kind.lower(), version.rpartition("/")[0]
    if one.endswith(("s", "x", "z", "ch", "sh")) and not one.endswith("ints"):
        many = f"{one}es"
    else:
        many = re.sub(r"(?<![aeiou])y$", "ie", one) + ("" if one.endswith("s") else "s")
    short = {_SHORT[one]} if one in _SHORT else set()
    return frozenset({many, one, *short, *({f"{many}.{group}", f"{one}.{group}"} if group else ())})


def any_of(patterns: Sequence[str], names: frozenset[str] | set[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def hooks_of(spec: Json, own: str, drilled: str) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """The hooks of a spec that apply to the user's `own` namespace, for `drilled`; and the names of all others."""
    kept: list[Json] = []
    gone: list[str] = []
    for hook in items(spec, "hooks", "resources"):
        included, excluded = (tuple(map(str, items(hook, f"{how}Namespaces"))) for how in ("included", "excluded"))
        if (included and not any_of(included, {own})) or any_of(excluded, {own}):
            gone.append(text(hook, "name"))
            continue
        others = {key: value for key, value in mapping(hook).items() if key != "excludedNamespaces"}
        kept.append({**others, **({"includedNamespaces": [drilled]} if included else {})})
    return tuple(kept), tuple(gone)


def selects(selector: Json, labels: Mapping[str, Json]) -> bool:
    """Whether labels match a LabelSelector; an empty one matches all."""
    return all(_matches(selector, labels))


def _matches(selector: Json, labels: Mapping[str, Json]) -> Iterator[bool]:
    for key, value in mapping(selector, "matchLabels").items():
        yield labels.get(key) == value
    for each in items(selector, "matchExpressions"):
        key, values = text(each, "key"), items(each, "values")
        yield {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(text(each, "operator"), False)


def quantity(word: str) -> Decimal:
    """The value of a quantity of Kubernetes: `10Gi`, `500M`, `1e3`. ValueError."""
    found = _QUANTITY.fullmatch(word)
    if not found:
        raise ValueError(f"{word!r} is no quantity")
    number, exponent, unit = found.groups()
    if exponent:
        return Decimal(number) * Decimal(10) ** int(exponent)
    if unit == "m":
        return Decimal(number) / 1000
    base = Decimal(1024 if unit.endswith("i") else 1000)
    return Decimal(number) * base ** _UNITS[unit.removesuffix("i").replace("K", "k")]


def span(word: str) -> tuple[Decimal, Decimal]:
    """The lower and the upper end of a capacity (`10Gi,100Gi`, `,1Gi`), 0 for none. ValueError."""
    low, comma, high = word.partition(",")
    if not comma:
        raise ValueError(f"{word!r} is no range: write LOW,HIGH")
    return quantity(low.strip() or "0"), quantity(high.strip() or "0")


def _holds(name: str, wanted: Json, facts: Mapping[str, Json]) -> bool:
    found = facts.get(name)
    if name == "capacity":
        low, high = span(str(wanted))
        return low <= quantity(str(found or "0")) and (not high or quantity(str(found or "0")) <= high)
    if name in {"csi", "nfs"}:
        asked = mapping(wanted)
        attributes = mapping(wanted, "volumeAttributes").items() <= mapping(found, "volumeAttributes").items()
        plain = ((key, value) for key, value in asked.items() if key != "volumeAttributes" and value)
        return name in facts and attributes and all(at(found, key) == value for key, value in plain)
    if name == "pvcLabels":
        return mapping(wanted).items() <= mapping(found).items()
    if name == "pvcAccessModes":
        return not wanted or sorted(map(str, items(found))) == sorted(map(str, items(wanted)))
    if isinstance(wanted, str):
        return not wanted or found == wanted
    return not items(wanted) or found in items(wanted)
