"""A matrix as one HTML page, as Markdown and as JSON."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from harness.campaigns.matrix.plan import Exclusion
from harness.campaigns.matrix.results import FIGURES, Row, changed, ordered
from harness.core.model import Json, Verdict, worst
from harness.core.text import duration, visible
from harness.reports.html import template

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?"}


def write(folder: Path, table: Sequence[Row], left_out: Sequence[Exclusion], missing: int) -> None:
    """Write matrix.html, matrix.md and matrix.json into `folder`. `missing` cells are not drilled yet."""
    (folder / "matrix.json").write_text(json.dumps(document(folder, table, left_out, missing), indent=2) + "\n")
    (folder / "matrix.md").write_text(markdown(table, left_out, missing), encoding="utf-8")
    page = template("matrix.html").render(_context(table, left_out, missing), report=lambda run: address(run, folder))
    (folder / "matrix.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def markdown(table: Sequence[Row], left_out: Sequence[Exclusion], missing: int, not_judged: Sequence[str] = ()) -> str:
    """`not_judged` has a line for each run that still runs, or was killed."""
    context = {**_context(table, left_out, missing), "not_judged": not_judged}
    return template("matrix.md").render(context).rstrip() + "\n"


def _context(table: Sequence[Row], left_out: Sequence[Exclusion], missing: int) -> dict[str, object]:
    kinds = {"Must recover": False, "Must be detected": True}
    return {
        "verdict": overall(table, missing).name,
        "kinds": [(title, [row for row in table if row.detection is kind]) for title, kind in kinds.items()],
        "stores": ordered(store for row in table for store in row.by_store),
        "of": any(row.of for row in table),
        "changed": tuple(changed(table)),
        "figures": FIGURES,
        "figure": figure,
        "signs": SIGNS,
        "left_out": left_out,
        "doubts": doubts(table),
        "missing": missing,
        "drills": sum(len(row.runs) for row in table),
        "verdicts": _counted(table),
    }


def address(run: Path, folder: Path) -> str:
    """The link from a page in `folder` to a run's report: a quoted relative path, whatever the run's name."""
    return quote(os.fsencode(os.path.relpath(run / "report.html", folder)))


def overall(table: Sequence[Row], missing: int) -> Verdict:
    """The worst of all drills; UNKNOWN at best if some are missing."""
    return worst([*(row.verdict for row in table), *([Verdict.UNKNOWN] if missing else [])])


def doubts(table: Sequence[Row]) -> tuple[str, ...]:
    return tuple(doubt for row in table for doubt in row.doubts)


def _counted(table: Sequence[Row]) -> str:
    """Drills by verdict: `20 PASS, 1 FAIL`."""
    often = [row.survival for row in table]
    counts = {
        Verdict.PASS: sum(each.passed for each in often),
        Verdict.FAIL: sum(each.failed for each in often),
        Verdict.UNKNOWN: sum(each.unknown for each in often),
    }
    return ", ".join(f"{count} {verdict.name}" for verdict, count in counts.items() if count) or "none"


def figure(name: str, value: float | None) -> str:
    """A figure with its unit: `20.9 s`, `4.9 MB`."""
    if name.endswith("_bytes"):
        return duration(None) if value is None else f"{value / 1e6:,.1f} MB"
    return duration(value)


def document(
    folder: Path, table: Sequence[Row], left_out: Sequence[Exclusion], missing: int, not_judged: Sequence[str] = ()
) -> Mapping[str, Json]:
    """The same for scripts; paths of runs are relative to `folder`."""
    return {
        "schema": 1,
        "verdict": overall(table, missing).value,
        "missing": missing,
        "rows": [
            {
                "scenario": row.scenario,
                "strategy": row.strategy,
                "engine": row.engine,
                "lane": row.lane,
                **({"application": row.application, "manifests": dict(row.manifests)} if row.application else {}),
                "must": "be noticed" if row.detection else "recover",
                "verdict": row.verdict.value,
                "stores": {store: verdict.value for store, verdict in row.by_store.items()},
                **asdict(row.survival),
                "interval": row.survival.interval,
                **row.figures,
                "took_s": round(row.took_s, 1),
                "runs": [visible(os.path.relpath(run, folder)) for run in row.runs],
            }
            for row in table
        ],
        "doubts": list(doubts(table)),
        "not_judged": list(not_judged),
        "left_out": list(map(asdict, left_out)),
    }
