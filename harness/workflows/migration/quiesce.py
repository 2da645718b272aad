"""Stops the writers of an application, and starts them again. Each writer's annotations have its previous state."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from harness.core import timeouts
from harness.core.errors import HarnessError
from harness.core.json import at, integer, items, mapping, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
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
            field, now, stopped = _switch(self._get(writer))
            was[writer] = json.dumps(now)
            notes = {WAS: was[writer], BY: f"{run}; `drillproof migrate back {run}` resumes it"}
            self.patch(writer, {field: stopped}, notes)
        if line:
            self.command(line)
        self.wait_until_stopped(writers)
        return was

    def running_writers(self, writers: tuple[str, ...]) -> dict[str, str]:
        """Those of the writers that run again, with what is seen of each."""
        found: dict[str, str] = {}
        for writer in writers:
            field, now, stopped = _switch(self._get(writer))
            if now != stopped:
                found[writer] = "it is not suspended" if field == "suspend" else f"it wants {now} pods"
                continue
            try:
                self._gone(writer)
            except NotYet as seen:
                found[writer] = str(seen)
        return found

    def marked(self, run: str) -> dict[str, Object]:
        """The writers that this run stopped and that were not resumed since, by name."""
        by = f"{run};"
        found = quiesced(self._all())
        return {name: each for name, each in found if text(each, "metadata", "annotations", BY).startswith(by)}

    def running_spec(self, writer: str) -> tuple[Json, Json] | None:
        """The specs with which a writer runs and is stopped, as `patch` takes them; None if it was asked to stop."""
        field, now, stopped = _switch(self._get(writer))
        return None if now == stopped else ({field: now}, {field: stopped})

    def wait_until_stopped(self, writers: tuple[str, ...]) -> None:
        """Return as soon as no pod and no job of these writers runs. TimedOut."""
        for writer in writers:
            until(partial(self._gone, writer), waited_for=f"{writer} to end", within_s=timeouts.HEALTHY_S)

    def resume(self, run: str, line: str = "") -> tuple[str, ...]:
        """Start the writers that this run stopped, and run the user's `line`; return these writers. Repeatable."""
        resumed = self.marked(run)
        for writer, thing in resumed.items():
            was = json.loads(text(thing, "metadata", "annotations", WAS))
            self.patch(writer, {_switch(thing)[0]: was}, {WAS: None, BY: None})
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
            if writer_name(thing) == writer:
                return thing
        raise HarnessError(f"there is no {writer} in {self.namespace}")

    def patch(self, writer: str, spec: Json, notes: Mapping[str, str | None] | None = None) -> None:
        """Change the spec of a writer, and these of its annotations. Its pods may still run."""
        patch = json.dumps({"metadata": {"annotations": notes or {}}, "spec": spec})
        self.kubectl("patch", writer, f"--namespace={self.namespace}", "--type=merge", f"--patch={patch}")

    def _gone(self, writer: str) -> None:
        thing = self._get(writer)
        if active := items(thing, "status", "active"):
            raise NotYet(f"{len(active)} of its jobs run")
        if text(thing, "kind") == "CronJob":
            return
        selector = ",".join(_selectors(at(thing, "spec", "selector")))
        if not selector:
            raise HarnessError(f"{writer} selects no pods, so it is not known whether it has stopped")
        if pods := objects(self.kubectl, "pods", f"--namespace={self.namespace}", f"--selector={selector}"):
            raise NotYet(f"{len(pods)} of its pods exist")


def quiesced(things: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """Every stopped writer among them, by its name."""
    for thing in things:
        if text(thing, "kind").lower() in WRITER_KINDS and text(thing, "metadata", "annotations", WAS):
            yield writer_name(thing), thing


def writer_name(thing: Object) -> str:
    """How the user names an object as a writer: `deployment/web`."""
    return f"{text(thing, 'kind').lower()}/{name_of(thing)}"


def _switch(thing: Object) -> tuple[str, Json, Json]:
    """The field of a writer's spec that stops it, its value now, and its value when stopped."""
    is_cron = text(thing, "kind") == "CronJob"
    field, default, stopped = ("suspend", False, True) if is_cron else ("replicas", 1, 0)
    now = at(thing, "spec", field)
    return field, default if now is None else now, stopped


_OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}


def _selectors(selector: Json) -> Iterator[str]:
    yield from (f"{key}={value}" for key, value in mapping(selector, "matchLabels").items())
    for each in items(selector, "matchExpressions"):
        operator = text(each, "operator")
        if operator not in _OPERATORS:
            raise HarnessError(f"drillproof does not support the selector operator {operator!r}")
        values = ",".join(map(str, items(each, "values")))
        yield _OPERATORS[operator].format(key=text(each, "key"), values=values)
