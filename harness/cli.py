"""The command line. Exit codes: 0 PASS, 1 FAIL, 2 UNKNOWN, 64 wrong usage, 130 interrupted."""

from __future__ import annotations

import itertools
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from harness.errors import HarnessError, Interrupted, Misconfigured
from harness.model import Json, Verdict, worst

if TYPE_CHECKING:
    from harness.evidence import Story
    from harness.matrix.plan import Plan
    from harness.progress import Progress

WRONG_USAGE = 64
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Prove, with evidence, that a backup really brings a stateful Kubernetes application back.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]
Runs = Annotated[Path, typer.Option(help="Folder of the run directories.", envvar="DRILLPROOF_RUNS")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A path, a run directory's name, or `latest`.")]
Key = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="DRILLPROOF_KEY", help="Private key that signs (yours if not given)."),
]
Cluster = Annotated[str, typer.Option(metavar="NAME", help="Cluster to make; another name for a drill beside another.")]
RUNS = Path("reports/runs")
CLUSTER = "drillproof"


@app.command()
def run(  # noqa: PLR0917 # typer makes the options from the parameters, and hands them over by name
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIOS]...", help="Names; see `list`.")] = None,
    stores: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Only these stores.")] = None,
    strategy: Annotated[str | None, typer.Option(help="How data gets into the backup.")] = None,
    engine: Annotated[str | None, typer.Option(help="What takes and restores the backup.")] = None,
    seed: Annotated[int, typer.Option(help="Number that the known data follow from.")] = 1,
    size: Annotated[str, typer.Option(help="small (100 MB), medium (1 GB) or large (10 GB).")] = "small",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster up afterwards.")] = False,
    before: Annotated[list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD before STEP.")] = None,
    after: Annotated[list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD after STEP.")] = None,
    images: Annotated[str, typer.Option(help="Where images come from: auto, pull or build.")] = "auto",
    mirror: Annotated[
        str | None, typer.Option(metavar="HOST", help="Registry that mirrors the official names.")
    ] = None,
    cluster: Cluster = CLUSTER,
    key: Key = None,
    rate: Annotated[float, typer.Option(metavar="N", help="Writes a second to each store.")] = 20,
    fresh: Annotated[bool, typer.Option("--fresh", help="A new cluster for every drill.")] = False,
    repeat: Annotated[int, typer.Option(metavar="N", help="How often each drill is made.")] = 1,
    runs: Runs = RUNS,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
) -> int:
    """Run drills; with no name the default one."""
    from harness import assembly, progress, request  # noqa: PLC0415 # loaded by need, so that --help is fast
    from harness.conduct import conduct  # noqa: PLC0415 # as above

    asked = request.options(
        scenarios or (),
        stores=stores or (),
        strategy=strategy,
        engine=engine,
        seed=seed,
        size=size,
        keep=keep,
        before=before or (),
        after=after or (),
        images=images,
        mirror=mirror,
        runs=runs,
        cluster=cluster,
        key=key,
        rate=rate,
    )
    request.at_least_once(repeat)
    verdicts: dict[str, list[Verdict]] = {options.scenario.name: [] for options in asked}
    with assembly.Site(fresh=fresh) as site:
        for options in asked:
            for _ in range(repeat):
                with nullcontext(progress.quiet()) if quiet else progress.watch(sys.stderr) as watcher:
                    story = conduct(options, watcher, site)
                _tell(story, as_json=as_json)
                verdicts[options.scenario.name].append(story.verdict)
    if repeat > 1:
        _tell_survival(verdicts, as_json=as_json)
    return EXIT_CODES[worst(itertools.chain.from_iterable(verdicts.values()))]


@app.command()
def prove(  # noqa: PLR0917 # as for `run`
    bucket: Annotated[str, typer.Option(metavar="NAME[/PREFIX]", help="Where Velero keeps its backups.")],
    backup: Annotated[
        str, typer.Argument(metavar="[BACKUP]", help="Velero's name for it; or the newest one.")
    ] = "newest",
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Of the object store; AWS if not given.")] = "",
    region: Annotated[str, typer.Option(help="Of the bucket.")] = "us-east-1",
    credentials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As Velero's own; else AWS_ACCESS_KEY_ID and the like.")
    ] = None,
    database: Annotated[
        list[str] | None, typer.Option(metavar="KIND=NS/POD", help="One that is not found by itself.")
    ] = None,
    without_fingerprint: Annotated[
        bool, typer.Option("--without-fingerprint", help="Ask only whether it comes back sound, not whether equal.")
    ] = False,
    rto: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long it may take to answer.")] = None,
    rpo: Annotated[float | None, typer.Option(metavar="SECONDS", help="How old its newest row may be.")] = None,
    before: Annotated[list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD before STEP.")] = None,
    after: Annotated[list[str] | None, typer.Option(metavar="STEP=CMD", help="Run CMD after STEP.")] = None,
    repository_password: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where Velero was given one of its own.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster up afterwards.")] = False,
    images: Annotated[str, typer.Option(help="Where images come from: auto, pull or build.")] = "auto",
    mirror: Annotated[
        str | None, typer.Option(metavar="HOST", help="Registry that mirrors the official names.")
    ] = None,
    cluster: Cluster = "drillproof-prove",
    key: Key = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
) -> int:
    """Prove a backup that somebody's Velero took: restore it behind a fence, and read it."""
    from harness import progress  # noqa: PLC0415 # as above
    from harness.conduct import conduct  # noqa: PLC0415 # as above
    from harness.prove import assembly, request  # noqa: PLC0415 # as above

    options = request.options(
        backup,
        bucket=bucket,
        endpoint=endpoint,
        region=region,
        credentials_file=credentials,
        databases=database or (),
        without_fingerprint=without_fingerprint,
        rto_s=rto,
        rpo_s=rpo,
        before=before or (),
        after=after or (),
        repository_password_file=repository_password,
        keep=keep,
        images=images,
        mirror=mirror,
        runs=runs,
        cluster=cluster,
        key=key,
    )
    with (
        assembly.ProofSite() as site,
        nullcontext(progress.quiet()) if quiet else progress.watch(sys.stderr) as watcher,
    ):
        story = conduct(options, watcher, site)
    _tell(story, as_json=as_json)
    return EXIT_CODES[story.verdict]


@app.command()
def matrix(  # noqa: PLR0917 # as for `run`
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIOS]...", help="Default: all.")] = None,
    strategy: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Default: each scenario's own.")] = None,
    engine: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Default: each scenario's own.")] = None,
    stores: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Only these stores.")] = None,
    repeat: Annotated[int, typer.Option(metavar="N", help="How often each drill is made.")] = 1,
    workers: Annotated[int, typer.Option(metavar="N", help="Clusters that are drilled on at once.")] = 1,
    seed: Annotated[int, typer.Option(help="Number that the known data follow from.")] = 1,
    size: Annotated[str, typer.Option(help="small (100 MB), medium (1 GB) or large (10 GB).")] = "small",
    rate: Annotated[float, typer.Option(metavar="N", help="Writes a second to each store.")] = 20,
    images: Annotated[str, typer.Option(help="Where images come from: auto, pull or build.")] = "auto",
    mirror: Annotated[
        str | None, typer.Option(metavar="HOST", help="Registry that mirrors the official names.")
    ] = None,
    cluster: Cluster = CLUSTER,
    into: Annotated[Path, typer.Option(help="Folder of the matrices.")] = Path("reports/matrix"),
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with a matrix that was stopped.")] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Only say what would be drilled.")] = False,
    lane: Annotated[str, typer.Option(hidden=True)] = "0/1",
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
) -> int:
    """Drill many disasters with many strategies, and make the table of what survives what."""
    from harness import progress  # noqa: PLC0415 # as above
    from harness.evidence import matrix as pages  # noqa: PLC0415 # as above
    from harness.matrix import matrix as whole  # noqa: PLC0415 # as above
    from harness.matrix import plan  # noqa: PLC0415 # as above

    if resume is not None:
        planned = plan.read(resume)
    else:
        shared = plan.Asked(seed, size, rate, images, mirror)
        words = {"strategies": strategy or (), "engines": engine or (), "stores": stores or ()}
        planned = plan.plan(scenarios or (), **words, repeat=repeat, asked=shared)
    if only_plan:
        _tell_plan(planned, as_json=as_json)
        return 0
    if workers < 1:
        raise Misconfigured(f"--workers {workers} drills nothing; say on how many clusters at once, 1 or more")
    folder = resume or whole.begin(into, planned)

    def watch() -> AbstractContextManager[Progress]:
        return nullcontext(progress.quiet()) if quiet else progress.watch(sys.stderr)

    number, lanes = map(int, lane.split("/"))
    if number:
        whole.drill(folder, planned, (number, lanes), cluster, watch)
        return 0
    with whole.other_lanes(folder, workers, cluster) as ended:
        whole.drill(folder, planned, (0, workers), cluster, watch)
        ended()
    found, missing = whole.table(folder, planned)
    typer.echo((folder / ("matrix.json" if as_json else "matrix.md")).read_text(encoding="utf-8"), nl=False)
    if not as_json:
        typer.echo(f"matrix: {folder / 'matrix.html'}")
    return EXIT_CODES[pages.overall(found, missing)]


