"""The options of drills, checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self, TypedDict, Unpack

from harness.backups import data_mover
from harness.backups.backup_definition import Definition
from harness.backups.object_store import LAYOUTS
from harness.backups.velero_lane import uploader_in, with_uploader
from harness.clusters.images import versions
from harness.core import resources
from harness.core.choices import ITEM_BLOCK_WORKERS, choose, choose_all
from harness.core.errors import Misconfigured
from harness.core.model import Objectives
from harness.core.ports import Fault
from harness.evidence.run_directory import made_with
from harness.workflows.drill import scenario
from harness.workflows.drill.definition import Coverage, cover
from harness.workflows.drill.scenario import STORES, Scenario
from harness.workflows.run_options import NewClusterOptions, NewClusterWords, parse_hooks
from harness.workloads.application import Application
from harness.workloads.custos import CUSTOS
from harness.workloads.dataset.schema import SIZES

MAX_RATE = 1000
"""Writes per second: one client writes to each store, and waits for each answer."""

ENGINES = {f"velero-{uploader}": frozenset(parts) for uploader, parts in LAYOUTS.items()}
ENGINES[data_mover.ENGINE] = frozenset(LAYOUTS[data_mover.KOPIA])
"""The backup engines, each with the parts of its repositories."""


class OtherWords(NewClusterWords, total=False):
    """The options that `Options` takes as the user says them."""

    seed: int
    size: str
    rate: float
    item_block_workers: int


def options(
    names: Sequence[str],
    *,
    folder: Path | None = None,
    loaded: Mapping[str, Scenario] | None = None,
    stores: Sequence[str] = (),
    strategy: str | None = None,
    engine: str | None = None,
    velero: str | None = None,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    application: Application | None = None,
    definition: Definition | None = None,
    **others: Unpack[OtherWords],
) -> tuple[Options, ...]:
    """The options of one drill for each scenario named. Misconfigured for the first invalid option.

    `folder` has the scenarios, unless they are `loaded` already; `application` is what they break (default: custos).
    `velero` is a lane, or "" for the Velero of an existing cluster. The scenario has the defaults.
    """
    require_own_data(application, others.get("size", "small"))
    stores_known, pinned = application.stores if application else STORES, versions.load()
    known = dict(loaded) if loaded else scenario.load(folder or resources.scenarios(), stores_known)
    return tuple(
        Options(
            **_fitted(found, application, pinned, stores=stores, strategy=strategy, engine=engine, velero=velero),
            hooks=parse_hooks(before, after),
            application=application,
            definition=definition,
            **others,
        ).require_definition(pinned)
        for found in scenarios(names, known)
    )


def require_own_data(application: Application | None, size: str) -> None:
    """Misconfigured where a size of generated data is asked for, and the application has its own data."""
    brought = application.by_manifests if application else None
    if brought and size != "small":
        raise Misconfigured(f"--size {size} applies to generated data; {brought.name} has its own data")


class _Fitted(TypedDict):
    scenario: Scenario
    stores: tuple[str, ...]
    strategy: str
    engine: str
    lane: str


def _fitted(
    found: Scenario,
    application: Application | None,
    pinned: versions.Versions,
    *,
    stores: Sequence[str] = (),
    strategy: str | None = None,
    engine: str | None = None,
    velero: str | None = None,
) -> _Fitted:
    """What of the options depends on the scenario. Misconfigured if it cannot be drilled so."""
    known, fixtures = (application.stores, application.fixtures) if application else (STORES, resources.fixtures())
    brought = application.by_manifests if application else None
    _is_not_of_ours(found, known)
    each = _with_objectives(found, brought.objectives) if brought else found
    chosen = choose_all("store", stores, known) or (each.stores if {*each.stores} <= {*known} else tuple(known))
    if len(chosen) == 1:  # which has no skew to judge
        each = replace(each, objectives=replace(each.objectives, skew_s=None))
    uploader = (engine or each.engine).removeprefix("velero-")
    lane = with_uploader(pinned.lanes, pinned.lane, uploader) if velero is None else velero
    chosen_engine = _engine(pinned, lane, engine, each.engine) if lane else choose("engine", engine or "", ENGINES)
    for fault in each.faults:
        _require_targets(fault, each.name, chosen, chosen_engine, known)
    if brought:
        chosen_strategy = _strategy(each, strategy or brought.strategy, (brought.strategy,))
    else:
        chosen_strategy = _strategy(each, strategy or each.strategy, strategies(fixtures, chosen))
    return _Fitted(scenario=each, stores=chosen, strategy=chosen_strategy, engine=chosen_engine, lane=lane)


def fitting(application: Application, known: Mapping[str, Scenario]) -> dict[str, str]:
    """By scenario, why the application cannot be drilled with it; "" if it can."""
    why, pinned = dict.fromkeys(known, ""), versions.load()
    for name, each in known.items():
        try:
            _fitted(each, application, pinned)
        except Misconfigured as error:
            why[name] = str(error)
    return why


def _is_not_of_ours(each: Scenario, known: Sequence[str]) -> None:
    needed = {need for fault in each.faults for need in fault.needs} | {find.store for find in each.expected_findings}
    if ours := sorted(needed & (set(STORES) - set(known))):
        raise Misconfigured(
            f"{each.name} breaks {', '.join(ours)} of drillproof's own deployment, and cannot break {', '.join(known)}"
        )


def _with_objectives(each: Scenario, own: Objectives) -> Scenario:
    if each.expected_findings:
        return each
    said = {name: limit for name, limit in asdict(own).items() if limit is not None}
    return replace(each, objectives=replace(each.objectives, **said))


def _engine(pinned: versions.Versions, lane: str, word: str | None, usual: str) -> str:
    """The engine of a drill with this lane of Velero. Misconfigured if the lane lacks the one that is asked for."""
    asked, default = (
        choose("engine", each, ENGINES).removeprefix("velero-") if each else None for each in (word, usual)
    )
    return f"velero-{uploader_in(pinned.lanes, lane, asked, default or '')}"


def _strategy(each: Scenario, word: str, known: Iterable[str]) -> str:
    chosen = choose("strategy", word, known)
    if each.strategies and chosen not in each.strategies:
        raise Misconfigured(
            f"{each.name} does not support the strategy {chosen}; it supports: {', '.join(each.strategies)}"
        )
    return chosen


def at_least_once(repeat: int) -> int:
    """How often each drill runs. Misconfigured below 1."""
    if repeat < 1:
        raise Misconfigured(f"--repeat must be at least 1, not {repeat}")
    return repeat


def _require_targets(fault: Fault, scenario: str, stores: Sequence[str], engine: str, known: Sequence[str]) -> None:
    lacking = set(fault.needs) - set(stores) - ENGINES[engine]
    if needed := sorted(lacking & set(known)):
        raise Misconfigured(f"{scenario} needs {', '.join(needed)} ({fault.name}); add it to --stores")
    if lacking:
        others = ", ".join(name for name, parts in ENGINES.items() if lacking <= parts) or "none"
        raise Misconfigured(
            f"{scenario} is impossible with {engine}, whose repository has no {', '.join(sorted(lacking))} "
            f"({fault.name}); possible with: {others}"
        )


def scenarios(names: Sequence[str], known: dict[str, Scenario]) -> tuple[Scenario, ...]:
    """The scenarios named; without a name the default one, or the only one."""
    default = [name for name, each in known.items() if each.default or len(known) == 1]
    if not names and len(default) != 1:
        raise Misconfigured(f"name a scenario; known: {', '.join(known) or 'none'}")
    return tuple(known[choose("scenario", name, known)] for name in dict.fromkeys(names or default))


def strategies(fixtures: Path, stores: Iterable[str]) -> tuple[str, ...]:
    """The strategies that all of `stores` have manifests for."""
    found = [{path.parent.name for path in (fixtures / store).glob("*/kustomization.yaml")} for store in stores]
    return tuple(sorted(set.intersection(*found) - {"base"})) if found else ()


@dataclass(frozen=True, kw_only=True)
class Options(NewClusterOptions):
    scenario: Scenario
    stores: tuple[str, ...]
    strategy: str
    engine: str
    lane: str = ""  # of Velero; "" for the Velero of an existing cluster
    seed: int = 1
    size: str = "small"
    cluster: str = "drillproof"
    rate: float = 20.0  # writes a second to each store, as far as it keeps up
    item_block_workers: int = ITEM_BLOCK_WORKERS
    application: Application | None = None  # what is protected; our own if None
    definition: Definition | None = None  # of the backup; drillproof's own if None

    def __post_init__(self) -> None:
        super().__post_init__()
        choose("size", self.size, SIZES)
        if self.item_block_workers < 1:
            raise Misconfigured(f"--item-block-workers must be at least 1, not {self.item_block_workers}")
        if not 1 <= self.rate <= MAX_RATE:
            raise Misconfigured(f"--rate must be between 1 and {MAX_RATE} writes per second, not {self.rate:g}")

    @property
    def made_with(self) -> str:
        """The engine, with its lane where that is not the first one."""
        return made_with(self.engine, self.lane)

    @property
    def way(self) -> str:
        """The strategy that identifies the series; with the namespace of a deployment that is not the default one."""
        of = f" of {self.application.namespace}" if self.application and self.application.services else ""
        by = f" by {self.definition.name}" if self.definition else ""
        usual = self.item_block_workers == ITEM_BLOCK_WORKERS
        workers = "" if usual else f" with item-block-worker-count={self.item_block_workers}"
        return f"{self.strategy}{of}{by}{workers}"

    @property
    def coverage(self) -> Coverage | None:
        """The definition of the backup, held against what is drilled. Misconfigured if it cannot be drilled."""
        if self.definition is None:
            return None
        application = self.application or CUSTOS
        return cover(self.definition, application, self.strategy, self.stores, shared=not self.lane)

    def require_definition(self, pinned: versions.Versions) -> Self:
        """Misconfigured if the definition of the backup cannot be drilled on a new cluster, if it is to be one."""
        if self.definition and self.engine == data_mover.ENGINE:
            raise Misconfigured(
                f"--backup-definition excludes --engine {self.engine}, which takes snapshots by a policy of its own"
            )
        if self.definition and self.lane and (coverage := self.coverage):
            self.definition.require(coverage.own, pinned.lanes[self.lane])
            self.definition.require_local()
        return self
