"""A scenario: a disaster as data. Scenario files are found by their file names, nothing else is."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType

from harness.core.errors import Misconfigured
from harness.core.model import STEPS, ExpectedFinding, Json, Objectives, Plan
from harness.core.ports import Bounded, Fault, Reach

STORES = ("mysql", "postgres", "consul")
"""The stores of the deployment `custos`, in the order in which they are named everywhere."""


@dataclass(frozen=True)
class SecondaryFault:
    """A fault of the backup, its store or the machinery, in addition to the disaster.

    At the step `backup` or `restore` it is injected before the tool starts, or `during` its work, and undone when the
    tool has ended. At `seed` it is injected into the new deployment, before any backup. At `write` it is injected into
    a finished backup. Both are undone at the end of the drill. At `readback` it is injected into what was recovered,
    before that is read, and undone afterwards.
    """

    fault: Fault
    step: str
    during: bool = False


@dataclass(frozen=True)
class Scenario:
    """One disaster. Its name is its file's name, its summary the file's docstring.

    With no `expected_findings` all must be recovered within the objectives. Else the backup or the restore is bad:
    each of these must be found, and a drill in which everything looks green fails. With no `fault` the drill ends once
    the backup was taken and looked at.
    """

    fault: Fault | None = None
    secondary_faults: tuple[SecondaryFault, ...] = ()
    plan: Plan = field(default_factory=Plan)
    expected_findings: tuple[ExpectedFinding, ...] = ()
    objectives: Objectives = field(default_factory=Objectives)
    stores: tuple[str, ...] = ()  # none named: those that its faults need; all, if they need none
    strategy: str = "dump"
    strategies: tuple[str, ...] = ()  # those with which it makes sense; none named: all
    engine: str = "velero-restic"
    default: bool = False  # whether it is the drill for who names none
    name: str = field(default="", compare=False)
    summary: str = field(default="", compare=False)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of its drill."""
        return STEPS if self.fault else STEPS[: STEPS.index("break")]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All that breaks: the disaster first."""
        return (*((self.fault,) if self.fault else ()), *(secondary.fault for secondary in self.secondary_faults))


def beyond(scenario: Scenario) -> str:
    """Why it cannot be where only one namespace is the drill's own; "" if it can."""
    plan = scenario.plan
    reasons = {
        "it needs a cluster that may be thrown away": plan.new_cluster,
        "it needs a second cluster": plan.move,
        "it turns a whole bucket back": plan.rewind,
    }
    said = [reason for reason, is_so in reasons.items() if is_so]
    for fault in scenario.faults:
        if not isinstance(fault, Bounded):
            said.append(f"{fault.name} does not say how far it reaches")
        elif fault.reach is not Reach.NAMESPACE:
            said.append(f"{fault.name} breaks {fault.reach.value}")
    return "; ".join(said)


def facts(scenario: Scenario) -> dict[str, Json]:
    """What a scenario is, as run.json says it and checks read it."""
    struck = [(secondary.fault.name, secondary.step) for secondary in scenario.secondary_faults]
    if scenario.fault:
        struck.insert(0, (scenario.fault.name, "break"))
    return {
        "steps": list(scenario.steps),
        "faults": [{"name": name, "step": step} for name, step in struck],
        "plan": scenario.plan.recorded,
        "expected_findings": list(map(_fields, scenario.expected_findings)),
    }


def _fields(expected: ExpectedFinding) -> Json:
    other = expected.otherwise and _fields(expected.otherwise)
    return {**asdict(expected), "reason": list(expected.reasons), "otherwise": other}


def names(folder: Path) -> tuple[str, ...]:
    """The names of a folder's scenarios, by its files; none of them is loaded."""
    stems = sorted(file.stem for file in folder.glob("*.py"))
    return tuple(stem for stem in stems if not stem.startswith(("_", "test_", "conftest")))


def load(folder: Path, known: tuple[str, ...] = STORES) -> dict[str, Scenario]:
    """Every scenario of a folder by name, of an application with the stores `known`.

    A file that is no scenario is Misconfigured, and named.
    """
    scenarios: dict[str, Scenario] = {}
    for name in names(folder):
        file = folder / f"{name}.py"
        module = _module(file)
        scenario = getattr(module, "SCENARIO", None)
        if not isinstance(scenario, Scenario):
            raise Misconfigured(
                f"{file} holds no `SCENARIO = Scenario(...)`; add one or rename the file to _{file.name}"
            )
        if not module.__doc__:
            raise Misconfigured(f"{file} has no docstring; begin it with the disaster's story")
        stores = scenario.stores or _needed(scenario, known) or known
        scenarios[name] = replace(scenario, name=name, summary=module.__doc__.strip(), stores=stores)
    return scenarios


def _needed(scenario: Scenario, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(store for store in known if any(store in fault.needs for fault in scenario.faults))


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
