"""The live mutations of each store, from mysql.toml, postgres.toml and consul.toml in this package.

A file has these tables:

- `[sessions]`: named ways to change a member. An act is the session's `before`, the text and the session's `after`. It
  is a statement in the store's own language, or a shell command if it starts with `$ `.
- `[defaults.all]` and `[defaults.SECTION]`: values for keys that a mutation of the file, or of a section, does not set.
- `[SECTION."NAME"]`: one mutation each, in the order in which the self-test does them. Keys:
    `check`, `reason` (a list: one of them), `objects`, `causes`, `member`, `also`, `writes`, `restarts`:
        as in `harness.selftest.mutation`.
    `mutate`, `revert`: one act or a list of acts; each a text, done in the session `on`, or `{ SESSION = "text" }`.
    `self_inverse`: true if doing `mutate` again reverts it.
    `first`: acts that are done before `mutate`.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from harness.core import json
from harness.core.model import ExpectedFinding, Json, Verdict
from harness.core.reason import Reason
from harness.selftest.mutation import Act, Expected, Mutation

STORES = ("mysql", "postgres", "consul")
EXPECTED_KEYS = {"check", "verdict", "reason", "objects", "causes", "member", "also"}
LIVE_KEYS = {"mutate", "revert", "self_inverse", "first", "on", "writes", "restarts"}


@cache
def mutations(store: str) -> tuple[Mutation, ...]:
    return parse((Path(__file__).parent / f"{store}.toml").read_text("utf-8"))


def parse(text: str) -> tuple[Mutation, ...]:
    """The mutations of a file. ValueError or KeyError if it does not have the format above."""
    file: dict[str, Json] = tomllib.loads(text)
    sessions, defaults = json.mapping(file.pop("sessions")), file.pop("defaults")
    return tuple(
        _mutation(name, {**json.mapping(defaults, "all"), **json.mapping(defaults, section), **entry}, sessions)
        for section in file
        for name, entry in _tables(file[section])
    )


def expected(name: str, entry: Mapping[str, Json], besides: Collection[str]) -> Expected:
    """What every mutation has. ValueError if `entry` has keys other than that and `besides`; KeyError if no reason."""
    if unknown := entry.keys() - EXPECTED_KEYS - {*besides}:
        raise ValueError(f"mutation {name!r} has the unknown keys {sorted(unknown)}")
    finding = ExpectedFinding(
        json.text(entry, "check"),
        tuple(Reason[json.text(each)] for each in _listed(entry["reason"])),
        member=json.text(entry, "member"),
        objects=_texts(entry, "objects"),
        causes=tuple(Reason[each] for each in _texts(entry, "causes")),
    )
    return Expected(
        name=name,
        finding=finding,
        verdict=Verdict[json.text(entry, "verdict") or "FAIL"],
        also=_texts(entry, "also"),
    )


def _mutation(name: str, entry: Mapping[str, Json], sessions: Mapping[str, Json]) -> Mutation:
    def acts(key: str) -> tuple[Act, ...]:
        return tuple(_act(each, json.text(entry, "on"), sessions) for each in _listed(entry.get(key)))

    return Mutation(
        **vars(expected(name, entry, LIVE_KEYS)),
        mutate=acts("first") + acts("mutate"),
        revert=acts("mutate" if entry.get("self_inverse") else "revert"),
        writes=entry.get("writes") is True,
        restarts=entry.get("restarts") is True,
    )


def _act(act: Json, on: str, sessions: Mapping[str, Json]) -> Act:
    """ValueError if its session is unknown."""
    ((name, text),) = act.items() if isinstance(act, Mapping) else ((on, act),)
    if name not in sessions:
        raise ValueError(f"there is no session {name!r}, only {', '.join(sessions)}")
    session = sessions[name]
    return Act(
        json.text(session, "member"), json.text(session, "before") + json.text(text) + json.text(session, "after")
    )


def _tables(section: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    yield from ((name, json.mapping(entry)) for name, entry in json.mapping(section).items())


def _listed(value: Json) -> tuple[Json, ...]:
    return json.items(value) if isinstance(value, list) else () if value is None else (value,)


def _texts(entry: Mapping[str, Json], key: str) -> tuple[str, ...]:
    return tuple(json.text(each) for each in json.items(entry, key))
