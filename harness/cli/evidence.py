"""Commands about one run: open it, judge it again, render it, verify it, share it."""

import webbrowser
from pathlib import Path

import typer

from harness.cli import options, output
from harness.core import choices
from harness.core.errors import HarnessError, Misconfigured
from harness.core.text import one_line

FORMATS = ("text", "json", "markdown", "csv", "controls", "oscal")


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
def report(evidence: options.Evidence, run: str = "latest", form: str = "text", as_json: bool = False) -> int:
    from harness.evidence import run_directory
    from harness.reports import controls, csv_export, markdown, oscal
    from harness.workflows.runner import finish

    pages = {"markdown": markdown.render, "csv": csv_export.render, "controls": controls.render, "oscal": oscal.render}
    choices.choose("format", form, FORMATS)
    view = finish(run_directory.find(evidence.runs, run), evidence.key, require_current=True)
    if form == "controls" and as_json:
        output.document(controls.document(view))
    elif form in pages:
        typer.echo(pages[form](view), nl=False)
    else:
        output.outcome(view, as_json=as_json or form == "json")
    return output.EXIT_CODES[view.verdict]


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
