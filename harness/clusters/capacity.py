"""Does what a drill or a migration creates fit into the namespace's quotas and onto the nodes?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.model import Json

_COMPUTE = tuple((sort, what) for sort in ("requests", "limits") for what in ("cpu", "memory"))


def parse_quantity(value: Json, of: str) -> Decimal:
    """A Kubernetes quantity (`100m`, `2`, `1Gi`, `1e3`) as a number; 0 for None. Misconfigured, naming `of`."""
    from kubernetes.utils import quantity  # noqa: PLC0415 # takes 0.3 s, which most commands need not wait for

    try:
        parsed: Decimal = quantity.parse_quantity("0" if value is None else str(value))
    except ValueError:
        parsed = Decimal("NaN")
    if not parsed.is_finite():
        raise Misconfigured(f"{of}: {value!r} is not a Kubernetes quantity; write for example 100m, 2 or 1Gi")
    return parsed


def list_quotas(kubectl: RunsKubectl, namespace: str) -> tuple[Object, ...]:
    """Every ResourceQuota of a namespace that applies to all of its pods."""
    found = objects(kubectl, "resourcequotas", f"--namespace={namespace}")
    return tuple(each for each in found if not at(each, "spec", "scopes") and not at(each, "spec", "scopeSelector"))


def require_quota(quotas: Iterable[Object], manifests: Iterable[Object]) -> None:
    """Misconfigured, naming every resource that is short, if these manifests exceed a quota."""
    needed = requested_by(manifests)
    if short := [line for quota in quotas for line in _over(quota, needed)]:
        raise Misconfigured(f"the drill does not fit into the namespace's quota: {'; '.join(short)}")


def requested_by(manifests: Iterable[Object]) -> Mapping[str, Decimal]:
    """What manifests request in total, by the names that a ResourceQuota uses."""
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for workload in manifests:
        name = _name(workload)
        replicas = at(workload, "spec", "replicas")
        count = Decimal(replicas if isinstance(replicas, int) else 1)
        if text(workload, "kind") in {"StatefulSet", "Deployment"}:
            total["pods"] += count
        for sort, what in _COMPUTE:
            containers = items(workload, "spec", "template", "spec", "containers")
            total[f"{sort}.{what}"] += count * _total(containers, sort, what, name)
        for claim in items(workload, "spec", "volumeClaimTemplates"):
            storage = at(claim, "spec", "resources", "requests", "storage")
            total["persistentvolumeclaims"] += count
            total["requests.storage"] += count * parse_quantity(storage, f"{name}, requests.storage")
    return total


def shortages(wanted: Iterable[Object], nodes: Iterable[Object], running: Iterable[Object]) -> tuple[str, ...]:
    """Each resource of which the nodes lack some for the pods `wanted`, next to those `running`; none if all fit.

    Compares sums: whether one node has room for a single large pod is for the scheduler to find out.
    """
    kept_free = {"NoSchedule", "NoExecute"}
    usable = {
        name_of(node): node
        for node in nodes
        if not any(text(taint, "effect") in kept_free for taint in items(node, "spec", "taints"))
    }
    placed = [
        pod
        for pod in running
        if text(pod, "spec", "nodeName") in usable and text(pod, "status", "phase") not in {"Succeeded", "Failed"}
    ]
    pods = tuple(wanted)
    short = []
    for what in ("cpu", "memory"):
        allocatable = (
            parse_quantity(at(node, "status", "allocatable", what), f"node {name}, allocatable {what}")
            for name, node in usable.items()
        )
        free = sum(allocatable, Decimal(0)) - _pod_requests(placed, what)
        if (needed := _pod_requests(pods, what)) > free:
            short.append(f"{what} {_readable(needed, what)} requested, {_readable(free, what)} free")
    return tuple(short)


def _over(quota: Object, needed: Mapping[str, Decimal]) -> Iterator[str]:
    hard = at(quota, "status", "hard") or at(quota, "spec", "hard")
    for resource in hard if isinstance(hard, Mapping) else ():
        # A quota's `cpu` and `memory` are the requests.
        amount = needed.get(f"requests.{resource}" if resource in {"cpu", "memory"} else resource, Decimal(0))
        of = f"{_name(quota)}, {resource}"
        free = parse_quantity(at(hard, resource), of) - parse_quantity(at(quota, "status", "used", resource), of)
        if amount > free:
            yield f"{resource}: needs {amount.normalize():f}, {_name(quota)} has {free.normalize():f} free"


def _pod_requests(pods: Iterable[Object], what: str) -> Decimal:
    each = (_total(items(pod, "spec", "containers"), "requests", what, _name(pod)) for pod in pods)
    return sum(each, Decimal(0))


def _total(containers: Iterable[Json], sort: str, what: str, owner: str) -> Decimal:
    amounts = (at(container, "resources", sort, what) for container in containers)
    return sum((parse_quantity(amount, f"{owner}, {sort}.{what}") for amount in amounts), Decimal(0))


def _name(thing: Object) -> str:
    return f"{text(thing, 'kind')} {text(thing, 'metadata', 'name')}".strip()


def _readable(amount: Decimal, what: str) -> str:
    return f"{amount:.2f}" if what == "cpu" else f"{amount / Decimal(1024) ** 3:.2f} GiB"
