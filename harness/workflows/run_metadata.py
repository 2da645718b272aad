"""What run.json says of a run before it starts: what was requested, which code runs it, and on which machine."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.checks.proof_metrics import EXCLUSIONS as NOT_COMPARED
from harness.clusters.environment import Environment
from harness.core import paths, process
from harness.core.errors import HarnessError
from harness.core.model import Json, Objectives, Plan
from harness.core.ports import Indexed
from harness.evidence.run_directory import read_json
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import facts as of_scenario
from harness.workflows.run_options import Hook
from harness.workloads.application import Application, StoreKind
from harness.workloads.detection import Database
from harness.workloads.exclusions import EXCLUSIONS
from harness.workloads.external import ExternalKind


def common(
    *,
    summary: str,
    steps: Sequence[str],
    plan: Plan,
    objectives: Objectives,
    engine: str,
    stores: Mapping[str, Sequence[str]],
    hooks: Sequence[Hook],
    left_out: Mapping[str, Mapping[str, Json]],
) -> dict[str, Json]:
    """What run.json says of every run: what was requested, which code runs it, and on which machine.

    `stores` are their members by name; `left_out` says by store what is not compared, and why.
    """
    return {
        "summary": summary,
        "steps": list(steps),
        "plan": plan.recorded,
        "expected_findings": [],
        "objectives": asdict(objectives),
        "engine": engine,
        "stores": {name: list(members) for name, members in stores.items()},
        "hooks": [asdict(hook) for hook in hooks],
        "commit": commit(),
        "selftest": None,
        "left_out": {name: dict(parts) for name, parts in left_out.items()},
        "host": host(),
    }


def of_databases(databases: Iterable[Database]) -> dict[str, dict[str, Json]]:
    """What is not compared of databases that drillproof did not fill, by kind."""
    return {each.kind: dict(NOT_COMPARED[each.kind]) for each in databases}


def of_drill(options: Options, application: Application, ground: Environment) -> dict[str, Json]:
    """All that run.json says of a drill."""
    scenario, brought = options.scenario, application.by_manifests
    kinds = {name: application.kind(name) for name in options.stores}
    left_out: dict[str, Mapping[str, Json]] = {
        name: dict(application.exclusions.get(name, ())) for name in options.stores
    }
    left_out |= {"objects": dict(EXCLUSIONS["objects"])}
    if brought:
        left_out |= {"application": _not_compared(options, application)}
    return {
        **common(
            summary=scenario.summary,
            steps=scenario.steps,
            plan=scenario.plan,
            objectives=scenario.objectives,
            engine=options.engine,
            stores={name: kind.members for name, kind in kinds.items()},
            hooks=options.hooks,
            left_out=left_out,
        ),
        **of_scenario(scenario),
        "strategy": options.way,
        "services": {
            kind.name: {"store": kind.store, "pods": list(kind.pods)} for kind in application.on(options.stores)
        },
        "indexed": [name for name, kind in kinds.items() if _is_indexed(kind)],
        "seed": options.seed,
        "size": options.size,
        "writes_per_s": options.rate,
        "versions": ground.facts(),
        **({} if ground.isolated else {"fenced": False}),
        "selftest": _last_self_test(),
        **({"application": brought.name} if brought else {}),
    }


def _not_compared(options: Options, application: Application) -> dict[str, Json]:
    """Of an application of the user's: what is in no store that is drilled, and why."""
    unasked = (name for name in application.stores if name not in options.stores)
    return {**dict(application.exclusions["application"]), **dict.fromkeys(unasked, "left out by --stores")}


def _is_indexed(kind: StoreKind) -> bool:
    of = kind.of if isinstance(kind, ExternalKind) else kind
    return isinstance(of, type) and issubclass(of, Indexed)


def host() -> dict[str, Json]:
    """The machine that runs this."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def commit() -> str:
    """The commit of the clone that runs, with a + if it was changed since; "" for an installed wheel."""
    with contextlib.suppress(HarnessError):
        root = Path(__file__).parents[2]
        head = process.run(["git", "-C", root, "rev-parse", "HEAD"]).stdout.strip()
        changed = process.run(["git", "-C", root, "status", "--porcelain"]).stdout.strip()
        return head + ("+" if changed else "")
    return ""


def _last_self_test() -> Json:
    """The result of the last live self-test on this machine; None if there is none."""
    try:
        return read_json(paths.cache() / "selftest.json")
    except HarnessError:
        return None
