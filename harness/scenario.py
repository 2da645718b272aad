"""A scenario: a disaster as data. Scenario files are found by their file names, nothing else is."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from harness.errors import Misconfigured
from harness.model import Objectives
from harness.ports import Fault

STORES = ("mysql", "postgres", "consul")
"""The stores of the deployment `custos`, in the order in which they are named everywhere."""


@dataclass(frozen=True)
class Scenario:
    """One disaster. Its name is its file's name, its summary the file's docstring."""

    fault: Fault
    objectives: Objectives = field(default_factory=Objectives)
    stores: tuple[str, ...] = STORES
    strategy: str = "dump"
    engine: str = "velero-restic"
    name: str = field(default="", compare=False)
    summary: str = field(default="", compare=False)


def load(folder: Path) -> dict[str, Scenario]:
    """Every scenario of a folder by name. A file that is no scenario is Misconfigured, and named."""
    scenarios: dict[str, Scenario] = {}
    for file in sorted(folder.glob("*.py")):
        if file.stem.startswith(("_", "test_", "conftest")):
            continue
        module = _module(file)
        scenario = getattr(module, "SCENARIO", None)
        if not isinstance(scenario, Scenario):
            raise Misconfigured(
                f"{file} holds no `SCENARIO = Scenario(...)`; add one or rename the file to _{file.name}"
            )
        if not module.__doc__:
            raise Misconfigured(f"{file} has no docstring; begin it with the disaster's story")
        scenarios[file.stem] = replace(scenario, name=file.stem, summary=module.__doc__.strip())
    return scenarios


def _module(file: Path) -> ModuleType:
    # Registered before it runs: dataclasses defined in a scenario file look themselves up there.
    name = f"drillproof_scenarios.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Misconfigured(f"{file} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise Misconfigured(f"{file} does not load: {type(error).__name__}: {error}") from error
    return module
