"""A scenario: a disaster as data. Scenario files are found by their names, without registration."""

import importlib.util
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType

from harness.core.errors import Misconfigured
from harness.core.model import STEPS, ExpectedFinding, Json, Objectives, Plan
from harness.core.ports import Fault, Reach

STORES = ("mysql", "postgres", "consul")
"""The stores of the deployment `custos`, in the order in which they are named everywhere."""


WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


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
    """One disaster. Its name is the file name, its summary the docstring of the file.

    Without `expected_findings` everything must be recovered within the objectives. With them it is a detection: the
    backup or the restore is bad on purpose, and the drill fails unless all of them are found. Without a `fault` the
    drill ends after the backup and its inspection.
    """

    fault: Fault | None = None
    secondary_faults: tuple[SecondaryFault, ...] = ()
    plan: Plan = field(default_factory=Plan)
    expected_findings: tuple[ExpectedFinding, ...] = ()
    objectives: Objectives = field(default_factory=Objectives)
    stores: tuple[str, ...] = ()  # default: those that its faults need, or all
    strategy: str = "dump"
    strategies: tuple[str, ...] = ()  # those that it supports; default: all
    engine: str = "velero-restic"
    default: bool = False  # runs if no scenario is named
    name: str = field(default="", compare=False)
    summary: str = field(default="", compare=False)

    @property
    def steps(self) -> tuple[str, ...]:
        return STEPS if self.fault else STEPS[: STEPS.index("break")]

    @property
    def injections(self) -> tuple[SecondaryFault, ...]:
        """All faults with their steps, the disaster first."""
        return (*((SecondaryFault(self.fault, "break"),) if self.fault else ()), *self.secondary_faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, the disaster first."""
        return tuple(each.fault for each in self.injections)


def beyond(scenario: Scenario) -> str:
    """Why it is impossible on a shared cluster, where the drill has only one namespace; "" if it is possible."""
    plan = scenario.plan
    reasons = {
        "it needs a cluster that it may destroy": plan.new_cluster,
        "it needs a second cluster": plan.move,
        "it rewinds a whole bucket": plan.rewind,
    }
    said = [reason for reason, is_so in reasons.items() if is_so]
    for fault in scenario.faults:
        reach = getattr(fault, "reach", None)  # a user's own fault may lack it
        if reach is None:
            said.append(f"{fault.name} does not declare its reach")
        elif reach is not Reach.NAMESPACE:
            said.append(f"{fault.name} breaks {reach.value}")
    return "; ".join(said)


def facts(scenario: Scenario) -> dict[str, Json]:
    """A scenario as run.json has it, for the checks."""
    return {
        "steps": list(scenario.steps),
        "faults": [{"name": each.fault.name, "step": each.step} for each in scenario.injections],
        "plan": scenario.plan.recorded,
        "expected_findings": list(map(_fields, scenario.expected_findings)),
    }


def _fields(expected: ExpectedFinding) -> Json:
    other = expected.otherwise and _fields(expected.otherwise)
    return {**asdict(expected), "reason": list(expected.reasons), "otherwise": other}


def names(folder: Path) -> tuple[str, ...]:
    """The names of a folder's scenarios; loads none of them."""
    stems = sorted(file.stem for file in folder.glob("*.py"))
    return tuple(stem for stem in stems if not stem.startswith(("_", "test_", "conftest")))


def load(folder: Path, known: tuple[str, ...] = STORES) -> dict[str, Scenario]:
    """Every scenario of a folder by name, for an application with the stores `known`. Misconfigured names a bad one."""
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
            raise Misconfigured(f"{file} has no docstring; describe the disaster in one")
        needed = tuple(store for store in known if any(store in fault.needs for fault in scenario.faults))
        stores = scenario.stores or needed or known
        scenarios[name] = replace(scenario, name=name, summary=module.__doc__.strip(), stores=stores)
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
        code = file.read_text("utf-8")
        renamed = "".join(f"; `{was}` is now `{now}`" for was, now in WORDS["renamed"].items() if was in code)
        raise Misconfigured(f"{file} does not load: {type(error).__name__}: {error}{renamed}") from error
    return module
