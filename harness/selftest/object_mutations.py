"""Mutates the Kubernetes objects around the databases of a drill that passed, and reverts each mutation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Json, Part
from harness.core.reason import Reason
from harness.evidence.journal import Journal, read
from harness.selftest.baseline import Baseline, Outcome, outcome
from harness.selftest.mutation import Expected, Why
from harness.workloads import object_digest

REVERTED_S = 60.0
"""How long the objects may take to be as they were: the endpoints of a Service follow in a second or two."""


@dataclass(frozen=True, kw_only=True)
class ObjectMutation(Expected):
    """A kubectl command. Its `target` is put back afterwards, or deleted if it did not exist."""

    check: str = "objects-equal"
    command: tuple[str, ...]
    target: str  # as kubectl names it: `service/mysql-primary`
    stdin: str | None = None


def catalogue(namespace: str, store: str, service: str) -> tuple[ObjectMutation, ...]:
    """The mutations of the objects around one store, which clients reach by `service`."""
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
        _extra("an extra NetworkPolicy", "networkpolicy/deny-all", ("-f", "-"), json.dumps(deny)),
        _extra("an extra Secret", "secret/stranger", ("secret", "generic", "stranger", "--from-literal=a=b")),
        _extra("an extra ServiceAccount", "serviceaccount/stranger", ("serviceaccount", "stranger")),
        _extra(
            "an extra RoleBinding",
            "rolebinding/stranger",
            ("rolebinding", "stranger", "--clusterrole=admin", f"--serviceaccount={namespace}:default"),
        ),
    )


def outcomes(
    base: Baseline, kubectl: RunsKubectl, namespace: str, mutations: tuple[ObjectMutation, ...]
) -> Iterator[Outcome]:
    """Do all mutations, one at a time."""
    good = object_digest.digest(kubectl, namespace)
    clock = Clock(base.events[-1].at_s)
    where = f"--namespace={namespace}"
    for mutation in mutations:
        saved = kubectl("get", mutation.target, where, "--ignore-not-found", "-o", "json")
        kubectl(*mutation.command, where, stdin=mutation.stdin)
        path = base.copy(f"objects {mutation.name}")
        observed = Journal(path / "observed.jsonl", clock)
        observed.append("objects", when="after", **object_digest.recorded(kubectl, namespace))
        observed.close()
        base.write_journal(path, (*base.events, *read(path / "observed.jsonl")[1:-1]))
        seen = outcome("live", "", mutation, path)
        try:
            _revert(kubectl, mutation.target, where, saved)
            same = partial(_require_same, good, kubectl, namespace)
            wait.until(same, waited_for="the objects to be as they were", within_s=REVERTED_S)
        except HarnessError as error:
            seen = replace(seen, missed=f"{seen.missed}; could not revert the mutation: {error}".removeprefix("; "))
        yield seen


def _revert(kubectl: RunsKubectl, target: str, where: str, saved: str) -> None:
    """Put back what was `saved`. A namespace is not deleted and created again: that would delete what is in it."""
    if not saved.strip():
        kubectl("delete", target, where)
        return
    manifest = json.loads(saved)
    for field in ("resourceVersion", "uid", "creationTimestamp"):
        manifest["metadata"].pop(field, None)
    force = () if target.startswith("namespace/") else ("--force",)
    kubectl("replace", *force, "-f", "-", stdin=json.dumps(manifest))


def _patch(name: str, target: str, change: Json) -> ObjectMutation:
    command = ("patch", target, "--type=merge", "--patch", json.dumps(change))
    return ObjectMutation(name=name, why=Why(Reason.ObjectDiffers, *_named(target)), command=command, target=target)


def _gone(name: str, target: str) -> ObjectMutation:
    command = ("delete", target)
    return ObjectMutation(name=name, why=Why(Reason.ObjectMissing, *_named(target)), command=command, target=target)


def _extra(name: str, target: str, what: tuple[str, ...], stdin: str | None = None) -> ObjectMutation:
    return ObjectMutation(
        name=name,
        why=Why(Reason.ObjectUnexpected, *_named(target)),
        command=("create", *what),
        target=target,
        stdin=stdin,
    )


def _named(target: str) -> tuple[str, ...]:
    """The name of an object in `harness.workloads.object_digest.digest`, where the namespace has no name of its own."""
    return ("namespace",) if target.startswith("namespace/") else (target.replace("/", " "),)


def _require_same(good: dict[str, Part], kubectl: RunsKubectl, namespace: str) -> None:
    now = object_digest.digest(kubectl, namespace)
    if differing := {name for name in good.keys() | now.keys() if good.get(name) != now.get(name)}:
        raise wait.NotYet(f"not as they were: {', '.join(sorted(differing))}")
