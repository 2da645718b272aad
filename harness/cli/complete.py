"""Shell completion. The shell waits at each press of the key, so this loads as little as possible."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

Completion = Callable[[str], list[str]]
RUNS = Path("reports/runs")


def one_of(known: Callable[[], Iterable[str]]) -> Completion:
    """Completes to one of the `known` words."""

    def complete(incomplete: str) -> list[str]:
        return [each for each in known() if each.startswith(incomplete)]

    return complete


def some_of(known: Callable[[], Iterable[str]]) -> Completion:
    """Completes to some of the `known` words, with commas between."""

    def complete(incomplete: str) -> list[str]:
        before, comma, rest = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{each}" for each in known() if each.startswith(rest) and each not in taken]

    return complete


def steps() -> Iterable[str]:
    """`STEP=` of a hook."""
    from harness.core.model import STEPS

    return [f"{step}=" for step in STEPS]


def scenarios() -> Iterable[str]:
    """Scenarios, by file name: loading them all takes too long."""
    from harness.core import resources
    from harness.workflows.drill import scenario

    return scenario.names(resources.scenarios())


def stores() -> Iterable[str]:
    """Datastores."""
    from harness.workflows.drill.scenario import STORES

    return STORES


def strategies() -> Iterable[str]:
    """Strategies of any datastore."""
    from harness.core import resources
    from harness.workflows.drill import request

    return sorted({name for store in stores() for name in request.strategies(resources.fixtures(), [store])})


def engines() -> Iterable[str]:
    """Backup engines."""
    from harness.workflows.drill.request import ENGINES

    return ENGINES


def sizes() -> Iterable[str]:
    """Sizes of the test data."""
    from harness.workloads.dataset.schema import SIZES

    return SIZES


def images() -> Iterable[str]:
    """Where images come from."""
    from harness.core.choices import IMAGES

    return IMAGES


def runs() -> Iterable[str]:
    """Names of runs: `latest`, then the newest first."""
    folder = Path(os.environ.get("DRILLPROOF_RUNS", RUNS))
    names = (path.parent.name for path in folder.glob("*/run.json"))
    return sorted(names, key=lambda name: (name == "latest", name), reverse=True)
