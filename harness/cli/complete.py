"""What a shell completes a word to. It waits at each press of the key, so as little as can be is loaded."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

Completion = Callable[[str], list[str]]
RUNS = Path("reports/runs")


def word(known: Callable[[], Iterable[str]]) -> Completion:
    """One of the `known` words."""

    def one(incomplete: str) -> list[str]:
        return [each for each in known() if each.startswith(incomplete)]

    return one


def words(known: Callable[[], Iterable[str]]) -> Completion:
    """Some of the `known` words with commas between."""

    def last(incomplete: str) -> list[str]:
        before, comma, rest = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{each}" for each in known() if each.startswith(rest) and each not in taken]

    return last


def steps(incomplete: str) -> list[str]:
    """STEP= of a hook."""
    from harness.core.model import STEPS

    return [f"{step}=" for step in STEPS if step.startswith(incomplete)]


def scenarios() -> Iterable[str]:
    """By file name alone: to load them all would take too long."""
    from harness.core import resources
    from harness.workflows.drill import scenario

    return scenario.names(resources.scenarios())


def stores() -> Iterable[str]:
    """Every store."""
    from harness.workflows.drill.scenario import STORES

    return STORES


def strategies() -> Iterable[str]:
    """Every strategy that some store has."""
    from harness.core import resources
    from harness.workflows.drill import request

    return sorted({way for store in stores() for way in request.strategies(resources.fixtures(), [store])})


def engines() -> Iterable[str]:
    """Every backup engine."""
    from harness.workflows.drill.request import ENGINES

    return ENGINES


def sizes() -> Iterable[str]:
    """Every size of the known data."""
    from harness.workloads.dataset.schema import SIZES

    return SIZES


def images() -> Iterable[str]:
    """Every way to have images."""
    from harness.core.choices import IMAGES

    return IMAGES


def runs() -> Iterable[str]:
    """The names of the runs there are; newest first, and `latest` before all."""
    folder = Path(os.environ.get("DRILLPROOF_RUNS", RUNS))
    return sorted(
        (path.parent.name for path in folder.glob("*/run.json")),
        key=lambda name: (name == "latest", name),
        reverse=True,
    )
