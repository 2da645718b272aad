"""The command about what drills came to over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

if TYPE_CHECKING:
    from harness.campaigns.trend import Job

app = typer.Typer()


@app.command(epilog=options.examples("drillproof trend", "drillproof trend namespace_loss --expiry-days 7"))
def trend(
    scenarios: options.Scenarios = None,
    expiry_days: Annotated[int, typer.Option(metavar="N", help="For how long a green drill proves anything.")] = 30,
    every: Annotated[
        str | None, typer.Option(metavar="7d", help="How often each make is to be drilled; a job's own says so itself.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML page.")] = Path("reports/trend.html"),
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Show what each make of drill came to over time, what is usual for it, and what is proved no more.

    A make is a scenario with a strategy, an engine and stores; its newest drill speaks for it. Findings are believed
    where they are signed by a key that is known here; any other run is judged anew from its evidence.

    0: the newest drill of every make passed, no longer ago than --expiry-days and one and a half times --every. 1: one
    failed. 2: one could not be judged or is overdue, a proof expired, a run is not believed at all, or a scenario that
    was named was never drilled. One that was not named is shown as never drilled, and changes nothing. Move what you no
    longer drill out of the folder. In the folder of a job (`scheduled`) it is never better than what `attempts` says.
    """
    from harness.campaigns import trend_page as pages
    from harness.campaigns.trend import trend as over_time
    from harness.core import choices, durations, resources
    from harness.evidence.signing import keys
    from harness.workflows.drill import scenario

    known = scenario.load(resources.scenarios())
    for name in scenarios or ():
        choices.choose("scenario", name, tuple(known))
    if not 1 <= expiry_days <= 3650:  # noqa: PLR2004 # ten years
        raise Misconfigured(f"--expiry-days {expiry_days} is no time for which a drill proves anything; say 1 to 3650")
    asked = tuple(dict.fromkeys(scenarios or ()))
    often = durations.parse("--every", every) if every else None
    job = _job(runs)
    found = over_time(
        runs, keys.known(), scenarios=tuple(known), asked=asked, expiry_days=expiry_days, every=often, job=job
    )
    pages.write(found, out)
    if as_json:
        output.document(pages.document(found, runs))
    else:
        typer.echo(f"{pages.markdown(found)}trend: {out}")
    return output.EXIT_CODES[found.verdict]


def _job(runs: Path) -> Job | None:
    """The job in whose folder these runs are, if they are in one."""
    from datetime import UTC, datetime

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
