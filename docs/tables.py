"""Write the tables in docs/ that come from real runs: everything between their marks is replaced.

    python -m docs.tables                what `make docs` does
    python -m docs.tables --check        names the pages whose tables are out of date

A mark is `<!-- table: NAME -->`, and `<!-- end -->` after it; the names are those of `TABLES`. The rows come from
reports/sample/matrix.json, as `drillproof matrix` and `drillproof compare --json` write it; `NAME from FILE` takes
FILE.json next to it.
"""  # noqa: INP001 - a script of the documentation, no module of the package

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.campaigns.matrix.page import SIGNS, figure
from harness.campaigns.matrix.results import FIGURES
from harness.core import resources
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import items, mapping, number, text
from harness.core.model import Json, Verdict
from harness.core.text import escaped, plural
from harness.evidence.run_directory import read_json
from harness.workflows.drill import scenario
from harness.workflows.drill.scenario import STORES

_MARKED = re.compile(r"(<!-- table: (.*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

Rows = Sequence[Mapping[str, Json]]


def line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(escaped, cells))} |"


def _recoveries(rows: Rows) -> Iterator[str]:
    yield from _table([row for row in rows if row.get("must") == "recover"], figures=True)


def _noticed(rows: Rows) -> Iterator[str]:
    yield from _table([row for row in rows if row.get("must") == "be noticed"], figures=False)


def _not_drilled(rows: Rows) -> Iterator[str]:
    drilled = {text(row, "scenario") for row in rows}
    known = scenario.load(resources.scenarios())
    missing = sorted(set(known) - drilled)
    drilled_too = plural(len(known) - len(missing), "disaster")
    yield f"{drilled_too} of {len(known)} drilled in the runs of these tables. They say nothing of:"
    yield ""
    yield ", ".join(f"`{name}`" for name in missing) or "none"


TABLES: Mapping[str, Callable[[Rows], Iterable[str]]] = {
    "recoveries": _recoveries,
    "noticed": _noticed,
    "not drilled": _not_drilled,
}
"""The tables, by the names in their marks."""


def filled(page: str, rows: Rows, where: str, others: Callable[[str], Rows] = lambda _: ()) -> str:
    """A page with its tables written from the rows of a matrix, or of one of the `others` by name.

    Misconfigured for an unknown table.
    """

    def made(found: re.Match[str]) -> str:
        name, _, other = found[2].partition(" from ")
        table = TABLES.get(name)
        if table is None:
            raise Misconfigured(f"{where}: unknown table {found[2]!r}; known: {', '.join(TABLES)}")
        if "<!-- table:" in found[3]:
            raise Misconfigured(f"{where}: the table {found[2]!r} has no <!-- end --> of its own")
        return "\n".join((f"{found[1]}", *table(others(other) if other else rows), "", found[4]))

    done = _MARKED.sub(made, page)
    if done.count("<!-- table:") != len(_MARKED.findall(done)):
        raise Misconfigured(f"{where}: a table has no <!-- end -->")
    return done


def rows_of(matrix: Path) -> Rows:
    """The rows of a matrix.json. HarnessError if it is invalid."""
    rows = tuple(map(mapping, items(read_json(matrix).get("rows"))))
    if not rows or not all(text(row, "scenario") and items(row, "runs") for row in rows):
        raise Misconfigured(f"{matrix} has no rows of drills; write it with `drillproof compare --json`")
    return rows


def _table(rows: Rows, *, figures: bool) -> Iterator[str]:
    heads = ("disaster", "strategy", "engine", *STORES, "drills", *(FIGURES.values() if figures else ()))
    yield from (line(heads), line("---" for _ in heads))
    for row in rows:
        stores = mapping(row, "stores")
        yield line(
            (
                *(text(row.get(name)) for name in ("scenario", "strategy", "engine")),
                *(_verdict(stores.get(store)) for store in STORES),
                _drills(row),
                *(figure(name, number(row.get(name))) for name in (FIGURES if figures else ())),
            )
        )
    if not rows:
        yield line(("none drilled yet", *("" for _ in heads[1:])))


def _verdict(value: Json) -> str:
    """A store's verdict; nothing if it took no part, UNKNOWN if it is invalid."""
    if value is None:
        return ""
    known = {verdict.value: verdict for verdict in Verdict}
    verdict = known.get(text(value), Verdict.UNKNOWN)
    return f"{SIGNS[verdict]} {verdict.name}"


def _drills(row: Mapping[str, Json]) -> str:
    counts = {verdict.name: number(row.get(key)) or 0 for verdict, key in _COUNTS.items()}
    return ", ".join(f"{count:.0f} {name}" for name, count in counts.items() if count) or "none"


_COUNTS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or with --check name the outdated pages; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.tables", description=__doc__.splitlines()[0])
    parser.add_argument("--matrix", type=Path, default=Path("reports/sample/matrix.json"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)

    def other(name: str) -> Rows:
        return rows_of(options.matrix.with_name(f"{name}.json"))

    try:
        rows = rows_of(options.matrix)
        old = {path: path.read_text(encoding="utf-8") for path in sorted(options.docs.rglob("*.md"))}
        new = {path: filled(page, rows, str(path), other) for path, page in old.items()}
    except (HarnessError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 64
    changed = [path for path in old if new[path] != old[path]]
    for path in changed:
        if not options.check:
            path.write_text(new[path], encoding="utf-8")
        sys.stdout.write(f"{path}: {'is out of date' if options.check else 'written'}\n")
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