def _tell_plan(planned: Plan, *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {"cells": [asdict(cell) for cell in planned.cells], "left_out": list(map(asdict, planned.left_out))}
        )
        return
    for cell in planned.cells:
        again = f" ({cell.repeat})" if cell.repeat > 1 else ""
        typer.echo(f"{cell.scenario}{again}: {cell.strategy}, {cell.engine}, {' '.join(cell.stores)}")
    for each in planned.left_out:
        typer.echo(f"not drilled: {each.scenario}, {each.strategy}, {each.engine}: {each.why}")


@app.command()
def table(runs: Runs = RUNS, as_json: AsJson = False) -> int:
    """Show the table strategy x disaster x store of all runs in a folder, judged anew from their evidence."""
    from harness.evidence import matrix as pages  # noqa: PLC0415 # as above
    from harness.matrix.table import drilled, finished, rows  # noqa: PLC0415 # as above

    found = rows(drilled(run) for run in finished(runs))
    if as_json:
        _print_json(pages.document(runs, found, (), 0))
    else:
        typer.echo(pages.markdown(found, (), 0), nl=False)
    return EXIT_CODES[pages.overall(found, 0)]


@app.command("list")
def list_(as_json: AsJson = False) -> int:
    """Show the scenarios there are."""
    from harness import data, scenario  # noqa: PLC0415 # as above

    known = scenario.load(data.scenarios())
    rows: list[dict[str, Json]] = [
        {
            "scenario": each.name,
            "summary": each.summary,
            **scenario.facts(each),
            "stores": list(each.stores),
            "strategy": each.strategy,
            "engine": each.engine,
            "objectives": {"rto_s": each.objectives.rto_s, "rpo_s": each.objectives.rpo_s},
        }
        for each in known.values()
    ]
    if as_json:
        _print_json(rows)
        return 0
    width = max((len(name) for name in known), default=0)
    for each in known.values():
        story, _, _ = each.summary.partition("\n\n")
        typer.echo(f"{each.name:{width}}  {' '.join(story.split())}")
        faults, stores = (", ".join(words) for words in ([fault.name for fault in each.faults], each.stores))
        typer.echo(f"{'':{width}}  {faults}; {stores}; {each.strategy}, {each.engine}")
    return 0


