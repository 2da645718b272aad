"""Mutates the Kubernetes objects around the databases of a drill that passed, and reverts each mutation."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Part
from harness.evidence.journal import Journal, read
from harness.selftest import catalogue as live
from harness.selftest.baseline import Baseline, Outcome, outcome
from harness.selftest.mutation import Expected
from harness.workloads import object_digest

REVERTED_S = 60.0
"""How long the objects may take to be as they were: the endpoints of a Service follow in a second or two."""


@dataclass(frozen=True, kw_only=True)
class ObjectMutation(Expected):
    """A kubectl command. Its `target` is put back afterwards, or deleted if it did not exist."""

    command: tuple[str, ...]
    target: str  # as kubectl names it: `service/mysql-primary`
    stdin: str | None


def catalogue(namespace: str, store: str, service: str) -> tuple[ObjectMutation, ...]:
    """The mutations of the objects around one store, which clients reach by `service`, from objects.toml."""
    text = Path(__file__).with_name("objects.toml").read_text("utf-8")
    for word, name in (("<namespace>", namespace), ("<store>", store), ("<service>", service)):
        text = text.replace(word, name)
    return tuple(
        ObjectMutation(
            **vars(live.expected(name, {"check": "objects-equal", **entry}, {"command", "target", "stdin"})),
            command=tuple(entry["command"]),
            target=entry["target"],
            stdin=entry.get("stdin"),
        )
        for name, entry in tomllib.loads(text).items()
    )


def outcomes(
    base: Baseline, kubectl: RunsKubectl, namespace: str, mutations: tuple[ObjectMutation, ...]
) -> Iterator[Outcome]:
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


def _require_same(good: dict[str, Part], kubectl: RunsKubectl, namespace: str) -> None:
    now = object_digest.digest(kubectl, namespace)
    if differing := {name for name in good.keys() | now.keys() if good.get(name) != now.get(name)}:
        raise wait.NotYet(f"not as they were: {', '.join(sorted(differing))}")
