"""Journals of bad runs: correct evidence of a bad drill, proof or migration, and the finding that must detect it.

They are in journal-drill.toml, journal-proof.toml and journal-migration.toml of this package. Each table is a mutation
of the events of a good run. Its keys are those of `harness.selftest.catalogue.expected`, `needs` (a kind of event or a
fact: the mutation is left out if the run has none) and one change:

- `without`, `changed`, `added`, `one_member`, `one_without`: `kind` of event, `data`; `changed` also takes `where`.
- `first_volume`: `kind`, `key`, `data`. `delayed`: `mark`, `by_s`. `one_moved_before`: `mark`, `before`.
  `moved_before`: `kind`, `before`.
- `change`: the name of a function of this module that takes the events.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from harness.core import json
from harness.core.model import Event, Json
from harness.selftest import catalogue
from harness.selftest.mutation import Expected

Events = tuple[Event, ...]
Change = Callable[[Events], Events]
Data = Mapping[str, Json]
NOTHING: Data = {}


@dataclass(frozen=True, kw_only=True)
class JournalMutation(Expected):
    """`change` turns the events of a good drill, which must have what `needs` names, into those of a bad one."""

    change: Change
    needs: str = ""  # a kind of event, or a fact of run.json


def without(kind: str, data: Data = NOTHING) -> Change:
    """The same drill, without the events of a kind whose data hold all of `data`."""
    return lambda events: tuple(event for event in events if not _is(event, kind, data))


def changed(kind: str, data: Data, where: Data = NOTHING) -> Change:
    """The same drill, but the events of a kind (those that hold `where`) have `data`."""
    return lambda events: tuple(
        replace(event, data={**event.data, **data}) if _is(event, kind, where) else event for event in events
    )


def added(kind: str, data: Data) -> Change:
    return lambda events: (*events, replace(events[-1], kind=kind, data=data))


def delayed(mark: str, by_s: float) -> Change:
    """The same drill, but this mark was reached later, and all that came after it."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.data.get("mark") == mark)
        return (*events[:at], *(replace(event, at_s=event.at_s + by_s) for event in events[at:]))

    return change


def first_volume(kind: str, key: str, data: Data = NOTHING) -> Change:
    """The same drill, but the first volume in the last event of a kind has `data`, or without any is missing."""

    def change(events: Events) -> Events:
        at = max(number for number, event in enumerate(events) if event.kind == kind)
        listed = events[at].data[key]
        assert isinstance(listed, list)
        first, *others = listed
        assert isinstance(first, dict)
        volumes: list[Json] = [{**first, **data}, *others] if data else list(others)
        return _with(events, at, {key: volumes})

    return change


def surviving_volumes(events: Events) -> Events:
    """The volumes of after the restore are those of before the fault."""
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    return changed("volumes", {"volumes": before.data["volumes"]}, {"when": "after"})(events)


def one_surviving_volume(events: Events) -> Events:
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    listed = before.data["volumes"]
    assert isinstance(listed, list)
    assert isinstance(listed[0], dict)
    return first_volume("volumes", "volumes", {"volume_uid": listed[0]["volume_uid"]})(events)


def one_member(kind: str, data: Data) -> Change:
    """The same drill, but the first event of a kind after the restore has `data`."""

    def change(events: Events) -> Events:
        at = next(n for n, event in enumerate(events) if event.kind == kind and event.data.get("when") != "before")
        return _with(events, at, data)

    return change


def one_without(kind: str, data: Data = NOTHING) -> Change:
    """The same drill, but one member has no events of a kind whose data hold all of `data`."""

    def change(events: Events) -> Events:
        member = next(event.data["member"] for event in events if _is(event, kind, data))
        return without(kind, {"member": member, **data})(events)

    return change


def not_read_again(events: Events) -> Events:
    last = max(number for number, event in enumerate(events) if event.kind == "restart")
    return (*events[:last], *(event for event in events[last:] if event.kind != "digest"))


def one_not_read_again(events: Events) -> Events:
    """One member answered before the restart, and could not be read after it."""
    last = max(number for number, event in enumerate(events) if event.kind == "digest")
    data = {key: events[last].data[key] for key in ("store", "member")}
    failed = replace(events[last], kind="unread", data={**data, "what": "digest", "message": "connection refused"})
    return (*events[:last], failed, *events[last + 1 :])


def one_moved_before(mark: str, before: str) -> Change:
    """The same drill, but one mark was recorded just before another."""

    def change(events: Events) -> Events:
        at, target = (next(n for n, e in enumerate(events) if e.data.get("mark") == name) for name in (mark, before))
        moved = replace(events[at], at_s=events[target].at_s)
        rest = (*events[:at], *events[at + 1 :])
        return (*rest[:target], moved, *rest[target:])

    return change


def moved_before(kind: str, before: str) -> Change:
    """The same drill, but all events of a kind came before those of another."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.kind == before)
        earlier = tuple(replace(event, at_s=events[at].at_s) for event in events if event.kind == kind)
        return (*events[:at], *earlier, *(event for event in events[at:] if event.kind != kind))

    return change


def no_rows_read_back(events: Events) -> Events:
    return tuple(event for event in events if not (event.kind == "file" and "@" in str(event.data.get("name"))))


def requested_in_2999(events: Events) -> Events:
    return tuple(
        replace(event, at=f"2999{event.at[4:]}") if event.data.get("mark") == "T4" else event for event in events
    )


def _with(events: Events, at: int, data: Data) -> Events:
    return (*events[:at], replace(events[at], data={**events[at].data, **data}), *events[at + 1 :])


def _is(event: Event, kind: str, data: Data) -> bool:
    return event.kind == kind and all(event.data.get(key) == value for key, value in data.items())


CHANGES: Mapping[str, Callable[..., Change]] = {
    make.__name__: make
    for make in (
        *(without, changed, added, delayed, first_volume),
        *(one_member, one_without, one_moved_before, moved_before),
    )
}
"""By their keys in a file."""
FUNCTIONS: Mapping[str, Change] = {
    change.__name__: change
    for change in (
        *(surviving_volumes, one_surviving_volume, not_read_again, one_not_read_again),
        *(no_rows_read_back, requested_in_2999),
    )
}
"""By the values of the key `change`."""


@cache
def mutations(workflow: str) -> tuple[JournalMutation, ...]:
    text = (Path(__file__).parent / f"journal-{workflow}.toml").read_text("utf-8")
    return tuple(_mutation(name, json.mapping(entry)) for name, entry in tomllib.loads(text).items())


def _mutation(name: str, entry: Data) -> JournalMutation:
    (key,) = entry.keys() & {*CHANGES, "change"}
    change = FUNCTIONS[json.text(entry, key)] if key == "change" else CHANGES[key](**json.mapping(entry, key))
    fields = vars(catalogue.expected(name, entry, {key, "needs"}))
    return JournalMutation(**fields, change=change, needs=json.text(entry, "needs"))