@app.command()
def recheck(run: RunName, key: Key = None, runs: Runs = RUNS, as_json: AsJson = False) -> int:
    """Judge a run again from what it left behind; needs no cluster."""
    from harness import rundir  # noqa: PLC0415 # as above
    from harness.conduct import finish  # noqa: PLC0415 # as above

    story = finish(rundir.find(runs, run), key)
    _tell(story, as_json=as_json)
    return EXIT_CODES[story.verdict]


@app.command()
def report(
    run: RunName = "latest",
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="What to print: text, markdown, csv or json.")
    ] = "text",
    key: Key = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> int:
    """Render a run's report.html, junit.xml and allure-results again, as it was judged."""
    from harness import request, rundir  # noqa: PLC0415 # as above
    from harness.conduct import show  # noqa: PLC0415 # as above
    from harness.evidence import markdown, numbers  # noqa: PLC0415 # as above

    request.choose("format", form, ("text", "markdown", "csv", "json"))
    story = show(rundir.find(runs, run), key)
    if form in {"markdown", "csv"}:
        typer.echo((markdown if form == "markdown" else numbers).render(story), nl=False)
    else:
        _tell(story, as_json=as_json or form == "json")
    return EXIT_CODES[story.verdict]


@app.command()
def verify(
    what: Annotated[str, typer.Argument(metavar="RUN|BUNDLE", help="A run as for `recheck`, or a bundle's file.")],
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|FINGERPRINT", help="Public key to believe, and no other; may be repeated."),
    ] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> int:
    """Say whether a run is what was signed, by whom, and which file was changed, added or taken out; needs no network.

    0: it is, and the key is known here. 2: it is not, or the key is not known.
    """
    from harness import rundir  # noqa: PLC0415 # as above
    from harness.evidence.visible import one_line  # noqa: PLC0415 # as above
    from harness.signing import keys, seal, tell  # noqa: PLC0415 # as above
    from harness.signing.files import Bundle, Directory  # noqa: PLC0415 # as above

    known = {keys.fingerprint(word): "--key" for word in key} if key else keys.known()
    path = Path(what)
    files = Bundle(path) if path.is_file() else Directory(rundir.find(runs, what, ("run.json", seal.FOLDER)))
    found = seal.verify(files)
    if as_json:
        _print_json(tell.document(files.path, found, known))
    else:
        for line in tell.lines(found, known):
            typer.echo(one_line(line))
    if doubt := tell.doubt(files.path, found, known):
        raise HarnessError(doubt)
    return 0


