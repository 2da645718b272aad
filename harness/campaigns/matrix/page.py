"""A matrix for people and for scripts: one HTML file, the same in Markdown and in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from harness.campaigns.matrix.plan import LeftOut
from harness.campaigns.matrix.results import FIGURES, Row
from harness.core.model import Json, Verdict, worst
from harness.core.text import duration, plural, visible
from harness.reports.html import template
from harness.reports.markdown import escaped, line
from harness.workflows.drill.scenario import STORES

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?"}


def write(folder: Path, table: Sequence[Row], left_out: Sequence[LeftOut], missing: int) -> None:
    """Write matrix.html, matrix.md and matrix.json into `folder`. `missing` cells were planned and not drilled yet."""
    verdict = overall(table, missing)
    (folder / "matrix.json").write_text(json.dumps(document(folder, table, left_out, missing), indent=2) + "\n")
    (folder / "matrix.md").write_text(markdown(table, left_out, missing), encoding="utf-8")
    page = template("matrix.html").render(
        verdict=verdict.name,
        kinds=[("Must recover", _of(table, noticing=False)), ("Must be noticed", _of(table, noticing=True))],
        stores=STORES,
        figures=FIGURES,
        figure=figure,
        signs=SIGNS,
        left_out=left_out,
        doubts=doubts(table),
        missing=missing,
        drills=sum(len(row.runs) for row in table),
        verdicts=_counted(table),
        report=lambda run: address(run, folder),
    )
    (folder / "matrix.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def address(run: Path, folder: Path) -> str:
    """Where a page in `folder` finds a run's report; whatever the run is called, it is nothing but a relative path."""
    return quote(os.fsencode(os.path.relpath(run / "report.html", folder)))


def overall(table: Sequence[Row], missing: int) -> Verdict:
    """The worst of all drills; UNKNOWN at best where some are missing."""
    return worst([*(row.verdict for row in table), *([Verdict.UNKNOWN] if missing else [])])


def doubts(table: Sequence[Row]) -> tuple[str, ...]:
    """Every drill whose findings are not believed, and why."""
    return tuple(doubt for row in table for doubt in row.doubts)


def markdown(table: Sequence[Row], left_out: Sequence[LeftOut], missing: int) -> str:
    """The table for a terminal, a pull request or a page of docs."""
    heads = ("disaster", "strategy", "engine", *STORES, "drills")
    drills = sum(len(row.runs) for row in table)
    lines = [f"**{overall(table, missing).name}**: {plural(drills, 'drill')}: {_counted(table)}", ""]
    for title, noticing in (("Must recover", False), ("Must be noticed", True)):
        if some := _of(table, noticing=noticing):
            columns = (*heads, *(() if noticing else FIGURES.values()))
            lines += [f"{title}:", "", line(columns), line("---" for _ in columns)]
            lines += [line(_words(row)) for row in some]
            lines.append("")
    for each in left_out:
        lines.append(escaped(f"- not drilled: {each.scenario}, {each.strategy}, {each.engine}: {each.why}"))
    lines += [escaped(f"- not believed: {each}") for each in doubts(table)]
    if missing:
        lines.append(f"- {missing} planned drills were not made yet")
    return "\n".join(lines).rstrip() + "\n"


def _counted(table: Sequence[Row]) -> str:
    """How many drills came to what: `20 PASS, 1 FAIL`."""
    often = [row.survival for row in table]
    counts = {
        Verdict.PASS: sum(each.passed for each in often),
        Verdict.FAIL: sum(each.failed for each in often),
        Verdict.UNKNOWN: sum(each.unknown for each in often),
    }
    return ", ".join(f"{count} {verdict.name}" for verdict, count in counts.items() if count) or "none"


def _words(row: Row) -> Sequence[str]:
    by_store = dict(row.by_store)
    return (
        row.scenario,
        row.strategy,
        row.engine,
        *(f"{SIGNS[by_store[store]]} {by_store[store].name}" if store in by_store else "" for store in STORES),
        str(row.survival) if len(row.runs) > 1 else row.verdict.name,
        *(() if row.noticing else (figure(name, row.figures[name]) for name in FIGURES)),
    )


def figure(name: str, value: float | None) -> str:
    """A figure of a row in words: `20.9 s`, `4.9 MB`."""
    if name.endswith("_bytes"):
        return duration(None) if value is None else f"{value / 1e6:,.1f} MB"
    return duration(value)


def _of(table: Sequence[Row], *, noticing: bool) -> tuple[Row, ...]:
    return tuple(row for row in table if row.noticing is noticing)


def document(folder: Path, table: Sequence[Row], left_out: Sequence[LeftOut], missing: int) -> Mapping[str, Json]:
    """The same for scripts; paths of runs are seen from `folder`."""
    return {
        "schema": 1,
        "verdict": overall(table, missing).value,
        "missing": missing,
        "rows": [
            {
                "scenario": row.scenario,
                "strategy": row.strategy,
                "engine": row.engine,
                "must": "be noticed" if row.noticing else "recover",
                "verdict": row.verdict.value,
                "stores": {store: verdict.value for store, verdict in row.by_store},
                "passed": row.survival.passed,
                "failed": row.survival.failed,
                "unknown": row.survival.unknown,
                "interval": row.survival.interval,
                **row.figures,
                "took_s": round(row.took_s, 1),
                "runs": [visible(os.path.relpath(run, folder)) for run in row.runs],
            }
            for row in table
        ],
        "doubts": list(doubts(table)),
        "left_out": [
            {"scenario": each.scenario, "strategy": each.strategy, "engine": each.engine, "why": each.why}
            for each in left_out
        ],
    }
