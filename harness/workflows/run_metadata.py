"""What run.json says of a run before it starts: what was requested, which code runs it, and on which machine."""

import contextlib
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.clusters.environment import Environment
from harness.core import paths, process
from harness.core.errors import HarnessError
from harness.core.model import Json
from harness.core.ports import Indexed
from harness.evidence.run_directory import read_json
from harness.reports.texts import NOT_IN_FINGERPRINT
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import Scenario
from harness.workflows.drill.scenario import facts as of_scenario
from harness.workflows.run_options import RunOptions
from harness.workloads.application import Application, ManifestApplication, StoreKind
from harness.workloads.detection import Database
from harness.workloads.exclusions import EXCLUSIONS
from harness.workloads.external import ExternalKind


def common(options: RunOptions) -> dict[str, Json]:
    """What run.json says of every run: its hooks, which code runs it, and on which machine."""
    return {
        "expected_findings": [],
        "hooks": [asdict(hook) for hook in options.hooks],
        "commit": commit(),
        "selftest": None,
        **({"about": options.about} if options.about else {}),
        "host": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        },
    }


def of_databases(databases: Sequence[Database]) -> dict[str, Json]:
    """The databases that drillproof did not fill, with the only member of each; what of each kind is not compared."""
    return {
        "stores": {each.key: [each.pod] for each in databases},
        "left_out": {each.kind: dict(NOT_IN_FINGERPRINT[each.kind]) for each in databases},
    }


def of_drill(options: Options, application: Application, environment: Environment) -> dict[str, Json]:
    scenario, brought = options.scenario, application.by_manifests
    kinds = {name: application.kind(name) for name in options.stores}
    left_out: dict[str, Json] = {name: dict(application.exclusions.get(name, ())) for name in options.stores}
    left_out["objects"] = dict(EXCLUSIONS["objects"])
    if brought:
        unasked = (name for name in application.stores if name not in options.stores)
        not_drilled = dict.fromkeys(unasked, "left out by --stores")
        left_out["application"] = {**dict(application.exclusions["application"]), **not_drilled}
    return {
        **common(options),
        **of_scenario(scenario),
        "summary": scenario.summary,
        "objectives": asdict(scenario.objectives),
        "objectives_of": _objectives_of(scenario, brought),
        "strategy": options.way,
        "engine": options.engine,
        **({"lane": options.lane, "item_block_workers": options.item_block_workers} if options.lane else {}),
        "stores": {name: list(kind.members) for name, kind in kinds.items()},
        "services": {
            kind.name: {"store": kind.store, "pods": list(kind.pods)} for kind in application.on(options.stores)
        },
        "indexed": [name for name, kind in kinds.items() if _is_indexed(kind)],
        "left_out": left_out,
        "seed": options.seed,
        "size": options.size,
        "writes_per_s": options.rate,
        "versions": environment.facts(),
        "selftest": _last_self_test(),
        **({} if environment.isolated else {"fenced": False}),
        **({"application": brought.name, "manifests": dict(brought.contents)} if brought else {}),
        **({"backup_definition": coverage.facts} if (coverage := options.coverage) else {}),
    }


def _objectives_of(scenario: Scenario, brought: ManifestApplication | None) -> dict[str, Json]:
    """By objective: whether the application's file or the scenario set it."""
    own = asdict(brought.objectives) if brought and not scenario.expected_findings else {}
    return {
        name: "scenario" if own.get(name) is None else "application"
        for name, limit in asdict(scenario.objectives).items()
        if limit is not None
    }


def _is_indexed(kind: StoreKind) -> bool:
    of = kind.of if isinstance(kind, ExternalKind) else kind
    return isinstance(of, type) and issubclass(of, Indexed)


def commit() -> str:
    """The commit of the clone that runs, with a + if it was changed since; "" for an installed wheel."""
    with contextlib.suppress(HarnessError):
        root = Path(__file__).parents[2]
        head = process.run(["git", "-C", root, "rev-parse", "HEAD"]).stdout.strip()
        changed = process.run(["git", "-C", root, "status", "--porcelain"]).stdout.strip()
        return head + ("+" if changed else "")
    return ""


def _last_self_test() -> Json:
    try:
        return read_json(paths.cache() / "selftest.json")
    except HarnessError:
        return None
