"""A password that is an ordinary word, as `postgres`, `Completed` or `unchecked`, changes no verdict and no reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import MemoryStore, World, run_in_memory
from schemas import schema

from harness.checks.judge import judge
from harness.core.clock import Clock
from harness.core.model import Event, Json
from harness.core.redaction import redact_document
from harness.evidence.journal import OWN_WORDS, Journal
from harness.evidence.run_directory import Run
from harness.selftest import good_runs, journal_mutations
from harness.selftest.baseline import Baseline

COMMON = ("postgres", "mysql", "Completed", "custos", "unchecked", "pass", "true", "0", "1", "after", "T0", "-", "e")

OUTSIDE = {
    *("backup messages", "backup volumes.message", "corrupt message", "damage what", "error message"),
    *("frozen command", "health detail", "indexes wrong", "later-backup messages", "later-backup volumes.message"),
    *("listing differences", "login detail", "login stranger", "login earlier", "note text", "recovery-failed message"),
    *("restore messages", "restore volumes.message", "source detail", "sound damaged", "sound notes"),
    *("sound unchecked", "step detail", "still-frozen loose", "stored damage", "unread message", "unready pods"),
    "write detail",
}
"""Text that others wrote, or that may quote it."""


def drill(runs: Path) -> Path:
    world = World()
    return run_in_memory(runs, world, tuple(MemoryStore(name, world) for name in ("mysql", "postgres", "consul"))).run


@dataclass(frozen=True)
class Good:
    """A run that passed, and copies of it."""

    base: Baseline
    folder: Path
    workflow: str

    def judged(self, events: tuple[Event, ...]) -> list[tuple[str, ...]]:
        path = self.base.copy(f"copy-{len(list(self.folder.iterdir()))}")
        self.base.write_journal(path, events)
        found = judge(Run(path))
        return [(each.check, each.store, each.member, each.verdict.value, each.reason.value) for each in found]


@pytest.fixture(scope="module", params=["drill", "proof", "migration"])
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Good:
    workflow = str(request.param)
    make = {"drill": drill, "proof": good_runs.proof, "migration": good_runs.migration}[workflow]
    folder = tmp_path_factory.mktemp(workflow)
    (folder / "copies").mkdir()
    return Good(Baseline(make(folder / "runs"), folder / "copies"), folder / "copies", workflow)


def words(value: Json) -> Iterator[str]:
    """Every text in a document, every key, and every word of both."""
    if isinstance(value, str):
        yield from (value, *re.findall(r"[A-Za-z0-9]+", value))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from words(key)
            yield from words(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from words(each)
    else:
        yield json.dumps(value)


def redacted(events: tuple[Event, ...], secret: str) -> tuple[Event, ...]:
    return tuple(
        replace(each, data=redact_document(each.data, {secret}, OWN_WORDS.get(each.kind, ()))) for each in events
    )


@settings(max_examples=40)
@given(data=st.data())
def test_no_word_of_a_run_as_a_password_changes_its_judgement(good: Good, data: st.DataObject) -> None:
    said = {word for event in good.base.events for word in (*words(event.data), event.kind) if word}
    secret = data.draw(st.sampled_from(sorted({*said, *COMMON})))
    change = data.draw(st.sampled_from([None, *journal_mutations.mutations(good.workflow)]), label="what went wrong")
    events = good.base.events
    if change is not None and (not change.needs or good.base.run.of(change.needs)):
        events = tuple(change.change(events))
    assert good.judged(redacted(events, secret)) == good.judged(events)


@pytest.mark.parametrize("secret", COMMON)
def test_a_common_word_as_a_password_changes_no_judgement(good: Good, secret: str) -> None:
    assert good.judged(redacted(good.base.events, secret)) == good.judged(good.base.events)


def test_a_journal_keeps_own_words_and_no_password_that_others_print(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal.jsonl", Clock(), secrets=lambda: ["postgres"])
    own: Mapping[str, Json] = {"when": "after", "store": "postgres", "member": "postgres-0", "role": "primary"}
    event = log.append("health", **own, ok=True, detail="password=postgres")
    assert event.data == {**own, "ok": True, "detail": "password=[redacted]"}
    assert log.append("of a later version", store="postgres").data == {"store": "[redacted]"}
    log.close()


def texts(node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all texts that a part of the schema allows."""
    node = DEFS[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    for inner in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from texts(inner, path)
    for key, inner in node.get("properties", {}).items():
        yield from texts(inner, f"{path}.{key}".lstrip("."))
    for inner in (node.get("additionalProperties"), node.get("items")):
        if isinstance(inner, dict):
            yield from texts(inner, path)
    if "string" in node.get("type", "") or any(isinstance(each, str) for each in node.get("enum", ())):
        yield path


DEFS: Mapping[str, Any] = schema("journal")["$defs"]


def test_every_text_of_an_event_is_our_own_or_from_outside() -> None:
    seen = {
        f"{name.removeprefix('data of ')} {path}"
        for name, node in DEFS.items()
        if name.startswith("data of ")
        for path in texts(node)
    }
    own = {f"{kind} {field}" for kind, fields in OWN_WORDS.items() for field in fields}
    ours = {each for each in seen if each in own or any(each.startswith(f"{field}.") for field in own)}
    assert seen - ours - {"run schema"} == OUTSIDE
    assert {kind for kind, _, _ in (each.partition(" ") for each in own)} <= {
        name.removeprefix("data of ") for name in DEFS
    }
