"""Which rights it takes to make objects of whatever kind, by what the cluster itself says of its kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from harness.clusters.rbac import RBAC, Right, inside, serves
from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl
from harness.core.model import Json

APPLIED = ("create", "patch")
"""What `kubectl apply` does to an object, beside reading it."""

_Kinds = Mapping[str, tuple[str, bool]]
"""By kind: what its objects are called together, and whether they are of a namespace."""


def needed(kubectl: RunsKubectl, things: Iterable[Object], namespace: str) -> tuple[Right, ...]:
    """The rights inside `namespace` that making these takes, beside those of every drill.

    Misconfigured for a kind that the cluster does not know, or that is of no namespace.
    """
    known: dict[str, _Kinds] = {}
    wanted: dict[Right, None] = {}
    for thing in things:
        if (kind := text(thing, "kind")) == "Namespace":
            continue  # the drill's own: others were refused
        api = text(thing, "apiVersion")
        if api not in known:
            known[api] = _served(kubectl, api)
        called = f"{kind} {text(thing, 'metadata', 'name')}"
        if kind not in known[api]:
            raise Misconfigured(f"the cluster knows no {kind} of {api}: leave {called} out of what is drilled")
        resource, is_inside = known[api][kind]
        if not is_inside:
            raise Misconfigured(
                f"{called} is of no namespace, and a drill makes nothing outside of {namespace}; leave it out of what "
                "is drilled"
            )
        group = api.rpartition("/")[0]
        wanted |= dict.fromkeys(Right(verb, resource, group, namespace=namespace) for verb in APPLIED)
        if group == RBAC:
            wanted |= dict.fromkeys(_given_on(thing, kind, namespace))
    return tuple(right for right in wanted if right not in inside(namespace))


def _given_on(thing: Object, kind: str, namespace: str) -> Iterator[Right]:
    """Who gives rights to others either has these himself, or has to be allowed just that."""
    if kind == "Role":
        yield Right("escalate", "roles", RBAC, namespace=namespace)
    else:
        resource = f"{text(thing, 'roleRef', 'kind').lower()}s"
        yield Right("bind", resource, RBAC, text(thing, "roleRef", "name"), namespace)


def _served(kubectl: RunsKubectl, api: str) -> _Kinds:
    """The kinds of one group and version; none if the cluster does not serve it. ToolFailed."""
    if not serves(kubectl, api):
        return {}
    listed: Json = json.loads(kubectl("get", "--raw", f"/apis/{api}" if "/" in api else f"/api/{api}"))
    return {
        text(each, "kind"): (text(each, "name"), at(each, "namespaced") is True)
        for each in items(listed, "resources")
        if "/" not in text(each, "name")
    }
