"""Shell completion. The shell waits at each press of the key, so this loads as little as possible."""

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

Completion = Callable[[str], list[str]]
Words = Callable[[], Iterable[str]]
RUNS = Path("reports/runs")


def one_of(known: Words) -> Completion:
    def complete(incomplete: str) -> list[str]:
        return [each for each in known() if each.startswith(incomplete)]

    return complete


def some_of(known: Words) -> Completion:
    """Completes to some of the `known` words, with commas between."""

    def complete(incomplete: str) -> list[str]:
        before, comma, rest = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{each}" for each in known() if each.startswith(rest) and each not in taken]

    return complete


def constant(module: str, name: str) -> Words:
    """The words in a constant of a module, which is loaded only when they are needed."""

    def words() -> Iterable[str]:
        found: Iterable[str] = getattr(import_module(module), name)
        return found

    return words


stores = constant("harness.workflows.drill.scenario", "STORES")
engines = constant("harness.workflows.drill.request", "ENGINES")
sizes = constant("harness.workloads.dataset.schema", "SIZES")
images = constant("harness.core.choices", "IMAGES")
formats = constant("harness.cli.evidence", "FORMATS")


def steps() -> Iterable[str]:
    """`STEP=` of a hook."""
    from harness.core.model import STEPS

    return [f"{step}=" for step in STEPS]


def scenarios() -> Iterable[str]:
    """Scenarios, by file name: loading them all takes too long."""
    from harness.core import resources
    from harness.workflows.drill import scenario

    return scenario.names(resources.scenarios())


def strategies() -> Iterable[str]:
    from harness.core import resources
    from harness.workflows.drill import request

    return sorted({name for store in stores() for name in request.strategies(resources.fixtures(), [store])})


def runs() -> Iterable[str]:
    """Names of runs: `latest`, then the newest first."""
    folder = Path(os.environ.get("DRILLPROOF_RUNS", RUNS))
    names = (path.parent.name for path in folder.glob("*/run.json"))
    return sorted(names, key=lambda name: (name == "latest", name), reverse=True)
