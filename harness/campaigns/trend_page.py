"""A trend as one HTML page, as Markdown and as JSON."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from harness.campaigns.matrix.page import address
from harness.campaigns.trend import BAND, FIGURES, Point, Series, Trend
from harness.core import durations, paths
from harness.core.model import Json, Verdict
from harness.core.text import duration, plural, visible
from harness.reports.html import template
from harness.reports.markdown import MOST

SCHEMA = 2
MOST_POINTS = 100
"""Only so many of the newest drills of a series are drawn and listed; its verdict and its band take all."""


@dataclass(frozen=True)
class Dot:
    """One drill in a picture, in percent from the left and from the top."""

    left: float
    top: float
    verdict: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A figure over time. `band` is its top and height in percent, `objective` its top; None to draw none."""

    title: str
    dots: tuple[Dot, ...]
    band: tuple[float, float] | None
    objective: float | None


def write(trend: Trend, path: Path) -> None:
    """Write the HTML page. Misconfigured if it cannot be written."""
    page = template("trend.html").render(_context(trend), report=lambda run: address(run, path.parent))
    with paths.writing(path, "--out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", errors="backslashreplace")


def markdown(trend: Trend) -> str:
    return template("trend.md").render(_context(trend)).rstrip() + "\n"


def _context(trend: Trend) -> dict[str, object]:
    return {
        "trend": trend,
        "verdict": trend.verdict.name,
        "headline": headline(trend),
        "figures": FIGURES,
        "picture": picture,
        "against_objective": against_objective,
        "usual": usual,
        "status": status,
        "about_band": BAND,
        "most": MOST_POINTS,
        "most_doubts": MOST,
    }


def headline(trend: Trend) -> str:
    """The reasons for the verdict, in one sentence."""
    job = f" Job {trend.job.name}: {trend.job.why}." if trend.job else ""
    if not trend.series and not trend.problems:
        return f"No drill was found, so nothing is proved.{job}"
    doubts = {
        f"proved longer ago than {plural(trend.expiry_days, 'day')}": sum(each.expired for each in trend.series),
        "not drilled as often as expected": sum(bool(each.late) for each in trend.series),
        "with a run that is not trusted": len(trend.problems),
        "required and never drilled": len(trend.required),
        "still running or killed, not counted": len(trend.not_judged),
    }
    named = [f"{count} {what}" for what, count in doubts.items() if count]
    drills = f"{plural(sum(len(each.points) for each in trend.series), 'drill')} in {len(trend.series)} series"
    verdicts = Counter(each.verdict for each in trend.series)
    newest = ", ".join(f"{verdicts[verdict]} {verdict.name}" for verdict in Verdict if verdicts[verdict]) or "none"
    until = f" It holds until {trend.holds_until:%Y-%m-%d %H:%M} UTC without new drills." if trend.holds_until else ""
    return f"{drills}; by the newest drill of each: {newest}{''.join(f'; {each}' for each in named)}.{job}{until}"


def status(series: Series) -> str:
    """When the newest drill of a series ended, and until when its proof counts."""
    ago = series.late or (f"{durations.humanize(series.age)} ago" if series.expired else "")
    ended = f"{series.newest.ended:%Y-%m-%d %H:%M}{f' ({ago})' if ago else ''}"
    if series.expires is None:
        return f"{ended}; never passed"
    if series.expired:
        return f"{ended}, {series.newest.verdict.name}; last proof expired {series.expires:%Y-%m-%d}"
    return f"{ended}; last proof expires {series.expires:%Y-%m-%d}"


def against_objective(series: Series, figure: str) -> str:
    value, objective = series.newest.figures.get(figure), series.newest.objectives.get(figure)
    if value is None:
        return "not measured"
    if objective is None:
        return f"{duration(value)} (no objective)"
    return f"{duration(value)} ({'met' if value <= objective else 'missed'}: at most {duration(objective)})"


def usual(series: Series, figure: str) -> str:
    """The usual values of a figure, and whether the newest drill is outside of them."""
    band, value = series.bands.get(figure), series.newest.figures.get(figure)
    if band is None:
        return "too few drills to know what is usual"
    words = f"usual: {duration(band.low)} to {duration(band.high)}"
    if value is None or band.low <= value <= band.high:
        return words
    return f"{'more' if value > band.high else 'less'} than {words}"


def picture(series: Series, figure: str) -> Picture | None:
    """A figure of a series over time; None if no drill measured it."""
    drawn = series.points[-MOST_POINTS:]
    band, objective = series.bands.get(figure), series.newest.objectives.get(figure)
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
        label = f"{point.ended:%Y-%m-%d %H:%M} {point.verdict.name}: {duration(value)}"
        return Dot(round(left, 2), 88.0 if value is None else down(value), point.verdict.value, label)

    dots = tuple(map(dot, drawn))
    return Picture(
        f"{FIGURES[figure]} of {plural(len(dots), 'drill')}; the newest: {dots[-1].label}",
        dots,
        (down(band.high), round(down(band.low) - down(band.high), 2)) if band else None,
        down(objective) if objective is not None and objective <= top else None,
    )


def document(trend: Trend, folder: Path) -> Mapping[str, Json]:
    """The same for scripts; paths of runs are relative to `folder`."""
    job = trend.job
    return {
        "schema": SCHEMA,
        "verdict": trend.verdict.value,
        "made": _label(trend.made),
        "expiry_days": trend.expiry_days,
        "every_s": trend.every.total_seconds() if trend.every else None,
        "holds_until": _label(trend.holds_until),
        "job": {"name": job.name, "verdict": job.verdict.value, "why": job.why} if job else None,
        "series": [_document(each, folder) for each in trend.series],
        "coverage": [
            {**asdict(each), **{moment: _label(getattr(each, moment)) for moment in ("drilled", "green", "expires")}}
            for each in trend.coverage
        ],
        "doubts": list(trend.doubts),
        "not_judged": list(trend.not_judged),
    }


def _document(series: Series, folder: Path) -> dict[str, Json]:
    return {
        **asdict(series.key),
        "stores": list(series.key.stores),
        "verdict": series.verdict.value,
        "expires": _label(series.expires),
        "expired": series.expired,
        "late": series.late,
        "objectives": dict(series.newest.objectives),
        "usual": {figure: asdict(band) for figure, band in series.bands.items()},
        "changes": [{"name": what, "before": before, "now": now} for what, before, now in series.changes],
        "drills": [
            {
                "run": visible(os.path.relpath(point.run, folder)),
                "ended": _label(point.ended),
                "verdict": point.verdict.value,
                **{figure: point.figures.get(figure) for figure in FIGURES},
                "size": point.size,
                **({"manifests": point.manifests} if point.manifests else {}),
            }
            for point in series.points
        ],
    }


def _label(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
