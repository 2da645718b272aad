"""Commands that drill, and that say what can be drilled: `list`, `plan`, `run`, `detect` and `matrix`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core import paths, resources
from harness.core.choices import ITEM_BLOCK_WORKERS
from harness.core.errors import Misconfigured
from harness.core.model import Json, Verdict, worst
from harness.core.text import duration, plural

if TYPE_CHECKING:
    from harness.campaigns.matrix.plan import Plan as Matrix
    from harness.workflows.drill.plan import DrillPlan


@options.command("list")
def list_(application: Path | None = None, as_json: bool = False) -> int:
    from harness.workflows.drill import request, scenario

    known = scenario.load(resources.scenarios())
    own = options.application(application)
    unfit = request.fitting(own, known) if own else dict.fromkeys(known, "")
    rows: list[dict[str, Json]] = [
        {
            "scenario": each.name,
            "summary": each.summary,
            **scenario.facts(each),
            "stores": list(each.stores),
            "strategy": each.strategy,
            "engine": each.engine,
            "objectives": {"rto_s": each.objectives.rto_s, "rpo_s": each.objectives.rpo_s},
            **({"fits": not unfit[each.name], "why_not": unfit[each.name]} if own else {}),
        }
        for each in known.values()
    ]
    shown = {name: each for name, each in known.items() if not unfit[name]}
    width = max(map(len, shown), default=0)
    lines: list[str] = []
    for each in shown.values():
        summary, _, _ = each.summary.partition("\n\n")
        faults, stores = (", ".join(words) for words in ([fault.name for fault in each.faults], each.stores))
        lines.append(f"{each.name:{width}}  {' '.join(summary.split())}")
        lines.append(
            f"{'':{width}}  {faults}" if own else f"{'':{width}}  {faults}; {stores}; {each.strategy}, {each.engine}"
        )
    if own:
        lines += [f"{len(shown)} of {len(known)} scenarios fit; the others:", *sorted(filter(None, unfit.values()))]
    output.result(rows, lines, as_json=as_json)
    return 0


@options.command("plan")
def plan(
    drill: options.Drill,
    new: options.NewCluster,
    definition: options.BackupDefinition,
    scenarios: list[str] | None = None,
    application: Path | None = None,
    runs: Path = options.RUNS,
    as_json: bool = False,
) -> int:
    from harness.workflows.drill import preflight, request
    from harness.workflows.drill.plan import plan_drill

    backup = definition.read()
    own = options.application(application, definition=backup)
    words = {**vars(drill), **vars(new), "runs": runs}
    asked = request.options(scenarios or (), **words, application=own, definition=backup)
    images = preflight.require_possible(asked)
    planned = [plan_drill(each) for each in asked]
    lines = ("\n\n".join("\n".join(_lines(each, images)) for each in planned),)
    output.result([_document(each, images) for each in planned], lines, as_json=as_json)
    return 0


@options.command("run")
def run(
    drill: options.Drill,
    load: options.Load,
    new: options.NewCluster,
    existing: options.ExistingCluster,
    definition: options.BackupDefinition,
    hooks: options.Hooks,
    evidence: options.NewRun,
    scenarios: list[str] | None = None,
    application: Path | None = None,
    deployment: str | None = None,
    schedule: str | None = None,
    dry_run: bool = False,
    keep: bool = False,
    fresh: bool = False,
    repeat: int = 1,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    from harness.campaigns.matrix.results import survival
    from harness.selftest.runner import in_memory_self_test
    from harness.workflows.drill import assembly, request
    from harness.workflows.runner import execute
    from harness.workloads import custos

    place = existing.place()
    if place is None and dry_run:
        raise Misconfigured("--dry-run needs --context; use `drillproof plan` for a drill on a new cluster")
    if deployment and (application or place):
        raise Misconfigured("--deployment needs a new cluster, and excludes --application and --context")
    if place:
        new.require_defaults()
    backup = definition.read(schedule, place)
    protected = custos.deployment(deployment) if deployment else options.application(application, place, backup)
    asked = request.options(
        scenarios or (),
        **(drill.on_existing(partial(place.engine, protected)) if place else vars(drill)),
        **vars(load),
        **vars(new),
        **vars(hooks),
        **evidence.said(),
        keep=keep,
        application=protected,
        definition=backup,
    )
    request.at_least_once(repeat)
    if place:
        asked = tuple(map(place.settled, asked))
    if place and dry_run:
        for each in asked:
            output.manifests(place.planned(each))
        return 0
    verdicts: dict[str, list[Verdict]] = {each.scenario.name: [] for each in asked}
    with place.site(in_memory_self_test) if place else assembly.DrillSession(in_memory_self_test, fresh=fresh) as site:
        for each, _ in itertools.product(asked, range(repeat)):
            with output.watch(quiet=quiet) as watcher:
                view = execute(each, watcher, site)
            output.outcome(view, as_json=as_json)
            verdicts[each.scenario.name].append(view.verdict)
    for name, some in verdicts.items() if repeat > 1 else ():
        often = survival(some)
        document = {"scenario": name, **asdict(often), "interval": often.interval}
        output.result(document, (f"{name}: {often}",), as_json=as_json)
    return output.EXIT_CODES[worst(itertools.chain.from_iterable(verdicts.values()))]


@options.command("detect")
def detect(
    manifests: Path,
    namespace: str | None = None,
    values: list[Path] = [],  # noqa: B006 # never changed
    leave_out: list[str] = [],  # noqa: B006 # never changed
    install_first: list[Path] = [],  # noqa: B006 # never changed
    out: Path | None = None,
    as_json: bool = False,
) -> int:
    from harness.workloads.manifests import render as sources
    from harness.workloads.manifests import scaffold, validation

    if out and out.exists():
        raise Misconfigured(f"{out} already exists; name another file with --out")
    chart = sources.is_chart(manifests)
    if chart:  # the release has the name of its namespace, as the proposed application has
        namespace = namespace or manifests.resolve().name
    elif values:
        raise Misconfigured(f"--values is for Helm charts, and {manifests} is none: it has no Chart.yaml")
    added = validation.defined_kinds(sources.read_first(install_first))
    read = sources.read(
        manifests, namespace, chart=chart, release=namespace or "", values=values, leave_out=leave_out, added=added
    )
    found = scaffold.detect(str(manifests), read.objects, read.namespace)
    paths_in_file = (manifests, *values, *install_first)
    path, *others = (os.path.relpath(each, out.parent) if out else str(each) for each in paths_in_file)
    text = scaffold.proposal(
        found, path, chart=chart, values=others[: len(values)], leave_out=leave_out, install_first=others[len(values) :]
    )
    output.result(scaffold.document(found), scaffold.lines(found), as_json=as_json)
    if out:
        with paths.writing(out, "--out"):
            out.write_text(text, encoding="utf-8")
        if not as_json:
            typer.echo(f"proposed: {out}; check it, correct it, and confirm it in its first lines")
    elif not as_json:
        typer.echo(f"\n{text}", nl=False)
    return 0


@options.command("matrix")
def matrix(
    load: options.Load,
    new: options.NewCluster,
    definition: options.BackupDefinition,
    scenarios: list[str] | None = None,
    application: Path | None = None,
    strategy: list[str] | None = None,
    engine: list[str] | None = None,
    velero: list[str] | None = None,
    stores: list[str] | None = None,
    repeat: int = 1,
    workers: int = 1,
    size: str = "small",
    item_block_workers: int = ITEM_BLOCK_WORKERS,
    into: Path = Path("reports/matrix"),
    resume: Path | None = None,
    only_plan: bool = False,
    worker: int = 0,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    from harness.campaigns.matrix import page as pages
    from harness.campaigns.matrix import plan, runner

    if resume is not None and application is not None:
        raise Misconfigured("--application excludes --resume: a matrix goes on with the application that it began with")
    if resume is not None:
        planned = plan.read(resume)
    else:
        planned = plan.plan(
            scenarios or (),
            strategies=strategy or (),
            engines=engine or (),
            lanes=velero or (),
            stores=stores or (),
            repeat=repeat,
            asked=plan.DrillOptions(
                *(load.seed, size, load.rate, new.images, new.mirror),
                backup_definition=str(definition.backup_definition.resolve()) if definition.backup_definition else "",
                item_block_workers=item_block_workers,
            ),
            application=options.application(application, definition=definition.read()),
        )
    if only_plan:
        output.result({"cells": planned.cells, "left_out": planned.left_out}, _cells(planned), as_json=as_json)
        return 0
    if workers < 1:
        raise Misconfigured(f"--workers must be 1 or more, not {workers}")
    folder = resume or runner.begin(into, planned)

    watch = partial(output.watch, quiet=quiet)
    if worker:
        runner.drill(folder, planned, (worker, workers), new.cluster, watch)
        return 0
    with runner.other_workers(folder, workers, new.cluster) as wait:
        runner.drill(folder, planned, (0, workers), new.cluster, watch)
        wait()
    found, missing = runner.table(folder, planned)
    typer.echo((folder / ("matrix.json" if as_json else "matrix.md")).read_text(encoding="utf-8"), nl=False)
    if not as_json:
        typer.echo(f"matrix: {folder / 'matrix.html'}")
    return output.EXIT_CODES[pages.overall(found, missing)]


def _document(planned: DrillPlan, images: tuple[str, ...]) -> Json:
    asked = planned.options
    brought = asked.application and asked.application.by_manifests
    return {
        "scenario": asked.scenario.name,
        "stores": list(asked.stores),
        "strategy": asked.strategy,
        "engine": asked.engine,
        "lane": asked.lane,
        "item_block_workers": asked.item_block_workers,
        "size": asked.size,
        "steps": [
            {"step": each.name, "does": each.does, "breaks": list(each.breaks), "usual_s": each.usual_s}
            for each in planned.steps
        ],
        "expects": list(planned.expects),
        "past_runs": planned.runs,
        "usual_s": planned.usual_s,
        **({"application": list(brought.summary), "images": list(images)} if brought else {}),
        **({"backup_definition": list(asked.coverage.lines)} if asked.coverage else {}),
    }


def _lines(planned: DrillPlan, images: tuple[str, ...]) -> Iterator[str]:
    asked = planned.options
    yield f"{asked.scenario.name}: {', '.join((*asked.stores, asked.strategy, asked.made_with, asked.size))}"
    if coverage := asked.coverage:
        yield from (f"  {line}" for line in coverage.lines)
    if asked.application and (brought := asked.application.by_manifests):
        yield from (f"  {line}" for line in (*brought.summary, *images))
    for number, each in enumerate(planned.steps, 1):
        usual = "" if each.usual_s is None else duration(each.usual_s)
        yield f"  {number}. {each.name:<9}{usual:>12}  {each.does}"
        yield from (f"{'':<26}BREAKS {fault}" for fault in each.breaks)
    yield f"  {'; '.join(planned.expects)}"
    if planned.usual_s is not None:
        yield f"  takes {duration(planned.usual_s)}: median of {plural(planned.runs, 'past run')}"
    else:
        yield f"  duration unknown: no past run like it in {asked.runs} completed all steps"


def _cells(planned: Matrix) -> Iterator[str]:
    for cell in planned.cells:
        again = f" ({cell.repeat})" if cell.repeat > 1 else ""
        yield f"{cell.scenario}{again}: {cell.strategy}, {cell.made_with}, {' '.join(cell.stores)}"
    for each in planned.left_out:
        yield f"not drilled: {each.scenario}, {each.strategy}, {each.made_with}: {each.why}"
