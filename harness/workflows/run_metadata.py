"""What run.json says of a run before it begins: what was asked, of what, by which code, on which machine."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import asdict
from pathlib import Path

from harness.clusters.environment import Ground
from harness.core import paths, process
from harness.core.errors import HarnessError
from harness.core.model import Json
from harness.core.ports import Indexed
from harness.evidence.run_directory import read_json
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import facts as of_scenario
from harness.workloads.application import Application, StoreKind
from harness.workloads.exclusions import LEFT_OUT
from harness.workloads.external import GivenKind


def of_drill(options: Options, application: Application, ground: Ground) -> dict[str, Json]:
    """All that run.json says of a drill."""
    scenario = options.scenario
    kinds = {name: application.kind(name) for name in options.stores}
    return {
        "summary": scenario.summary,
        **of_scenario(scenario),
        "objectives": asdict(scenario.objectives),
        "strategy": options.way,
        "engine": options.engine,
        "stores": {name: list(kind.members) for name, kind in kinds.items()},
        "services": {
            kind.name: {"store": kind.store, "pods": list(kind.pods)} for kind in application.on(options.stores)
        },
        "indexed": [name for name, kind in kinds.items() if _is_indexed(kind)],
        "seed": options.seed,
        "size": options.size,
        "writes_per_s": options.rate,
        "hooks": [asdict(hook) for hook in options.hooks],
        "versions": ground.facts(),
        **({} if ground.fenced else {"fenced": False}),
        "commit": commit(),
        "selftest": _last_self_test(),
        "left_out": {name: dict(application.left_out.get(name, ())) for name in options.stores}
        | {"objects": dict(LEFT_OUT["objects"])}
        | ({"application": _not_compared(options, application)} if application.brought else {}),
        "host": host(),
        **({"application": application.brought.name} if application.brought else {}),
    }


def _not_compared(options: Options, application: Application) -> dict[str, Json]:
    """Of an application of the user's: what is in no store that is drilled, and why."""
    unasked = (name for name in application.stores if name not in options.stores)
    return {**dict(application.left_out["application"]), **dict.fromkeys(unasked, "left out by --stores")}


def _is_indexed(kind: StoreKind) -> bool:
    of = kind.of if isinstance(kind, GivenKind) else kind
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
    """What the real tier came to when it was last run on this machine; None if it never was."""
    try:
        return read_json(paths.cache() / "selftest.json")
    except HarnessError:
        return None
