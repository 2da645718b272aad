"""Commands about runs: one, many over time, and those of an archive."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core import choices, durations, paths, resources
from harness.core.errors import HarnessError, Misconfigured
from harness.core.text import duration, one_line

if TYPE_CHECKING:
    from harness.campaigns.trend import Job
    from harness.evidence.run_view import Entry, RunView

FORMATS = ("text", "json", "markdown", "csv", "controls", "oscal", "after-action", "poam")


@options.command("open")
def open_(run: str = "latest", runs: Path = options.RUNS) -> int:
    from harness.evidence import run_directory

    page = run_directory.find(runs, run) / "report.html"
    if not page.is_file():
        raise Misconfigured(f"{page.parent} has no report.html; `drillproof report {run}` writes it")
    typer.echo(str(page))
    webbrowser.open(page.as_uri())
    return 0


@options.command("recheck")
def recheck(run: str, evidence: options.Evidence, as_json: bool = False) -> int:
    from harness.evidence import run_directory
    from harness.workflows.runner import finish

    return output.outcome(finish(run_directory.find(evidence.runs, run), evidence.key), as_json=as_json)


@options.command("report")
def report(
    evidence: options.Evidence,
    run: str = "latest",
    form: str = "text",
    out: Path | None = None,
    as_json: bool = False,
) -> int:
    from harness.evidence import run_directory
    from harness.evidence.signing import keys
    from harness.reports import after_action, controls, csv_export, markdown, oscal, poam
    from harness.workflows.runner import finish

    pages: dict[str, Callable[[RunView], str]] = {
        "markdown": markdown.render,
        "csv": csv_export.render,
        "controls": controls.render,
        "oscal": oscal.render,
        "after-action": lambda view: after_action.render(after_action.read(view, keys.known())),
        "poam": lambda view: poam.render(view, keys.known()),
    }
    choices.choose("format", form, FORMATS)
    if out and form not in pages:
        raise Misconfigured(f"--out needs --format: one of {', '.join(pages)}")
    view = finish(run_directory.find(evidence.runs, run), evidence.key, require_current=True)
    if out:
        word = form == "after-action" and out.suffix == ".docx"
        made = after_action.docx(after_action.read(view, keys.known())) if word else pages[form](view).encode()
        with paths.writing(out, "--out"):
            out.write_bytes(made)
        output.result({"report": out}, (f"report: {out}",), as_json=as_json)
    elif form == "controls" and as_json:
        output.document(controls.document(view))
    elif form in pages:
        typer.echo(pages[form](view), nl=False)
    else:
        output.outcome(view, as_json=as_json or form == "json")
    return output.EXIT_CODES[view.verdict]


@options.command("review")
def review(run: str, file: Path, evidence: options.Evidence, as_json: bool = False) -> int:
    from harness.evidence import human, run_directory
    from harness.evidence.signing import attestation, keys

    path = run_directory.find(evidence.runs, run)
    said = human.review(file)
    name = attestation.sign_review(path, keys.signer(evidence.key), said, keys.known())
    line = f"{path.name}: signed {name} of it; `drillproof report {run} --format after-action` shows it"
    output.result({"run": path.name, "review": name, "said": said}, (line,), as_json=as_json)
    return 0


@options.command("verify")
def verify(what: str, key: list[str] | None = None, runs: Path = options.RUNS, as_json: bool = False) -> int:
    from harness.evidence import run_directory
    from harness.evidence.signing import attestation, keys
    from harness.evidence.signing.files import Bundle, Directory

    known = {keys.fingerprint(word): "--key" for word in key} if key else keys.known()
    path = Path(what)
    files = (
        Bundle(path) if path.is_file() else Directory(run_directory.find(runs, what, ("run.json", attestation.FOLDER)))
    )
    found = attestation.verify(files)
    lines = map(one_line, found.lines(known))
    output.result(found.document(files.path, known), lines, as_json=as_json)
    if doubt := found.doubt(files.path, known):
        raise HarnessError(doubt)
    return 0


@options.command("bundle")
def bundle(run: str = "latest", out: Path | None = None, runs: Path = options.RUNS, as_json: bool = False) -> int:
    from harness.evidence import run_directory
    from harness.evidence.signing.attestation import pack

    path = run_directory.find(runs, run)
    into = out or Path(f"{path.name}.zip")
    found = pack(path, into)
    assert found.evidence is not None
    line = f"{into}: signed by {found.evidence.key}; check it with `drillproof verify {into}`"
    output.result({"bundle": into, "key": found.evidence.key}, (line,), as_json=as_json)
    return 0


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
    from harness.campaigns.matrix.results import all_drills, cut_off, drilled, rows
    from harness.checks.trust import Provenance
    from harness.evidence.signing import keys

    origin = Provenance.of_folder(runs, keys.known())
    drills = {run: cut_off(run) for run in all_drills(runs)}
    found = rows(drilled(run, origin.doubt(run)) for run, why in drills.items() if not why)
    not_judged = tuple(f"{run.name}: {why}" for run, why in drills.items() if why)
    lines = pages.markdown(found, (), 0, not_judged).splitlines()
    output.result(pages.document(runs, found, (), 0, not_judged), lines, as_json=as_json)
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


@options.command("upload")
def upload(
    bucket: options.Bucket,
    retention: options.Retention,
    evidence: options.Evidence,
    run: str = "latest",
    as_json: bool = False,
) -> int:
    from harness.campaigns.schedule import request
    from harness.evidence import run_directory

    retain = request.retention(**vars(retention))
    archive = request.archive("--bucket", **vars(bucket), write=True, key=evidence.key)
    archive.open(write=True)
    path = run_directory.find(evidence.runs, run)
    new = archive.put(path, retain, retention.lock)
    pruned = archive.prune(datetime.now(UTC))
    name = archive.place.name
    lines = [
        f"{name}: {path.name} {'uploaded' if new else 'is already in the archive'}",
        *(f"expired, deleted: {each}" for each in pruned.removed),
        *(f"expired, kept as the newest of its series: {each}" for each in pruned.spared),
    ]
    output.result({"archive": name, "run": path.name, "new": new, **vars(pruned)}, lines, as_json=as_json)
    for each in () if as_json else pruned.problems:
        typer.echo(each, err=True)
    return 0


@options.command("download")
def download(bucket: options.Bucket, into: Path = Path("reports/fetched"), as_json: bool = False) -> int:
    from harness.campaigns.schedule import request

    archive = request.archive("--bucket", **vars(bucket))
    archive.open(write=False)
    entries, problems = archive.entries()
    new: list[str] = []
    doubts = list(problems)
    with paths.writing(into, "--into"):
        into.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        try:
            if archive.fetch(entry, into):
                new.append(entry.run)
        except HarnessError as error:
            doubts.append(str(error))
    document = {"into": into, "runs": [each.run for each in entries], "new": new, "problems": doubts}
    line = f"{into}: {len(entries)} runs in the archive, {len(new)} of them new here"
    output.result(document, (line,), as_json=as_json)
    if doubts:
        raise HarnessError(f"not downloaded, because it is not trusted: {'; '.join(doubts)}")
    return 0


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
