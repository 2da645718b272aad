"""Many runs over time, for people and for scripts: one HTML page, the same in Markdown and in JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from harness.campaigns.matrix.page import address
from harness.campaigns.trend import BAND, FIGURES, Coverage, Line, Point, Trend
from harness.core import durations
from harness.core.errors import Misconfigured
from harness.core.model import Json, Verdict
from harness.core.text import duration, many, visible
from harness.reports.html import template
from harness.reports.markdown import MOST, escaped
from harness.reports.markdown import line as row

MOST_POINTS = 100
"""No more of the newest drills of a make are drawn and listed; its verdict and its band do not depend on it."""


@dataclass(frozen=True)
class Dot:
    """One drill in a picture, in percent from the left and from the top."""

    left: float
    top: float
    verdict: str
    told: str


@dataclass(frozen=True)
class Picture:
    """A figure over time. `band` is its top and height, in percent as `objective`; None where there is none to draw."""

    title: str
    dots: tuple[Dot, ...]
    band: tuple[float, float] | None
    objective: float | None


def write(told: Trend, path: Path) -> None:
    """Write the page. Misconfigured if it cannot be."""
    page = template("trend.html").render(
        trend=told,
        verdict=told.verdict.name,
        says=says(told),
        figures=FIGURES,
        picture=picture,
        against=against,
        usual=usual,
        state=state,
        name=name,
        made_of=made_of,
        about_band=BAND,
        most=MOST_POINTS,
        report=lambda run: address(run, path.parent),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}; choose another file with --out") from error


def says(told: Trend) -> str:
    """What the verdict is made from, in one sentence."""
    job = f" The job {told.job.name}: {told.job.why}." if told.job else ""
    if not told.lines and not told.problems:
        return f"No drill was found, so nothing is proved.{job}"
    doubts = {
        f"proved longer ago than {many(told.expiry_days, 'day')}": sum(line.expired for line in told.lines),
        "not drilled as often as expected": sum(bool(line.late) for line in told.lines),
        "with a run of which nothing is believed": len(told.problems),
        "asked for and never drilled": len(told.required),
    }
    named = [f"{count} {what}" for what, count in doubts.items() if count]
    made = f"{many(sum(len(line.points) for line in told.lines), 'drill')} of {many(len(told.lines), 'make')}"
    came_to = Counter(line.verdict for line in told.lines)
    newest = ", ".join(f"{came_to[verdict]} {verdict.name}" for verdict in Verdict if came_to[verdict]) or "none"
    until = f" With no other drill it holds until {told.holds_until:%Y-%m-%d %H:%M} UTC." if told.holds_until else ""
    return f"{made}; by the newest drill of each: {newest}{''.join(f'; {each}' for each in named)}.{job}{until}"


def state(line: Line) -> str:
    """What speaks for a make, in words: when it was drilled, how long ago if too long, and until when that counts."""
    ago = line.late or (f"{durations.words(line.age)} ago" if line.expired else "")
    ended = f"{line.newest.ended:%Y-%m-%d %H:%M}{f' ({ago})' if ago else ''}"
    if line.expires is None:
        return f"{ended}; never green"
    if line.expired:
        return f"{ended}, {line.newest.verdict.name}; last proof expired {line.expires:%Y-%m-%d}"
    return f"{ended}; last proof expires {line.expires:%Y-%m-%d}"


def against(line: Line, figure: str) -> str:
    """The newest drill's figure against its objective."""
    value, objective = line.newest.figures.get(figure), line.newest.objectives.get(figure)
    if value is None:
        return "not measured"
    if objective is None:
        return f"{duration(value)} (no objective)"
    return f"{duration(value)} ({'met' if value <= objective else 'missed'}: at most {duration(objective)})"


def usual(line: Line, figure: str) -> str:
    """What is usual, and whether the newest drill is not."""
    band, value = line.bands.get(figure), line.newest.figures.get(figure)
    if band is None:
        return "too few to say what is usual"
    words = f"usual: {duration(band.low)} to {duration(band.high)}"
    if value is None or band.low <= value <= band.high:
        return words
    return f"{'more' if value > band.high else 'less'} than {words}"


