"""Commands about what one run left behind: judge it again, show it, verify it, hand it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import complete, options, output
from harness.core.errors import HarnessError

app = typer.Typer()
FORMATS = ("text", "json", "markdown", "csv", "controls", "oscal")


@app.command(
    epilog=options.examples(
        "drillproof recheck latest", "drillproof recheck reports/runs/20261124T161606Z-namespace_loss --json"
    )
)
def recheck(
    run: options.RunName, key: options.Key = None, runs: options.Runs = options.RUNS, as_json: options.AsJson = False
) -> int:
    """Judge a run again from what it left behind; needs no cluster."""
    from harness.evidence import run_directory
    from harness.workflows.runner import finish

    story = finish(run_directory.find(runs, run), key)
    output.story(story, as_json=as_json)
    return output.EXIT_CODES[story.verdict]


@app.command(epilog=options.examples("drillproof report", "drillproof report latest --format markdown >> summary.md"))
def report(
    run: options.RunName = "latest",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Print text, json, markdown, csv, controls or oscal.",
            autocompletion=complete.word(lambda: FORMATS),
        ),
    ] = "text",
    key: options.Key = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Render a run's report.html, junit.xml and allure-results again, as it was judged."""
    from harness.core import choices
    from harness.evidence import run_directory
    from harness.reports import controls, csv_export, markdown, oscal
    from harness.workflows.runner import show

    pages = {"markdown": markdown.render, "csv": csv_export.render, "controls": controls.render, "oscal": oscal.render}
    choices.choose("format", form, FORMATS)
    story = show(run_directory.find(runs, run), key)
    if form == "controls" and as_json:
        output.document(controls.document(story))
    elif form in pages:
        typer.echo(pages[form](story), nl=False)
    else:
        output.story(story, as_json=as_json or form == "json")
    return output.EXIT_CODES[story.verdict]


@app.command(epilog=options.examples("drillproof verify latest", "drillproof verify evidence.zip --key auditor.pub"))
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BUNDLE",
            help="A run as for `recheck`, or a bundle's file.",
            autocompletion=complete.word(complete.runs),
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|FINGERPRINT", help="Public key to believe, and no other; may be repeated."),
    ] = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Say whether a run is what was signed, by whom, and which file was changed, added or taken out; needs no network.

    0: it is, and the key is known here. 2: it is not, or the key is not known.
    """
    from harness.core.text import one_line
    from harness.evidence import run_directory
    from harness.evidence.signing import attestation, keys
    from harness.evidence.signing import signers as words
    from harness.evidence.signing.files import Bundle, Directory

    known = {keys.fingerprint(word): "--key" for word in key} if key else keys.known()
    path = Path(what)
    files = (
        Bundle(path) if path.is_file() else Directory(run_directory.find(runs, what, ("run.json", attestation.FOLDER)))
    )
    found = attestation.verify(files)
    if as_json:
        output.document(words.document(files.path, found, known))
    else:
        for line in words.lines(found, known):
            typer.echo(one_line(line))
    if doubt := words.doubt(files.path, found, known):
        raise HarnessError(doubt)
    return 0


@app.command(epilog=options.examples("drillproof bundle latest", "drillproof bundle latest --out evidence.zip"))
def bundle(
    run: options.RunName = "latest",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; the run's name with .zip if not given.")
    ] = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Put a signed run into one file, for somebody who was not there: `verify` reads it as it is."""
    from harness.evidence import run_directory
    from harness.evidence.signing.signed_archive import pack

    path = run_directory.find(runs, run)
    into = out or Path(f"{path.name}.zip")
    found = pack(path, into)
    assert found.evidence is not None
    if as_json:
        output.document({"bundle": str(into), "key": found.evidence.key})
    else:
        typer.echo(f"{into}: signed by {found.evidence.key}; `drillproof verify {into}` says so")
    return 0
