"""The picture of every store's writes: each write is drawn once, as what it is, and no ledger can spoil the report."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_runs

from harness.core.model import Json
from harness.evidence import run_view
from harness.reports import render
from harness.reports.pictures import Plot, writes
from harness.reports.texts import WRITES

T0, T2, T4, T8 = (sample_runs.MARKS_S[n] for n in (0, 2, 4, 8))


def line(n: int, at_s: float, answer: str = "ok") -> str:
    asked = {"n": n, "verb": "put", "key": f"k{n}", "value": "v", "tick": n, "at_s": at_s}
    return "".join(json.dumps(each) + "\n" for each in (asked, {"n": n, "answer": answer, "at_s": at_s + 0.1}))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with the ledger of one store, whose recovery point is write 2."""
    run = sample_runs.passed(tmp_path / "run")
    (run / "ledger").mkdir()
    ledger = (line(1, T0 - 1), line(2, T0), line(3, T0 + 1), line(4, T2), line(5, T2 + 2, "refused"), line(6, T8))
    (run / "ledger" / "mysql.jsonl").write_text("".join(ledger))
    judged: dict[str, Json] = json.loads((run / "findings.json").read_text())
    judged["ledger"] = {"mysql": {"recovery_point_n": 2}, "consul": {}}
    (run / "findings.json").write_text(json.dumps(judged))
    return run


def drawn(run: Path) -> list[Plot]:
    return writes(run_view.read(run))[0]


def test_each_write_is_drawn_once_as_what_it_is(run: Path) -> None:
    plot, postgres, consul = drawn(run)
    assert plot.counts == {"kept": 2, "lost": 2, "later": 1, "unsure": 1}
    assert plot.column_s == 3
    assert sum(round(block.height * plot.most / 100) for block in plot.blocks) == 6
    assert (postgres.problem, consul.problem) == ("its recovery point was not judged",) * 2


def test_blocks_stand_on_each_other_and_none_leaves_the_picture(run: Path) -> None:
    plot = drawn(run)[0]
    columns: dict[float, float] = {}
    for block in plot.blocks:
        assert 0 <= block.left <= 100 - block.width + 0.1
        assert block.top + block.height == pytest.approx(columns.get(block.left, 100.0), abs=0.02)
        columns[block.left] = block.top
    assert min(columns.values()) == pytest.approx(0, abs=0.02)  # the highest column fills the picture


def test_the_marks_stand_where_they_were_reached(run: Path) -> None:
    _, marks = writes(run_view.read(run))
    assert [name for name, _, _ in marks] == ["T0", "T2", "T4", "T8"]
    lefts = [left for _, _, left in marks]
    assert lefts == sorted(lefts)
    assert all(0 <= left <= 100 for left in lefts)


def test_the_report_has_it_with_every_kind_explained(run: Path) -> None:
    render(run)
    page = (run / "report.html").read_text()
    assert "Writes to mysql over time" in page
    assert all(f"<strong>{kind}</strong> {meaning}" in page for kind, meaning in WRITES.items())
    assert "no figure: its recovery point was not judged" in page


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (huge, "mysql.jsonl, line 1: is too long to be a drill's"),
        (a_pipe, "mysql.jsonl: is no file"),
        (lambda path: path.write_text("{}\n"), "mysql.jsonl, line 1: is neither a write nor an answer"),
        (lambda path: path.write_text(""), "nothing was written"),
        (Path.unlink, "mysql.jsonl: [Errno 2] No such file"),
    ],
)
def test_a_ledger_that_cannot_be_drawn_says_why(run: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(run / "ledger" / "mysql.jsonl")
    render(run)
    assert said in drawn(run)[0].problem
    assert f"no figure: {said}" in html.unescape((run / "report.html").read_text())


def test_times_that_no_clock_shows_are_drawn_and_no_more(run: Path) -> None:
    (run / "ledger" / "mysql.jsonl").write_text(line(1, 0) + line(2, 1e300))
    assert [(block.left, block.width) for block in drawn(run)[0].blocks] == [(0.0, 1.67), (98.33, 1.67)]


def test_a_store_whose_name_climbs_out_is_not_read(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "stores": {"../ledger/mysql": ["m"]}}))
    assert drawn(run)[0].problem == "is not the name of a store"


@pytest.mark.parametrize("name", ["journal.jsonl", "findings.json", "run.json"])
def test_a_file_of_a_gigabyte_is_named_and_does_not_fill_the_memory(run: Path, name: str) -> None:
    huge(run / name)
    told = run_view.read(run)
    assert any(problem.startswith(name) and "to be a drill's" in problem for problem in told.problems)


def test_what_is_nested_without_end_is_shown_as_far_as_it_can_be(run: Path) -> None:
    facts = (run / "run.json").read_text()
    for deep in ('{"a":' * 1000 + "1" + "}" * 1000, "[" * 1000 + "]" * 1000):
        (run / "run.json").write_text(facts.replace('{"schema"', f'{{"deep": {deep}, "schema"', 1))
        render(run)
        assert "nested too deeply" in (run / "report.html").read_text()