def picture(line: Line, figure: str) -> Picture | None:
    """How a figure of a make went; None where no drill measured it."""
    drawn = line.points[-MOST_POINTS:]
    band, objective = line.bands.get(figure), line.newest.objectives.get(figure)
    measured = [value for point in drawn if (value := point.figures.get(figure)) is not None]
    if not measured:
        return None
    top = 1.15 * max(*measured, band.high if band else 0, 0.001)
    first, last = drawn[0].ended, drawn[-1].ended

    def down(value: float) -> float:
        return round(100 - 100 * value / top, 2)

    def dot(point: Point) -> Dot:
        value = point.figures.get(figure)
        left = 50.0 if first == last else 3 + 94 * ((point.ended - first) / (last - first))
        told = f"{point.ended:%Y-%m-%d %H:%M} {point.verdict.name}: {duration(value)}"
        return Dot(round(left, 2), 88.0 if value is None else down(value), point.verdict.value, told)

    dots = tuple(map(dot, drawn))
    return Picture(
        f"{FIGURES[figure]} of {many(len(dots), 'drill')}; the newest: {dots[-1].told}",
        dots,
        (down(band.high), round(down(band.low) - down(band.high), 2)) if band else None,
        down(objective) if objective is not None and objective <= top else None,
    )


def markdown(told: Trend) -> str:
    """The same for a terminal, a pull request or a page of docs."""
    return "\n".join(_page(told)) + "\n"


def covered(each: Coverage) -> str:
    """What is proved of a scenario, in words."""
    words = [f"{each.word}: {each.proved} of {many(each.makes, 'make')}", f"drilled {_day(each.drilled)}"]
    return ", ".join([*words, f"green {_day(each.green)}", f"expires {_day(each.expires)}"])


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


def name(line: Line) -> str:
    """A make in words."""
    return f"{line.make.scenario}, {made_of(line)}"


def made_of(line: Line) -> str:
    """A make in words, but for its scenario; a proof has no strategy."""
    make = line.make
    return ", ".join(filter(None, (make.strategy, make.engine, " ".join(make.stores), make.of)))


def document(told: Trend, folder: Path) -> Mapping[str, Json]:
    """The same for scripts; paths of runs are seen from `folder`."""
    return {
        "schema": 1,
        "verdict": told.verdict.value,
        "made": _label(told.made),
        "expiry_days": told.expiry_days,
        "every_s": told.every.total_seconds() if told.every else None,
        "holds_until": _label(told.holds_until),
        "job": {"name": told.job.name, "verdict": told.job.verdict.value, "why": told.job.why} if told.job else None,
        "makes": [_make(line, folder) for line in told.lines],
        "coverage": [
            {**asdict(each), **{moment: _label(getattr(each, moment)) for moment in ("drilled", "green", "expires")}}
            for each in told.coverage
        ],
        "doubts": list(told.doubts),
    }


def _make(line: Line, folder: Path) -> dict[str, Json]:
    return {
        "scenario": line.make.scenario,
        "strategy": line.make.strategy,
        "engine": line.make.engine,
        "stores": list(line.make.stores),
        "of": line.make.of,
        "verdict": line.verdict.value,
        "expires": _label(line.expires),
        "expired": line.expired,
        "late": line.late,
        "objectives": dict(line.newest.objectives),
        "usual": {figure: asdict(band) for figure, band in line.bands.items()},
        "changes": [{"name": what, "before": before, "now": now} for what, before, now in line.changes],
        "drills": [
            {
                "run": visible(os.path.relpath(point.run, folder)),
                "ended": _label(point.ended),
                "verdict": point.verdict.value,
                **{figure: point.figures.get(figure) for figure in FIGURES},
                "size": point.size,
            }
            for point in line.points
        ],
    }


def _label(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _page(told: Trend) -> Iterator[str]:
    yield f"**{told.verdict.name}**: {says(told)}"
    if told.lines:
        heads = ("disaster", "strategy", "engine", "stores", "verdict", "newest drill", "drills", *FIGURES.values())
        yield from ("", row(heads), row("---" for _ in heads))
        yield from map(_row, told.lines)
    for line in told.lines:
        if line.changes:
            yield from ("", escaped(f"Changed in {name(line)} since the last green drill before the newest:"), "")
            yield from (
                escaped(f"- {what}: {before or 'nothing'} → {now or 'nothing'}") for what, before, now in line.changes
            )
    yield from ("", "Coverage:", "")
    yield from (escaped(f"- {each.scenario}: {covered(each)}") for each in told.coverage if each.drilled)
    if told.never:
        yield escaped(f"- never drilled: {', '.join(told.never)}")
    if told.doubts:
        yield from ("", "Not believed:", "")
        yield from (escaped(f"- {each}") for each in told.doubts[:MOST])
        if len(told.doubts) > MOST:
            yield f"- and {len(told.doubts) - MOST} more"
    yield from ("", BAND)


def _row(line: Line) -> str:
    whose = f" of {line.make.of}" if line.make.of else ""
    make = (line.make.scenario, line.make.strategy, line.make.engine, f"{' '.join(line.make.stores)}{whose}")
    measured = (f"{against(line, figure)}; {usual(line, figure)}" for figure in FIGURES)
    figures = measured if line.measured else ("" for _ in FIGURES)
    return row((*make, line.verdict.name, state(line), str(len(line.points)), *figures))
