"""The run directory: everything a drill leaves behind, enough to judge it again without a cluster.

run.json        written first: scenario as data, seed, sizes, versions, images, commit, host
journal.jsonl   one event a line
ledger/         <store>.jsonl every write and its answer; <store>@<member>.jsonl what that member showed after
findings.json   written last, from the others alone
"""

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

from harness.core import paths
from harness.core.errors import Misconfigured, Unreadable
from harness.core.json import at, items, mapping, text
from harness.core.model import MOVE_STEPS, PROOF_STEPS, STEPS, Event, ExpectedFinding, Json, Plan
from harness.core.reason import Reason, from_name
from harness.evidence import before_reasons, journal, ledger
from harness.evidence.marks import marks
from harness.evidence.write_classification import Classes, classify, states
from harness.evidence.write_history import History, Shown

V = TypeVar("V")

_START = "%Y%m%dT%H%M%SZ"
PROOF = "proof"  # what run.json calls a run that proves a backup; a drill has no kind
MOVE = "move"  # what it calls one that moves an application for good
FIRST_LANE = "1.16"
"""The lane of Velero of every drill before run.json named one."""


def create(runs: Path, scenario: str, facts: Mapping[str, Json]) -> Path:
    """Make a new run directory below `runs`, with its run.json, and point `latest` to it."""
    start = datetime.now(UTC).strftime(_START)
    with paths.writing(runs, "--runs"):
        runs.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{n}" for n in range(2, 100))):
            run = runs / f"{start}-{scenario}{suffix}"
            with contextlib.suppress(FileExistsError):
                run.mkdir()
                break
        else:
            raise Misconfigured(f"{runs} already holds a hundred runs of this second; wait a moment and try again")
    (run / "ledger").mkdir()
    write_json(run / "run.json", {"schema": journal.SCHEMA, "scenario": scenario, **facts})
    link = runs / f".latest-{os.getpid()}"
    link.symlink_to(run.name)
    link.replace(runs / "latest")
    return run


