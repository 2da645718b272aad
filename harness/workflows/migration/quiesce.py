"""Stops the writers of an application, and starts them again. Each writer's annotations have its previous state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.core import timeouts
from harness.core.errors import HarnessError
from harness.core.json import at, integer, items, text
from harness.core.kubernetes import Object, RunsKubectl, objects
from harness.core.model import Json
from harness.core.wait import NotYet, until
from harness.workflows.migration.request import WRITER_KINDS

WAS = "drillproof.frozen"
"""On a writer: its number of replicas; on a CronJob: whether it was suspended."""

BY = "drillproof.frozen-by"
"""On a writer: the run that stopped it, and the command that starts it again."""


@dataclass(frozen=True)
class Quiescer:
    """The writers of one namespace. `command` runs a command of the user."""

    kubectl: RunsKubectl
    namespace: str
    command: Callable[[str], None]

    def quiesce(self, writers: tuple[str, ...], line: str, run: str) -> dict[str, str]:
        """Stop writers, and run the user's `line`; return the previous states. TimedOut if a pod of one stays."""
        was: dict[str, str] = {}
        for writer in writers:
            thing = self._get(writer)
            was[writer] = _state(thing)
            notes = {WAS: was[writer], BY: f"{run}; `drillproof migrate back {run}` resumes it"}
            self._patch(writer, notes, _stopped(thing))
        if line:
            self.command(line)
        self.wait_until_stopped(writers)
        return was

    def running_writers(self, writers: tuple[str, ...]) -> dict[str, str]:
        """Those of the writers that run again, with what is seen of each."""
        found: dict[str, str] = {}
        for writer in writers:
            try:
                _asked_to_stop(self._get(writer))
                self._gone(writer)
            except NotYet as seen:
                found[writer] = str(seen)
        return found

    def marked(self, run: str) -> frozenset[str]:
        """The writers that this run stopped and that were not resumed since."""
        return frozenset(writer for writer, thing in frozen(self._all()) if _is_by(run, thing))

    def running_spec(self, writer: str) -> Json:
        """The spec with which a writer runs; None if it was asked to stop."""
        thing = self._get(writer)
        try:
            _asked_to_stop(thing)
        except NotYet:
            return {"suspend": False} if _is_cron(thing) else {"replicas": at(thing, "spec", "replicas")}
        return None

    def stop(self, writer: str) -> None:
        """Stop a writer, and leave its annotations. Its pods may still run."""
        self._patch(writer, {}, _stopped(self._get(writer)))

    def restart(self, writer: str, spec: Json) -> None:
        """Undo `stop`, with what `running_spec` said before."""
        self._patch(writer, {}, spec)

    def wait_until_stopped(self, writers: tuple[str, ...]) -> None:
        """Return as soon as no pod and no job of these writers runs. TimedOut."""
        for writer in writers:
            until(lambda of=writer: self._gone(of), waited_for=f"{writer} to end", within_s=timeouts.HEALTHY_S)  # type: ignore[misc] # mypy cannot infer a lambda with a default

    def resume(self, run: str, line: str = "") -> tuple[str, ...]:
        """Start the writers that this run stopped, and run the user's `line`; return these writers. Repeatable."""
        resumed = []
        for writer, thing in frozen(self._all()):
            if not _is_by(run, thing):
                continue
            self._patch(writer, {WAS: None, BY: None}, _started(thing))
            resumed.append(writer)
        if line:
            self.command(line)
        return tuple(resumed)

    def running(self, writers: tuple[str, ...]) -> None:
        """Return as soon as all replicas of these writers are ready. TimedOut."""

        def ready() -> None:
            for writer in writers:
                thing = self._get(writer)
                wanted, have = integer(thing, "spec", "replicas"), integer(thing, "status", "readyReplicas")
                if have < wanted:
                    raise NotYet(f"{writer}: {have} of {wanted} ready")

        until(ready, waited_for="the writers to run", within_s=timeouts.HEALTHY_S)

    def _all(self) -> tuple[Object, ...]:
        return objects(self.kubectl, ",".join(f"{kind}s" for kind in WRITER_KINDS), f"--namespace={self.namespace}")

    def _get(self, writer: str) -> Object:
        for thing in self._all():
            if _name(thing) == writer:
                return thing
        raise HarnessError(f"there is no {writer} in {self.namespace}")

    def _patch(self, writer: str, notes: Mapping[str, str | None], spec: Json) -> None:
        patch = json.dumps({"metadata": {"annotations": notes}, "spec": spec})
        self.kubectl("patch", writer, f"--namespace={self.namespace}", "--type=merge", f"--patch={patch}")

    def _gone(self, writer: str) -> None:
        """Return if nothing of a stopped writer runs; otherwise NotYet."""
        thing = self._get(writer)
        if active := items(thing, "status", "active"):
            raise NotYet(f"{len(active)} of its jobs run")
        if _is_cron(thing):
            return
        selector = ",".join(_selectors(at(thing, "spec", "selector")))
        if not selector:
            raise HarnessError(f"{writer} selects no pods, so it is not known whether it has stopped")
        if pods := objects(self.kubectl, "pods", f"--namespace={self.namespace}", f"--selector={selector}"):
            raise NotYet(f"{len(pods)} of its pods exist")


def frozen(things: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """Every stopped writer among them, by its name."""
    for thing in things:
        if text(thing, "kind").lower() in WRITER_KINDS and text(thing, "metadata", "annotations", WAS):
            yield _name(thing), thing


def _is_by(run: str, thing: Object) -> bool:
    return text(thing, "metadata", "annotations", BY).startswith(f"{run};")


def _name(thing: Object) -> str:
    return f"{text(thing, 'kind').lower()}/{text(thing, 'metadata', 'name')}"


def _is_cron(thing: Object) -> bool:
    return text(thing, "kind") == "CronJob"


def _state(thing: Object) -> str:
    return str(at(thing, "spec", "suspend") is True).lower() if _is_cron(thing) else text(thing, "spec", "replicas")


def _stopped(thing: Object) -> Json:
    return {"suspend": True} if _is_cron(thing) else {"replicas": 0}


def _asked_to_stop(thing: Object) -> None:
    """NotYet if a writer is to run, also if nothing of it runs yet."""
    if _is_cron(thing) and at(thing, "spec", "suspend") is not True:
        raise NotYet("it is not suspended")
    if not _is_cron(thing) and text(thing, "spec", "replicas") != "0":
        raise NotYet(f"it wants {text(thing, 'spec', 'replicas') or '1'} pods")


def _started(thing: Object) -> Json:
    was = text(thing, "metadata", "annotations", WAS)
    return {"suspend": was == "true"} if _is_cron(thing) else {"replicas": int(was)}


_OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}


def _selectors(selector: Json) -> Iterator[str]:
    """The requirements of a selector, as the API takes them in a query. HarnessError for an unknown operator."""
    labels = at(selector, "matchLabels")
    yield from (f"{key}={value}" for key, value in (labels.items() if isinstance(labels, Mapping) else ()))
    for each in items(selector, "matchExpressions"):
        operator = text(each, "operator")
        if operator not in _OPERATORS:
            raise HarnessError(f"drillproof does not support the selector operator {operator!r}")
        values = ",".join(map(str, items(each, "values")))
        yield _OPERATORS[operator].format(key=text(each, "key"), values=values)
