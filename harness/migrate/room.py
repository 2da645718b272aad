"""Whether the nodes of a cluster have room for more pods, by what the pods request."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from harness.k8s import Object, items, text

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
