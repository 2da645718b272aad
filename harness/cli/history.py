"""Commands over many runs: `runs`, `compare` and `trend`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import options, output
from harness.core import choices, durations, resources
from harness.core.errors import Misconfigured
from harness.core.text import duration, one_line

if TYPE_CHECKING:
    from harness.campaigns.trend import Job
    from harness.evidence.run_view import Entry


@options.command("runs")
def runs(runs: Path = options.RUNS, as_json: bool = False) -> int:
    from harness.evidence.run_view import entries

    found = tuple(entries(runs))
    width = max((len(each.run.name) for each in found), default=0)
    lines = [_line(each, width) for each in found] or [f"no run in {runs} yet; `drillproof run` makes one"]
    output.result(found, lines, as_json=as_json)
    return 0


@options.command("compare")
def compare(runs: Path = options.RUNS, as_json: bool = False) -> int:
    from harness.campaigns.matrix import page as pages
    from harness.campaigns.matrix.results import all_drills, drilled, rows
    from harness.checks.trust import Provenance
    from harness.evidence.signing import keys

    origin = Provenance.of_folder(runs, keys.known())
    found = rows(drilled(run, origin.doubt(run)) for run in all_drills(runs))
    output.result(pages.document(runs, found, (), 0), pages.markdown(found, (), 0).splitlines(), as_json=as_json)
    return output.EXIT_CODES[pages.overall(found, 0)]


@options.command("trend")
def trend(
    scenarios: list[str] | None = None,
    expiry_days: int = 30,
    every: str | None = None,
    out: Path = Path("reports/trend.html"),
    runs: Path = options.RUNS,
    as_json: bool = False,
) -> int:
    from harness.campaigns import trend_page as pages
    from harness.campaigns.trend import trend as over_time
    from harness.evidence.signing import keys
    from harness.workflows.drill import scenario

    known = scenario.load(resources.scenarios())
    for name in scenarios or ():
        choices.choose("scenario", name, tuple(known))
    if not 1 <= expiry_days <= 3650:  # noqa: PLR2004 # ten years
        raise Misconfigured(f"--expiry-days must be between 1 and 3650, not {expiry_days}")
    asked = tuple(dict.fromkeys(scenarios or ()))
    often = durations.parse("--every", every) if every else None
    job = _job(runs)
    found = over_time(
        runs, keys.known(), scenarios=tuple(known), asked=asked, expiry_days=expiry_days, every=often, job=job
    )
    pages.write(found, out)
    output.result(pages.document(found, runs), (f"{pages.markdown(found)}trend: {out}",), as_json=as_json)
    return output.EXIT_CODES[found.verdict]


def _job(runs: Path) -> Job | None:
    from harness.campaigns.schedule import attempt, attempt_log
    from harness.campaigns.trend import Job
    from harness.evidence.signing import keys

    home = runs.resolve().parent
    if not (home / "attempts").is_dir():
        return None
    found = attempt_log.history(home.name, [attempt_log.files(home / "attempts")], keys.believed())
    now = datetime.now(UTC)
    verdict, why = attempt.standing(found.attempts, now, found.doubt)
    return Job(home.name, attempt.interval(found.attempts), attempt.last_began(found.attempts, now), verdict, why)


def _line(entry: Entry, width: int) -> str:
    began = f"{entry.began:%Y-%m-%d %H:%M}" if entry.began else "?"
    figures = f"RTO {duration(entry.rto_s):>12}  RPO {duration(entry.rpo_s):>12}  {entry.size_bytes / 1e6:7.1f} MB"
    why = f"  ({entry.problem})" if entry.problem else ""
    words = f"{entry.verdict.name:7}  {began:16}  {entry.run.name:{width}}  {figures}"
    return f"{words}  {one_line(f'{entry.scenario} {entry.strategy} {entry.engine}{why}')}"
