"""The plan of a matrix: every scenario with every strategy and engine that fits it."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from harness.backups.backup_definition import read as read_definition
from harness.clusters.images import versions
from harness.core import choices, resources
from harness.core.errors import Misconfigured, Unreadable
from harness.core.model import Json
from harness.evidence import run_directory
from harness.evidence.run_directory import FIRST_LANE, made_with
from harness.workflows.drill import request, scenario
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import STORES, Scenario
from harness.workloads.application import Application
from harness.workloads.manifests import load

SCHEMA = 1
FILE = "plan.json"


@dataclass(frozen=True)
class Cell:
    number: int
    scenario: str
    strategy: str
    engine: str
    stores: tuple[str, ...]
    repeat: int  # counts from 1
    lane: str = FIRST_LANE  # a plan of before lanes names none

    @property
    def made_with(self) -> str:
        return made_with(self.engine, self.lane)


@dataclass(frozen=True)
class Exclusion:
    scenario: str
    strategy: str
    engine: str
    why: str
    lane: str = FIRST_LANE

    @property
    def made_with(self) -> str:
        return made_with(self.engine, self.lane)


@dataclass(frozen=True)
class DrillOptions:
    seed: int = 1
    size: str = "small"
    rate: float = 20.0
    images: str = "auto"
    mirror: str | None = None
    backup_definition: str = ""  # its file
    item_block_workers: int = 1  # a plan of before this option has none: Velero's default

    @property
    def words(self) -> dict[str, Any]:
        """As `request.options` takes them. Misconfigured for a definition that cannot be read."""
        words = {**vars(self)}
        file = words.pop("backup_definition")
        return {**words, "definition": read_definition(Path(file)) if file else None}


@dataclass(frozen=True)
class OwnApplication:
    """The user's application that a matrix drills, as it was when the matrix began."""

    file: str  # an absolute path
    manifests: Mapping[str, str]  # digests, see `harness.workloads.manifests.contents`


@dataclass(frozen=True)
class Plan:
    asked: DrillOptions
    cells: tuple[Cell, ...]
    left_out: tuple[Exclusion, ...]
    own: OwnApplication | None = None

    @functools.cached_property
    def application(self) -> Application | None:
        """What is drilled; custos if None. Misconfigured if it changed since the matrix began."""
        if self.own is None:
            return None
        found = load.load(Path(self.own.file), replace(load.OWN_CLUSTER, definition=self.asked.words["definition"]))
        now = found.by_manifests.contents if found.by_manifests else {}
        if changed := run_directory.changed_manifests(self.own.manifests, now):
            raise Misconfigured(
                f"{self.own.file}: changed since this matrix began: {', '.join(changed)}; begin a new matrix"
            )
        return found

    def options(self, cell: Cell, runs: Path, cluster: str) -> Options:
        """The drill of one cell. Misconfigured if it is no longer possible."""
        (options,) = request.options(
            (cell.scenario,),
            stores=cell.stores,
            strategy=cell.strategy,
            engine=cell.engine,
            velero=cell.lane,
            runs=runs,
            cluster=cluster,
            application=self.application,
            **self.asked.words,
        )
        return options