def inside(runs: Path, holding: str = "") -> tuple[Path, ...]:
    """The folders of `runs` by name, or those `holding` such a file; `latest`, and any other link, is none.

    Misconfigured if there is no such folder.
    """
    if not runs.is_dir():
        raise Misconfigured(f"{runs} is no folder of run directories; say which with --runs")
    with os.scandir(runs) as entries:
        folders = sorted(runs / entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return tuple(folder for folder in folders if not holding or any(folder.glob(holding)))


def began(run: Path) -> datetime | None:
    """When a run was begun, by the name that `create` gave it; None if that does not say."""
    try:
        return datetime.strptime(run.name.partition("-")[0], _START).replace(tzinfo=UTC)
    except ValueError:
        return None


def lane_of(facts: Mapping[str, Json]) -> str:
    """The lane of Velero that a drill installed; "" for a run that did not choose one."""
    chosen = not facts.get("kind") and facts.get("fenced") is not False
    return text(facts.get("lane")) or FIRST_LANE if chosen else ""


def manifests_of(facts: Mapping[str, Json]) -> dict[str, str]:
    """By object and store of the user's application: a digest of what was deployed. None in runs of before that."""
    return {name: str(digest) for name, digest in mapping(facts, "manifests").items()}


def fingerprint_of(manifests: Mapping[str, str]) -> str:
    """One short word for all of these manifests; "" if there are none."""
    return hashlib.sha256(json.dumps(manifests, sort_keys=True).encode()).hexdigest()[:8] if manifests else ""


def changed_manifests(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The objects and stores that differ, are new, or are gone."""
    return tuple(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))


def made_with(engine: str, lane: str) -> str:
    """An engine, with its lane of Velero where that is not the first one."""
    return engine if lane in {"", FIRST_LANE} else f"{engine}, Velero {lane}"


def write_json(path: Path, value: Json) -> None:
    """Write a JSON file whole or not at all."""
    write_whole(path, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # nothing is written through a link
    with beside.open("xb") as file:
        file.write(content)
    beside.replace(path)


def read_json(path: Path) -> Mapping[str, Json]:
    """Read a JSON object. Unreadable names the file."""
    try:
        value = journal.document(path)
    except FileNotFoundError as error:
        raise Unreadable(path, str(error), Reason.EvidenceMissing) from error
    except (OSError, ValueError) as error:
        raise Unreadable(path, str(error)) from error
    if not isinstance(value, dict):
        raise Unreadable(path, "is not a JSON object")
    return cast("Mapping[str, Json]", value)


@dataclass(frozen=True)
class Kept:
    """What one member kept of its store's writes: every write's class, and what its accounts may hold beside them."""

    classes: Classes
    accounts: tuple[Mapping[str, int], ...]


@dataclass(frozen=True)
class Run:
    """A run directory as checks read it. Whatever cannot be believed raises Unreadable."""

    path: Path

    @cached_property
    def facts(self) -> Mapping[str, Json]:
        """What run.json says, if it is still what the drill wrote."""
        self._untouched(self.path / "run.json")
        facts = read_json(self.path / "run.json")
        if facts.get("schema") != journal.SCHEMA:
            why = f"has schema {facts.get('schema')}; this drillproof reads {journal.SCHEMA}: judge it with a newer one"
            raise self._unclear(why, Reason.SchemaUnsupported)
        return facts

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return journal.read(self.path / "journal.jsonl")

    def of(self, kind: str, **data: Json) -> tuple[Event, ...]:
        """The events of a kind whose data hold all of `data`."""
        events = (event for event in self.events if event.kind == kind)
        return tuple(event for event in events if all(event.data.get(key) == data[key] for key in data))

    @property
    def kind(self) -> str:
        """PROOF, MOVE, or "" for a drill."""
        return str(self.facts.get("kind") or "")

    @property
    def fenced(self) -> bool:
        """Whether a fence was to be around the cluster: around all that drillproof makes."""
        return self.facts.get("fenced") is not False

    @property
    def scenario(self) -> str:
        return str(self.facts.get("scenario", ""))

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The members of every store that was drilled, by store; from run.json, so none can go missing."""
        stores = {store: items(members) for store, members in mapping(self.facts, "stores").items()}
        if not stores:
            raise self._unclear("names no stores")
        for store, names in stores.items():
            if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
                raise self._unclear(f"names no members of {store}")
        return {store: tuple(map(str, names)) for store, names in stores.items()}

    @property
    def services(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Every service that people log in to: its name, its store, its pods. None in runs of before there were any."""
        listed = self.facts.get("services", {})
        if not isinstance(listed, dict) or not all(_is_service(each, self.members) for each in listed.values()):
            raise self._unclear("does not say which services are on which stores")
        return tuple((name, each["store"], tuple(each["pods"])) for name, each in listed.items())

    @property
    def indexed(self) -> tuple[str, ...]:
        """The stores that keep indexes."""
        listed = self.facts.get("indexed")
        if not isinstance(listed, list) or not set(map(str, listed)) <= set(self.members):
            raise self._unclear("does not say which stores have indexes")
        return tuple(map(str, listed))

    @property
    def steps(self) -> tuple[str, ...]:
        steps = tuple(map(str, items(self.facts, "steps")))
        if not steps or steps != {PROOF: PROOF_STEPS, MOVE: MOVE_STEPS}.get(self.kind, STEPS[: len(steps)]):
            raise self._unclear("names no steps of a drill")
        return steps

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """Every planned fault, and its step. Unreadable if there is none."""
        pairs = [(at(each, "name"), at(each, "step")) for each in items(self.facts, "faults")]
        if not pairs or not all(isinstance(word, str) and word for pair in pairs for word in pair):
            raise self._unclear("names no faults")
        return tuple((str(name), str(step)) for name, step in pairs)

    @property
    def plan(self) -> Plan:
        return self._value(Plan.from_record, self.facts.get("plan"), "plan")

    @property
    def expected_findings(self) -> tuple[ExpectedFinding, ...]:
        """The FAILs that a bad recovery must come to; none where it was to be good."""
        listed = self.facts.get("expected_findings")
        if isinstance(listed, list):
            return tuple(map(self._expected, listed))
        listed = self.facts.get("noticed_by")  # a run of before findings had reasons
        if not isinstance(listed, list):
            raise self._unclear("does not say which findings were expected")
        try:
            return tuple(map(before_reasons.expected, listed))
        except ValueError as error:
            raise self._unclear(str(error), Reason.ExpectedFindingUnclear) from error

    def _expected(self, fields: Json) -> ExpectedFinding:
        told = mapping(fields)
        objects, other = told.get("objects"), told.get("otherwise")
        if not told.get("reason") or not isinstance(objects, list):
            raise self._unclear("expects a finding without a reason, or a list of objects")
        known: dict[str, object] = {
            "reason": self._reasons(told.get("reason")),
            "objects": tuple(map(str, objects)),
            "causes": self._reasons(told.get("causes")),
            "otherwise": self._expected(other) if other else None,
        }
        return self._value(ExpectedFinding, cast("Json", {**told, **known}), "expected finding")

    def _reasons(self, names: Json) -> tuple[Reason, ...]:
        listed = names if isinstance(names, list) else [names]
        if unknown := [str(name) for name in listed if from_name(name) is None]:
            raise self._unclear(f"expects {', '.join(unknown)}, which is no reason of this drillproof")
        return tuple(filter(None, map(from_name, listed)))

    def _value(self, kind: Callable[..., V], fields: Json, what: str) -> V:
        try:
            return kind(**cast("dict[str, Json]", fields))
        except (TypeError, ValueError) as error:
            raise self._unclear(f"holds no {what}: {error}") from error

    def _unclear(self, why: str, reason: Reason = Reason.EvidenceUnreadable) -> Unreadable:
        return Unreadable(self.path / "run.json", why, reason)

    def each_member(self) -> Iterator[tuple[str, str]]:
        return ((store, member) for store, members in self.members.items() for member in members)

    def attempts(self, store: str) -> Iterator[ledger.Attempt]:
        """Every write to a store. Unreadable if the file cannot be believed."""
        return ledger.read_attempts(self._untouched(self.path / "ledger" / f"{store}.jsonl"))

    def kept(self, store: str, member: str) -> Kept:
        """What became of a store's writes, as one member shows them. Unreadable if a file of it cannot be believed."""
        if (store, member) not in self._kept:
            # The whole store at once: its writes are many, and are read once and kept for no longer than that.
            self._kept.update(self._read_store(store))
        kept = self._kept[store, member]
        if isinstance(kept, Unreadable):
            raise kept
        return kept

    def _read_store(self, store: str) -> Iterator[tuple[tuple[str, str], Kept | Unreadable]]:
        try:
            history = History(self.attempts(store), self.marks.get("T4", math.inf))
        except Unreadable as error:
            yield from (((store, member), error) for member in self.members[store])
            return
        for member in self.members[store]:
            try:
                rows = ledger.read_rows(self._untouched(self.path / "ledger" / f"{store}@{member}.jsonl"))
                shown = Shown(history, rows)
            except Unreadable as error:
                yield (store, member), error
            else:
                yield (store, member), Kept(classify(shown, backup_s=self.marks.get("T0")), states(shown))

    @cached_property
    def marks(self) -> Mapping[str, float]:
        return marks(self.events)

    @cached_property
    def _kept(self) -> dict[tuple[str, str], Kept | Unreadable]:
        return {}

    def _untouched(self, path: Path) -> Path:
        """`path`, if the file holds what the journal says that it held; else Unreadable."""
        noted = self.of("file", name=path.name)
        if not noted:
            why = "the journal does not say what this file held; it was never finished"
            raise Unreadable(path, why, Reason.NotRecorded)
        try:
            now = ledger.fingerprint(path)
        except FileNotFoundError as error:
            raise Unreadable(path, f"{error.strerror}", Reason.EvidenceMissing) from error
        except OSError as error:
            raise Unreadable(path, f"{error.strerror}") from error
        if noted[-1].data.get("sha256") != now:
            why = "is not what the drill wrote; it was changed afterwards"
            raise Unreadable(path, why, Reason.EvidenceAltered)
        return path


def find(runs: Path, name: str, holding: tuple[str, ...] = ("run.json",)) -> Path:
    """The run directory meant by a path, a directory's name below `runs`, or `latest`; it has one of `holding`."""
    for path in (Path(name), runs / name):
        if re.search(r"[^/.]", name) and any((path / held).exists() for held in holding):
            return path.resolve()
    raise Misconfigured(f"{name} is no run directory (no run.json in it); `ls {runs}` shows the runs there are")


def _is_service(said: Json, stores: Mapping[str, object]) -> bool:
    pods = said.get("pods") if isinstance(said, dict) else None
    return isinstance(said, dict) and said.get("store") in stores and isinstance(pods, list) and bool(pods)
