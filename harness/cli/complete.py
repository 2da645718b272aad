"""Shell completion. The shell waits at each press of the key, so this loads as little as possible."""

import os
import pkgutil
from collections.abc import Callable, Iterable
from pathlib import Path

Completion = Callable[[str], list[str]]
RUNS = Path("reports/runs")


def one_of(words: str) -> Completion:
    """Completes to one of the `words`: `MODULE:NAME` of a constant or a function, which is loaded when it is needed."""
    return lambda incomplete: [each for each in _known(words) if each.startswith(incomplete)]


def some_of(words: str) -> Completion:
    """Completes to some of the `words`, with commas between."""

    def complete(incomplete: str) -> list[str]:
        before, comma, rest = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{each}" for each in _known(words) if each.startswith(rest) and each not in taken]

    return complete


def _known(words: str) -> Iterable[str]:
    found: Iterable[str] | Callable[[], Iterable[str]] = pkgutil.resolve_name(words)
    return found() if callable(found) else found


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
    from harness.workflows.drill import request, scenario

    return sorted({name for store in scenario.STORES for name in request.strategies(resources.fixtures(), [store])})


def lanes() -> Iterable[str]:
    from harness.clusters.images import versions

    return versions.load().lanes


def runs() -> Iterable[str]:
    """Names of runs: `latest`, then the newest first."""
    folder = Path(os.environ.get("DRILLPROOF_RUNS", RUNS))
    names = (path.parent.name for path in folder.glob("*/run.json"))
    return sorted(names, key=lambda name: (name == "latest", name), reverse=True)
