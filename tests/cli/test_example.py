"""The example of another repository: its drill is collected, its datastore fits our seams, its manifests are found.

A real drill of it: `make example`.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Self

import psycopg2
import pytest
from memory import Memory

from harness.core import resources
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.model import Row
from harness.core.ports import Corrupt
from harness.workflows.drill import request, scenario
from harness.workloads.application import Application
from harness.workloads.dataset import dataset
from harness.workloads.deployment import overlay

pytest_plugins = ["pytester"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-application"


@pytest.fixture
def guestbook() -> ModuleType:
    """Its module."""
    spec = importlib.util.spec_from_file_location("guestbook", EXAMPLE / "guestbook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def application(guestbook: ModuleType) -> Application:
    return Application("guestbook", EXAMPLE / "manifests", (guestbook.Guestbook,))


def test_its_drills_are_collected(pytester: pytest.Pytester) -> None:
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    found = pytester.runpytest_subprocess("--collect-only", "-q", "-p", "no:hypothesispytest")
    found.stdout.fnmatch_lines(["drills/test_drills.py::test_drill[[]namespace_loss[]]"])


def test_what_is_asked_is_held_against_its_own_stores_and_strategies(application: Application) -> None:
    (asked,) = request.options((), folder=EXAMPLE / "drills", application=application)
    assert (asked.stores, asked.strategy, asked.application) == (("guestbook",), "dump", application)
    with pytest.raises(Misconfigured, match="known: guestbook"):
        request.options((), folder=EXAMPLE / "drills", application=application, stores=("mysql",))
    with pytest.raises(Misconfigured, match="known: dump"):
        request.options((), folder=EXAMPLE / "drills", application=application, strategy="files")


def test_its_known_data_and_manifests_are_its_own(application: Application) -> None:
    known = dataset.load(application.fixtures, 1, "small")
    assert known.tables("guestbook") == ("guests",)
    assert known.columns("guestbook", "guests") == ("id", "name", "note")
    assert len(next(iter(known.rows("guestbook", "guests")))) == 3
    assert overlay(application.fixtures, "guestbook", "dump").is_relative_to(EXAMPLE)
    assert not (application.fixtures / "words.toml").exists()  # the words are ours
    assert (resources.fixtures() / "words.toml").exists()


def test_its_scenario_drilled_in_memory_passes(application: Application, tmp_path: Path) -> None:
    found = scenario.load(EXAMPLE / "drills", application.stores)["namespace_loss"]
    assert found.stores == application.stores
    assert Memory(tmp_path).drill(stores=found.stores)["verdict"] == "pass"


class Answers:
    """A connection whose every question has these rows for an answer, or this error."""

    def __init__(self, rows: list[tuple[object, ...]], error: Exception | None = None) -> None:
        self.rows, self.error, self.closed = rows, error, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.rows)

    def cursor(self) -> Answers:
        return self

    def close(self) -> None:
        self.closed = True

    def execute(self, *_: object) -> None:
        if self.error:
            raise self.error

    def fetchone(self) -> tuple[object, ...]:
        return self.rows[0]

    def fetchall(self) -> list[tuple[object, ...]]:
        return self.rows


class Way:
    """A cluster with nothing but a way to its pods."""

    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        assert (namespace, pod, port) == ("guestbook", "guestbook-0", 5432)
        return nullcontext(("127.0.0.1", 1))


class Damaged(psycopg2.Error):
    """What the driver raises where a page's checksum is wrong."""

    pgcode = "XX001"


def test_its_datastore_reads_and_says_what_is_damaged(guestbook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guestbook.Guestbook(Way(), "guestbook", {"postgres-password": "p"})
    answers = Answers([(1, "key", "value")])
    monkeypatch.setattr(psycopg2, "connect", lambda **_: answers)
    assert list(store.ledger("guestbook-0")) == [Row(1, "key", "value")]
    assert answers.closed
    for error, raised in ((Damaged("invalid page"), Corrupt), (psycopg2.OperationalError("gone"), ToolFailed)):
        answers.error = error
        with pytest.raises(raised, match=str(error)):
            store.balances("guestbook-0")
    answers.error, answers.rows = None, [(True, "identity")]
    assert not store.health("guestbook-0").ok
    assert "guestbook" not in sys.modules
