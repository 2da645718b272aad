"""A drill that reuses a cluster detects what an earlier drill left different."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from in_memory import MemoryCluster, MemoryLoss, MemoryStore, World, run_in_memory

from harness.checks.cluster_reuse import left_by
from harness.checks.judge import recheck
from harness.core.errors import HarnessError
from harness.core.model import ExpectedFinding, Json, ReusableState, Verdict
from harness.core.ports import Reach, Target
from harness.core.reason import Reason
from harness.evidence.run_directory import Run
from harness.selftest.runner import in_memory_self_test
from harness.workflows.drill import assembly
from harness.workflows.drill.request import Options, options
from harness.workflows.drill.scenario import Scenario, SecondaryFault
from harness.workflows.run_options import parse_hooks

NOT_STORED = ExpectedFinding("backup-complete", Reason.BackupNotStored)
MISSING = ExpectedFinding("data-equal", Reason.PartMissing)


@dataclass(frozen=True)
class Harmless:
    """Does nothing, and says that it did something."""

    name: str = "harmless"
    needs: tuple[str, ...] = ()
    reach: Reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None: ...

    def damage(self, target: Target) -> Mapping[str, str]:
        return {"something": "is said to be broken"}

    def undo(self, target: Target) -> None: ...


class Series:
    """Drills one after the other in one world."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.world = World()
        self.stores = tuple(MemoryStore(name, self.world) for name in ("mysql", "consul"))

    def drill(self, left: ReusableState | None = None, scenario: Scenario | None = None) -> Run:
        return Run(run_in_memory(self.runs, self.world, self.stores, left=left, scenario=scenario).run)


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path)


def verdicts(run: Run) -> tuple[str, list[tuple[str, ...]]]:
    document: dict[str, Json] = json.loads(recheck(run.path).read_text())
    listed = document["findings"]
    assert isinstance(listed, list)
    taken = [each for each in listed if each["check"] == "taken-over"]
    said = [(each["verdict"], each["reason"], *each["objects"]) for each in taken]
    return str(document["verdict"]), said


def test_a_drill_that_seeds_its_stores_takes_nothing_over(series: Series) -> None:
    assert verdicts(series.drill()) == ("pass", [])


def test_a_drill_begins_with_what_the_one_before_left_and_with_no_write(series: Series) -> None:
    first = series.drill()
    second = series.drill(left_by(first))
    assert verdicts(second) == ("pass", [("pass", "AsExpected")])
    assert next(second.attempts("mysql")).n == 1
    assert verdicts(series.drill(left_by(second)))[0] == "pass"


def test_what_was_lost_in_between_is_never_the_measure_of_what_follows(series: Series) -> None:
    left = left_by(series.drill())
    for state in series.world.members["consul"].values():
        state.tables["user"].pop()  # on every member, so that they still agree
    verdict, said = verdicts(series.drill(left))
    assert verdict == "unknown"
    assert said[0][:5] == ("unknown", "ReusedStateDiffers", "consul-0", "consul-1", "consul-2")


def test_an_object_that_was_lost_in_between_is_told(series: Series) -> None:
    left = left_by(series.drill())
    series.world.objects.pop("mysql")
    verdict, said = verdicts(series.drill(left))
    assert verdict == "unknown"
    assert said == [("unknown", "ReusedStateDiffers", "objects of the namespace")]