def plan(
    names: Sequence[str],
    *,
    strategies: Sequence[str] = (),
    engines: Sequence[str] = (),
    lanes: Sequence[str] = (),
    stores: Sequence[str] = (),
    repeat: int = 1,
    asked: DrillOptions | None = None,
    application: Application | None = None,
) -> Plan:
    """Every drill of these scenarios, by default of all. Misconfigured for an unknown name.

    Each scenario has defaults. A store without a strategy, and a scenario that lacks what it needs, are excluded, with
    the reason.
    """
    brought = application.by_manifests if application else None
    known_stores = application.stores if application else STORES
    known = scenario.load(resources.scenarios(), known_stores)
    wanted = request.scenarios(names, known) if names else tuple(known.values())
    known_strategies = {
        store: (brought.strategy,) if brought else request.strategies(resources.fixtures(), [store])
        for store in known_stores
    }
    stores = choices.choose_all("store", stores, known_stores)
    strategies = choices.choose_all("strategy", strategies, sorted(set().union(*known_strategies.values())))
    engines = choices.choose_all("engine", engines, tuple(request.ENGINES))
    pinned = versions.load()
    lanes = choices.choose_all("Velero lane", lanes, tuple(pinned.lanes))
    asked = asked or DrillOptions()
    request.require_own_data(application, asked.size)
    request.at_least_once(repeat)
    drilled: list[Options] = []
    left_out: list[Exclusion] = []
    for each in wanted:
        usual = (brought.strategy,) if brought else (each.strategy,)
        parts = (strategies or usual, engines or (None,), lanes or (None,))
        for strategy, engine, lane in itertools.product(*parts):
            exclusion = partial(Exclusion, each.name, strategy, engine or each.engine, lane=lane or pinned.lane)
            wished = stores or [store for store in each.stores if store in known_stores] or known_stores
            fitting = [store for store in wished if strategy in known_strategies[store]]
            without = [store for store in wished if store not in fitting]
            left_out += [exclusion(why=f"{store} has no strategy {strategy}") for store in without]
            if not fitting:
                continue
            try:
                drilled += request.options(
                    (each.name,),
                    loaded=known,
                    stores=fitting,
                    strategy=strategy,
                    engine=engine,
                    velero=lane,
                    application=application,
                    **asked.words,
                )
            except Misconfigured as error:
                left_out.append(exclusion(why=str(error)))
    if not drilled:
        why = "; ".join(sorted({f"{each.scenario}: {each.why}" for each in left_out}))
        raise Misconfigured(f"nothing can be drilled: {why}")
    own = OwnApplication(str(brought.file.resolve()), brought.contents) if brought else None
    return Plan(asked, tuple(_cells(drilled, repeat)), tuple(left_out), own)


def _cells(drilled: Sequence[Options], repeat: int) -> Iterator[Cell]:
    """In an order in which many drills can reuse the cluster of the previous one."""

    def order(options: Options) -> tuple[object, ...]:
        parts = (options.lane, options.strategy, options.engine, *options.stores)
        return parts, _damage(options.scenario), options.scenario.name

    numbers = itertools.count(1)
    for each in sorted(drilled, key=order):
        for turn in range(1, repeat + 1):
            yield Cell(next(numbers), each.scenario.name, each.strategy, each.engine, each.stores, turn, each.lane)


def _damage(each: Scenario) -> int:
    """How little of a cluster the next drill can reuse; small values come first."""
    if each.fault is None:
        return 0
    return 3 if each.plan.new_cluster else 2 if each.expected_findings else 1


def write(folder: Path, planned: Plan) -> None:
    run_directory.write_json(folder / FILE, cast("Json", {"schema": SCHEMA, **asdict(planned)}))


def read(folder: Path) -> Plan:
    """The plan of a matrix that was started. Misconfigured if the folder has no readable plan."""
    try:
        document = run_directory.read_json(folder / FILE)
        if document.get("schema") != SCHEMA:
            raise Misconfigured(
                f"{folder / FILE} has schema {document.get('schema')}, but this drillproof reads {SCHEMA}"
            )
        return Plan(
            DrillOptions(**cast("dict[str, str]", document["asked"])),  # type: ignore[arg-type] # a wrong type is a wrong plan
            tuple(
                Cell(**{**each, "stores": tuple(each["stores"])})  # type: ignore[arg-type] # as above
                for each in cast("Sequence[dict[str, str]]", document["cells"])
            ),
            tuple(Exclusion(**each) for each in cast("Sequence[dict[str, str]]", document["left_out"])),
            OwnApplication(**cast("dict[str, str]", own)) if (own := document.get("own")) else None,  # type: ignore[arg-type] # as above
        )
    except (Unreadable, KeyError, TypeError) as error:
        raise Misconfigured(f"{folder} has no matrix to resume: {error}") from error
