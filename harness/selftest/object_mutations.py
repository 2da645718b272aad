"""Spoils the objects around the databases of a drill that passed, and puts them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Json, Part
from harness.core.reason import Reason
from harness.evidence.journal import Journal, read
from harness.selftest.base import Base, Outcome, outcome
from harness.selftest.mutation import Expected, Why
from harness.workloads import object_digest

WELL_S = 60.0
"""How long the objects may take to be what they were: the endpoints of a Service follow in a second or two."""


@dataclass(frozen=True, kw_only=True)
class Intrusion(Expected):
    """`act` is what somebody does with kubectl. `touched` is put back as it was, or taken away if it was not there."""

    check: str = "objects-equal"
    act: tuple[str, ...]
    touched: str  # as kubectl names it: `service/mysql-primary`
    stdin: str | None = None


def catalogue(namespace: str, store: str, service: str) -> tuple[Intrusion, ...]:
    """What can be done to the objects around one store, whose clients come by `service`."""
    secret, scripts = f"{store}-credentials", f"{store}-scripts"
    deny: Json = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-all"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    return (
        _patch("a Service leads elsewhere", f"service/{service}", {"spec": {"selector": {"who": "nobody"}}}),
        _patch("a Service's port", f"service/{service}", {"spec": {"ports": [{"port": 1}]}}),
        _gone("a Service gone", f"service/{service}"),
        _patch("a Secret's value", f"secret/{secret}", {"stringData": {"another": "value"}}),
        _gone("a Secret gone", f"secret/{secret}"),
        _patch("a script changed", f"configmap/{scripts}", {"data": {"start.sh": "exit 0"}}),
        _gone("the scripts gone", f"configmap/{scripts}"),
        _patch("a label of the namespace", f"namespace/{namespace}", {"metadata": {"labels": {"who": "else"}}}),
        _extra("a NetworkPolicy that nobody asked for", "networkpolicy/deny-all", ("-f", "-"), json.dumps(deny)),
        _extra("an extra Secret", "secret/stranger", ("secret", "generic", "stranger", "--from-literal=a=b")),
        _extra("an extra ServiceAccount", "serviceaccount/stranger", ("serviceaccount", "stranger")),
        _extra(
            "rights that nobody had",
            "rolebinding/stranger",
            ("rolebinding", "stranger", "--clusterrole=admin", f"--serviceaccount={namespace}:default"),
        ),
    )


def outcomes(base: Base, kubectl: RunsKubectl, namespace: str, intrusions: tuple[Intrusion, ...]) -> Iterator[Outcome]:
    """Do all of them, one at a time."""
    good = object_digest.digest(kubectl, namespace)
    clock = Clock(base.events[-1].at_s)
    where = f"--namespace={namespace}"
    for intrusion in intrusions:
        saved = kubectl("get", intrusion.touched, where, "--ignore-not-found", "-o", "json")
        kubectl(*intrusion.act, where, stdin=intrusion.stdin)
        path = base.copy(f"objects {intrusion.name}")
        observed = Journal(path / "observed.jsonl", clock)
        parts: Json = {name: asdict(part) for name, part in object_digest.digest(kubectl, namespace).items()}
        observed.append("objects", when="after", parts=parts)
        observed.close()
        base.tell(path, (*base.events, *read(path / "observed.jsonl")[1:-1]))
        seen = outcome("live", "", intrusion, path)
        try:
            _heal(kubectl, intrusion.touched, where, saved)
            healed = partial(_same, good, kubectl, namespace)
            wait.until(healed, waited_for="the objects to be as they were", within_s=WELL_S)
        except HarnessError as error:
            seen = replace(seen, missed=f"{seen.missed}; could not be healed: {error}".removeprefix("; "))
        yield seen


def _heal(kubectl: RunsKubectl, touched: str, where: str, saved: str) -> None:
    """Put back what was `saved`; a namespace is never replaced, since all that is in it would go."""
    if not saved.strip():
        kubectl("delete", touched, where)
        return
    thing = json.loads(saved)
    for field in ("resourceVersion", "uid", "creationTimestamp"):
        thing["metadata"].pop(field, None)
    force = () if touched.startswith("namespace/") else ("--force",)
    kubectl("replace", *force, "-f", "-", stdin=json.dumps(thing))


def _patch(name: str, touched: str, change: Json) -> Intrusion:
    act = ("patch", touched, "--type=merge", "--patch", json.dumps(change))
    return Intrusion(name=name, why=Why(Reason.ObjectDiffers, *_named(touched)), act=act, touched=touched)


def _gone(name: str, touched: str) -> Intrusion:
    act = ("delete", touched)
    return Intrusion(name=name, why=Why(Reason.ObjectMissing, *_named(touched)), act=act, touched=touched)


def _extra(name: str, touched: str, what: tuple[str, ...], stdin: str | None = None) -> Intrusion:
    return Intrusion(
        name=name,
        why=Why(Reason.ObjectUnexpected, *_named(touched)),
        act=("create", *what),
        touched=touched,
        stdin=stdin,
    )


def _named(touched: str) -> tuple[str, ...]:
    """The part of `harness.workloads.object_digest.digest` that an object is; there a namespace goes by no name."""
    return ("namespace",) if touched.startswith("namespace/") else (touched.replace("/", " "),)


def _same(good: dict[str, Part], kubectl: RunsKubectl, namespace: str) -> None:
    now = object_digest.digest(kubectl, namespace)
    if left := {name for name in good.keys() | now.keys() if good.get(name) != now.get(name)}:
        raise wait.NotYet(f"not as they were: {', '.join(sorted(left))}")