def test_a_volume_that_became_another_kind_in_between_is_told(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    left, volumes = left_by(series.drill()), MemoryCluster.volumes
    monkeypatch.setattr(
        MemoryCluster, "volumes", lambda *asked: tuple(replace(v, kind="hostPath") for v in volumes(*asked))
    )
    verdict, said = verdicts(series.drill(left))
    assert verdict == "unknown"
    assert said == [("unknown", "ReusedStateDiffers", "kinds of its volumes")]


def test_stores_that_were_made_otherwise_on_purpose_are_not_left(series: Series) -> None:
    odd = Scenario(
        secondary_faults=(SecondaryFault(MemoryLoss(series.world), "seed"),), expected_findings=(NOT_STORED,)
    )
    run = series.drill(scenario=odd)
    assert left_by(run) is None


def test_stores_whose_recovery_was_bad_are_not_left(series: Series) -> None:
    bad = Scenario(MemoryLoss(series.world), expected_findings=(MISSING,))
    assert left_by(series.drill(scenario=bad)) is None


def test_stores_that_were_never_broken_are_left(series: Series) -> None:
    fine = Scenario(secondary_faults=(SecondaryFault(Harmless(), "backup"),), expected_findings=(NOT_STORED,))
    assert left_by(series.drill(scenario=fine)) is not None


def test_stores_whose_digest_was_not_read_are_not_left(series: Series) -> None:
    series.world.members["mysql"]["mysql-0"].corrupt = True
    assert left_by(series.drill()) is None


class Cluster:
    """Notes whether it is taken down."""

    whole = True
    downs = 0

    def is_reusable(self) -> bool:
        return self.whole

    def down(self) -> None:
        self.downs += 1

    def release(self) -> None: ...


class Site(assembly.DrillSession):
    """A site whose cluster is a stand-in, which never runs a drill."""

    def __init__(self, run: Run, *, fresh: bool = False) -> None:
        super().__init__(in_memory_self_test, fresh=fresh)
        self.stand_in = Cluster()
        self.run = run

    def after(self, asked: Options, verdict: Verdict = Verdict.PASS) -> None:
        self._reuse(asked)
        self._keep = asked.keep
        self._cluster = self.stand_in  # type: ignore[assignment] # as much of one as is asked
        self.settle(self.run.path, verdict)


def asked(**how: object) -> Options:
    return options((), **how)[0]  # type: ignore[arg-type] # each test says what it asks for


def test_only_stores_that_are_made_alike_are_taken_over(series: Series) -> None:
    site = Site(series.drill())
    site.after(asked())
    assert site._reuse(asked(strategy="files")) is None
    site.after(asked())
    assert site._reuse(asked()) is not None
    assert site._reuse(asked()) is None  # what is taken is not there twice


def test_stores_keep_their_secrets_and_new_ones_get_new_ones(series: Series) -> None:
    site = Site(series.drill())
    site.after(asked())
    before = site._credentials
    site._reuse(asked())
    assert site._credentials is before
    site._reuse(asked())
    assert site._credentials["mysql"] != before["mysql"]


def test_a_cluster_that_is_not_whole_leaves_nothing(series: Series) -> None:
    site = Site(series.drill())
    site.after(asked())
    site.stand_in.whole = False
    assert site._reuse(asked()) is None


def test_a_drill_with_hooks_takes_nothing_over_and_leaves_nothing(series: Series) -> None:
    hooked = asked(before=["backup=true"])
    assert hooked.hooks == parse_hooks(["backup=true"], [])
    site = Site(series.drill())
    site.after(asked())
    assert site._reuse(hooked) is None
    site.after(hooked)
    assert site._reuse(asked()) is None


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
def test_after_anything_but_pass_the_cluster_is_taken_down(series: Series, verdict: Verdict) -> None:
    site = Site(series.drill())
    site.after(asked(), verdict)
    assert site.stand_in.downs == 1
    assert site._reuse(asked()) is None


def test_after_a_drill_whose_bucket_cannot_be_emptied_the_cluster_is_taken_down(series: Series) -> None:
    def locked() -> None:
        raise HarnessError("the bucket cannot be emptied")

    site = Site(series.drill())
    site._forget = locked
    site.after(asked())
    assert site.stand_in.downs == 1
    assert site._reuse(asked()) is None


def test_with_fresh_every_drill_has_its_own_cluster(series: Series) -> None:
    site = Site(series.drill(), fresh=True)
    site.after(asked())
    assert site.stand_in.downs == 1


def test_a_cluster_that_is_to_be_kept_is_not_taken_down(series: Series) -> None:
    site = Site(series.drill())
    site.after(asked(keep=True), Verdict.FAIL)
    with site:
        pass
    assert site.stand_in.downs == 0
