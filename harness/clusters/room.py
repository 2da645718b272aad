"""Whether what a drill makes fits into the quotas of its namespace, which others may put on every new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from harness.errors import Misconfigured
from harness.k8s import Object, RunsKubectl, at, items, objects, text
from harness.model import Json

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
