"""The status of a fleet as one HTML page, as lines and as JSON. The page needs no script: its filter is CSS."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.campaigns.fleet.status import FIGURES, Gap, Row, State, Status, age
from harness.core import paths
from harness.core.json import items, text
from harness.core.model import Json
from harness.core.text import duration, one_line, plural
from harness.reports.html import template

SCHEMA = 1
_WIDTH, _HEIGHT = 100, 24


@dataclass(frozen=True)
class Cell:
    """A figure of a row, against its objective."""

    value: str
    limit: str
    missed: bool
    trend: str  # the points of a line, as SVG has them; "" if there are too few


def write(status: Status, path: Path) -> None:
    """Write the page. Misconfigured if it cannot be written."""
    with paths.writing(path, "--out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(status), encoding="utf-8", errors="backslashreplace")


def render(status: Status) -> str:
    owners = sorted({row.target.owner for row in status.rows})
    return template("fleet.html").render(
        status=status,
        verdict=status.verdict.name,
        headline=headline(status),
        owners=owners,
        number={owner: n for n, owner in enumerate(owners, 1)},
        cells=cells,
        figures=FIGURES,
        age=lambda moment: age(moment, status.made),
    )


def headline(status: Status) -> str:
    """Coverage first, then what is not proved, by its kind."""
    counted = Counter(row.state for row in status.rows)
    share = f" ({100 * status.proved // status.wanted} %)" if status.wanted else ""
    said = [f"{status.proved} of {status.wanted} proved{share}"]
    said += [f"{counted[state]} {state.value}" for state in State if state is not State.PROVED and counted[state]]
    said += [f"{plural(len(status.gaps), 'place')} without proof"] if status.gaps else []
    said += [f"{plural(len(status.problems), 'target')} wrong in the file"] if status.problems else []
    return "; ".join(said)


def cells(row: Row) -> tuple[Cell, ...]:
    return tuple(_cell(row, name) for name in FIGURES)


def lines(status: Status) -> Iterator[str]:
    yield f"coverage: {headline(status)}"
    for row in status.rows:
        proof = f"proved {age(row.proved, status.made)} ago" if row.proved else "never proved"
        more = "; ".join(filter(None, (row.why if row.state is not State.PROVED else "", row.changed)))
        words = f"{row.state.name:8} {row.target.name}  {row.target.owner or 'no owner'}  {proof}  {more}"
        yield one_line(words)
    yield from (one_line(f"GAP      {gap.where}: {gap.why}") for gap in status.gaps)
    yield from (one_line(f"WRONG    {problem}") for problem in status.problems)
    if status.others:
        yield one_line(f"in the archive, and in no target: {', '.join(status.others)}")


def document(status: Status) -> Json:
    return {
        "schema": SCHEMA,
        "made": status.made.isoformat(timespec="seconds"),
        "verdict": status.verdict.value,
        "coverage": {"proved": status.proved, "wanted": status.wanted},
        "targets": [_row(row) for row in status.rows],
        "gaps": [vars(gap) for gap in status.gaps],
        "problems": list(status.problems),
        "others": list(status.others),
    }


def gaps(found: Json) -> Iterator[Gap]:
    """The gaps of a document that `fleet discover --json` printed."""
    yield from (Gap(text(each, "where"), text(each, "why")) for each in items(found, "gaps"))


def _row(row: Row) -> Json:
    return {
        "target": row.target.name,
        "owner": row.target.owner,
        "what": row.target.what,
        "every_s": row.target.when.every.total_seconds(),
        "state": row.state.value,
        "verdict": row.verdict.value,
        "why": row.why,
        "ended": row.ended.isoformat() if row.ended else None,
        "proved": row.proved.isoformat() if row.proved else None,
        "figures": dict(row.figures),
        "objectives": dict(row.target.limits),
        "changed": row.changed,
        "problems": list(row.problems),
    }


def _cell(row: Row, name: str) -> Cell:
    value, limit = row.figures.get(name), row.target.limits.get(name)
    seen = [point.figures[name] for point in row.points if name in point.figures]
    top = max((*seen, limit or 0, 0.001))
    enough = len(seen) > 1
    points = (
        [f"{round(_WIDTH * n / (len(seen) - 1))},{round(_HEIGHT * (1 - each / top))}" for n, each in enumerate(seen)]
        if enough
        else []
    )
    return Cell(
        duration(value),
        "no objective" if limit is None else f"at most {duration(limit)}",
        value is not None and limit is not None and value > limit,
        " ".join(points),
    )
