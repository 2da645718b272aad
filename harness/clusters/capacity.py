"""Whether what a drill makes fits into the quotas of its namespace, which others may put on every new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from harness.core.errors import Misconfigured
from harness.core.kubernetes import Object, RunsKubectl, at, items, objects, text
from harness.core.model import Json

_UNITS = {"m": Decimal("0.001"), "k": Decimal(1000), "": Decimal(1)} | {
    f"{unit}{binary}": Decimal(1024 if binary else 1000) ** power
    for power, unit in enumerate("KMGTPE", start=1)
    for binary in ("i", "")
}
_OF_PODS = {f"{sort}.{what}": (f"{sort}", what) for sort in ("requests", "limits") for what in ("cpu", "memory")}


def quotas(kubectl: RunsKubectl, namespace: str) -> tuple[Object, ...]:
    """Every ResourceQuota of a namespace that holds for all of its pods."""
    found = objects(kubectl, "resourcequotas", f"--namespace={namespace}")
    return tuple(each for each in found if not at(each, "spec", "scopes") and not at(each, "spec", "scopeSelector"))


def enough(quotas: Iterable[Object], manifests: Iterable[Object]) -> None:
    """Misconfigured, with all that there is too little of, if these manifests do not fit."""
    wanted = asked(manifests)
    short = [line for quota in quotas for line in _short(quota, wanted)]
    if short:
        raise Misconfigured(f"the drill has no room: {'; '.join(short)}")


def asked(manifests: Iterable[Object]) -> Mapping[str, Decimal]:
    """What manifests ask for, by a quota's own names."""
    total: dict[str, Decimal] = {}

    def add(name: str, amount: Decimal) -> None:
        total[name] = total.get(name, Decimal(0)) + amount

    for thing in manifests:
        said = at(thing, "spec", "replicas")
        replicas = Decimal(said if isinstance(said, int) else 1)
        if text(thing, "kind") in {"StatefulSet", "Deployment"}:
            add("pods", replicas)
        for container in items(thing, "spec", "template", "spec", "containers"):
            for name, path in _OF_PODS.items():
                add(name, replicas * amount(at(container, "resources", *path)))
        for claim in items(thing, "spec", "volumeClaimTemplates"):
            add("persistentvolumeclaims", replicas)
            add("requests.storage", replicas * amount(at(claim, "spec", "resources", "requests", "storage")))
    return total


def amount(quantity: Json) -> Decimal:
    """A quantity of Kubernetes' as a number: `100m`, `2`, `1Gi`."""
    said = "0" if quantity is None else str(quantity)
    unit = said.lstrip("0123456789.")
    if unit not in _UNITS:
        raise Misconfigured(f"{said!r} is no quantity that drillproof can read")
    return Decimal(said.removesuffix(unit)) * _UNITS[unit]


def _short(quota: Object, wanted: Mapping[str, Decimal]) -> Iterator[str]:
    hard = at(quota, "status", "hard") or at(quota, "spec", "hard")
    for name in hard if isinstance(hard, Mapping) else ():
        # `cpu` and `memory` of a quota are the requests.
        needed = wanted.get(f"requests.{name}" if name in {"cpu", "memory"} else name, Decimal(0))
        left = amount(at(hard, name)) - amount(at(quota, "status", "used", name))
        if needed > left:
            which = text(quota, "metadata", "name")
            yield f"it needs {needed.normalize():f} of {name}, and the quota {which} leaves {left.normalize():f}"


_SUFFIXES = {
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def lacking(wanted: Iterable[Object], nodes: Iterable[Object], placed: Iterable[Object]) -> tuple[str, ...]:
    """What there is not enough of for the pods `wanted` beside those that are placed; nothing where all fit.

    By sums: whether a single pod finds a node shows when it looks for one.
    """
    usable = [node for node in nodes if not _closed(node)]
    names = {text(node, "metadata", "name") for node in usable}
    there = [pod for pod in placed if text(pod, "spec", "nodeName") in names and not _has_ended(pod)]
    every = tuple(wanted)
    short = []
    for what in ("cpu", "memory"):
        free = sum(quantity(text(node, "status", "allocatable", what)) for node in usable) - _requests(there, what)
        if (asked := _requests(every, what)) > free:
            short.append(f"{what} {_told(asked, what)} requested, {_told(free, what)} free")
    return tuple(short)


def quantity(word: str) -> Decimal:
    """Kubernetes' number with a suffix: `100m`, `1Gi`; 0 for what is none."""
    for length in (2, 1):
        if word[-length:] in _SUFFIXES:
            return _decimal(word[:-length]) * _SUFFIXES[word[-length:]]
    return _decimal(word)


def _decimal(word: str) -> Decimal:
    try:
        return Decimal(word)
    except InvalidOperation:
        return Decimal(0)


def _requests(pods: Iterable[Object], what: str) -> Decimal:
    containers = (each for pod in pods for each in items(pod, "spec", "containers"))
    return sum((quantity(text(each, "resources", "requests", what)) for each in containers), Decimal(0))


def _closed(node: Object) -> bool:
    """Whether no ordinary pod may go there."""
    taints = items(node, "spec", "taints")
    return any(text(taint, "effect") in {"NoSchedule", "NoExecute"} for taint in taints)


def _has_ended(pod: Object) -> bool:
    return text(pod, "status", "phase") in {"Succeeded", "Failed"}


def _told(amount: Decimal, what: str) -> str:
    return f"{amount:.2f}" if what == "cpu" else f"{amount / Decimal(1024) ** 3:.2f} GiB"