@app.command()
def bundle(
    run: RunName = "latest",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; the run's name with .zip if not given.")
    ] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> int:
    """Put a signed run into one file, for somebody who was not there: `verify` reads it as it is."""
    from harness import rundir  # noqa: PLC0415 # as above
    from harness.signing.bundle import pack  # noqa: PLC0415 # as above

    path = rundir.find(runs, run)
    into = out or Path(f"{path.name}.zip")
    found = pack(path, into)
    assert found.evidence is not None
    if as_json:
        _print_json({"bundle": str(into), "key": found.evidence.key})
    else:
        typer.echo(f"{into}: signed by {found.evidence.key}; `drillproof verify {into}` says so")
    return 0


@app.command()
def selftest(
    real: Annotated[bool, typer.Option("--real", help="Spoil what a real drill restores: minutes, a cluster.")] = False,
    stores: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Only these stores.")] = None,
    cluster: Cluster = CLUSTER,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> int:
    """Spoil a good recovery in every known way, and see whether each is noticed, and for its own reason."""
    from harness import conduct, progress, request  # noqa: PLC0415 # as above
    from harness.selftest import rehearsal  # noqa: PLC0415 # as above

    if stores and not real:
        raise Misconfigured("--stores goes with --real; the cheap tier always takes all stores")
    if real:
        (options,) = request.options((), stores=stores or (), runs=runs, cluster=cluster)
        with progress.watch(sys.stderr) as watcher:
            told = conduct.self_test(options, watcher)
    else:
        told = rehearsal()
    missed = told["missed"]
    assert isinstance(missed, list)
    if as_json:
        _print_json(told)
    else:
        for each in missed:
            typer.echo("MISSED  {way} {store} {name}: {missed}".format(**each))
        typer.echo(f"{told['noticed']} sabotages noticed, {len(missed)} missed")
    return EXIT_CODES[Verdict.FAIL if missed else Verdict.PASS]


@app.command()
def doctor(as_json: AsJson = False) -> int:
    """Say whether this machine can drill, and how to mend what it lacks."""
    from harness.doctor import diagnose  # noqa: PLC0415 # as above

    found = tuple(diagnose())
    if as_json:
        _print_json([{"name": d.name, "ok": d.ok, "detail": d.detail, "mend": d.mend} for d in found])
    else:
        for each in found:
            typer.echo(f"{'ok  ' if each.ok else 'MEND'}  {each.name}: {each.detail}")
            if not each.ok:
                typer.echo(f"      {each.mend}")
    return 0 if all(each.ok for each in found) else WRONG_USAGE


@app.command()
def gc(as_json: AsJson = False) -> int:
    """Remove whatever killed drills left behind."""
    from harness import assembly  # noqa: PLC0415 # as above

    removed = assembly.gc()
    if as_json:
        _print_json(list(removed))
    else:
        typer.echo("\n".join(removed) or "nothing was left behind")
    return 0


def main(arguments: Iterable[str] | None = None) -> int:  # noqa: PLR0911 # one for each way to end
    """Run one command and return the exit code. Nothing that goes wrong shows a traceback to the user."""
    try:
        with _interruptible():
            words = None if arguments is None else list(arguments)
            code = app(words, standalone_mode=False, prog_name="drillproof")
    except SystemExit:
        # Typer leaves with 1 when nobody reads our output any more, and 1 is FAIL: it proved nothing of the kind.
        return EXIT_CODES[Verdict.UNKNOWN]
    except TyperException as error:
        return _complain(f"{error.format_message()} (see drillproof --help)", WRONG_USAGE)
    except Misconfigured as error:
        return _complain(str(error), WRONG_USAGE)
    except (KeyboardInterrupt, Interrupted) as error:
        return _complain(str(error) or "interrupted", INTERRUPTED)
    except HarnessError as error:
        return _complain(f"UNKNOWN: {error}", EXIT_CODES[Verdict.UNKNOWN])
    except Exception as error:  # noqa: BLE001 # the user gets one line, the traceback a file
        from harness.conduct import keep_traceback  # noqa: PLC0415 # as above

        broke = f"UNKNOWN: drillproof broke: {type(error).__name__}: {error}{keep_traceback(RUNS)}"
        return _complain(broke, EXIT_CODES[Verdict.UNKNOWN])
    return code if isinstance(code, int) else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt. A second one must not break the cleaning up; a third one does."""
    interruptions = 0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal interruptions
        interruptions += 1
        if interruptions == 2:  # noqa: PLR2004 # see above
            _complain("cleaning up; once more leaves the rest to `drillproof gc`", INTERRUPTED)
        else:
            raise KeyboardInterrupt

    earlier = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _tell(story: Story, *, as_json: bool) -> None:
    from harness.evidence import summary  # noqa: PLC0415 # as above

    if as_json:
        _print_json({**story.judged, "scenario": story.scenario, "verdict": story.verdict.value, "run": str(story.run)})
        return
    typer.echo("\n".join(summary.lines(story)))


def _tell_survival(verdicts: Mapping[str, Sequence[Verdict]], *, as_json: bool) -> None:
    from harness.survival import survival  # noqa: PLC0415 # as above

    for name, each in verdicts.items():
        often = survival(each)
        if as_json:
            _print_json({"scenario": name, **asdict(often), "interval": often.interval})
        else:
            typer.echo(f"{name}: {often}")


def _print_json(value: Json | Mapping[str, Json]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _complain(message: str, code: int) -> int:
    from harness.evidence.visible import one_line  # noqa: PLC0415 # as above

    typer.echo(f"drillproof: {one_line(message)}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
