"""What a plan leaves standing, and what it removes: in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from in_memory import World
from memory import Memory

from harness.core import timeouts
from harness.core.errors import TimedOut
from harness.core.kubernetes import delete_claims
from harness.core.model import ExpectedFinding, Plan
from harness.core.ports import Reach, Target
from harness.core.reason import Reason
from harness.workflows.drill.scenario import Scenario, SecondaryFault
from harness.workloads.deployment import Deployment


@dataclass(frozen=True)
class Break:
    """Nothing answers any more; what is gone is `what`."""

    world: World
    what: str
    name: str = "break"
    needs: tuple[str, ...] = ()
    reach: Reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        self.world.alive = False

    def damage(self, target: Target) -> Mapping[str, str]:
        return {self.what: "gone"}

    def undo(self, target: Target) -> None:
        """Nothing to take away."""


def of_receipts(document: Mapping[str, object]) -> tuple[str, ...]:
    """The verdict, the reason and the objects of the first finding on volumes."""
    listed = document["findings"]
    assert isinstance(listed, list)
    first = next(each for each in listed if each["check"] == "answers-from-restored")
    return (first["verdict"], first["reason"], *first["objects"])


def same_volumes(world: World) -> None:
    world.generation -= 1


def stays(world: World) -> Scenario:
    return Scenario(Break(world, "statefulsets"), plan=Plan(volumes_stay=True))


def test_volumes_that_were_to_stay_are_what_they_were(memory: Memory) -> None:
    told = memory.drill(same_volumes, scenario=stays)
    assert told["verdict"] == "pass", told["findings"]
    assert of_receipts(told) == ("pass", "AsExpected")


def test_a_volume_that_was_to_stay_and_is_another_is_a_failure(memory: Memory) -> None:
    told = memory.drill(scenario=stays)
    assert told["verdict"] == "fail"
    assert of_receipts(told)[:3] == ("fail", "VolumeReplaced", "claim data-consul-0")


def test_the_claims_of_lost_volumes_and_no_others_are_discarded(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    worlds: list[World] = []

    def mended(_: Deployment, lost: set[str]) -> None:
        seen.append(set(lost))
        worlds[0].alive = True

    def scenario(world: World) -> Scenario:
        worlds.append(world)
        return Scenario(Break(world, "volume data-mysql-0"), plan=Plan(restore=False, recreate_lost_pvcs=True))

    monkeypatch.setattr(Deployment, "discard", mended)
    told = memory.drill(scenario=scenario)
    assert seen == [{"data-mysql-0"}]
    assert of_receipts(told) == ("unknown", "NothingLost", "claim data-mysql-0")


@dataclass
class Claims:
    """Claims by name with the pods that hold them. A claim goes once nobody holds it; a `stubborn` one never does."""

    pods: dict[str, str]  # by pod: its claim
    claims: set[str] = field(default_factory=lambda: {"data-a", "data-b"})
    going: set[str] = field(default_factory=set)
    did: list[tuple[str, ...]] = field(default_factory=list)
    stubborn: bool = False

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "delete":
            named = {name for name in (*self.pods, *self.claims) if name in args}
            self.did.append((args[1], *sorted(named)))
            if args[1] == "pvc":
                self.going = named
            else:
                self.pods = {pod: claim for pod, claim in self.pods.items() if pod not in named}
            if not self.stubborn:
                self.claims -= {claim for claim in self.going if claim not in self.pods.values()}
            return ""
        found = (
            [_pod(*pair) for pair in self.pods.items()] if args[1] == "pods" else [*map(_claim, sorted(self.claims))]
        )
        return json.dumps({"items": found})


def _claim(name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "uid": f"uid of {name}"}}


def _pod(name: str, claim: str) -> dict[str, object]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}, {"name": "tmp", "emptyDir": {}}]
    return {"metadata": {"name": name}, "spec": {"volumes": volumes}}


def test_a_claim_is_discarded_with_the_pods_that_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.core.kubernetes.until", _twice)
    kubectl = Claims({"a": "data-a", "b": "data-b"})
    delete_claims(kubectl, "custos", ("data-a",))
    assert kubectl.did == [("pvc", "data-a"), ("pods", "a")]
    assert kubectl.claims == {"data-b"}


def _twice(probe: object, **_: object) -> None:
    assert callable(probe)
    with pytest.raises(Exception, match="data-a"):
        probe()
    probe()


def test_a_claim_that_stays_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)
    with pytest.raises(TimedOut, match="data-a"):
        delete_claims(Claims({"a": "data-a"}, stubborn=True), "custos", ("data-a",))


def test_claims_that_are_not_there_are_not_waited_for() -> None:
    kubectl = Claims({})
    delete_claims(kubectl, "custos", ("data-c",))
    assert kubectl.did == []


def test_what_is_so_from_the_beginning_is_taken_away_when_the_drill_is_over(memory: Memory) -> None:
    @dataclass(frozen=True)
    class Always(Break):
        def inject(self, target: Target) -> None:
            self.world.phase = "PartiallyFailed"

        def undo(self, target: Target) -> None:
            self.world.phase = "Completed"

    def scenario(world: World) -> Scenario:
        return Scenario(
            secondary_faults=(SecondaryFault(Always(world, "phase"), "seed"),),
            expected_findings=(ExpectedFinding("backup-complete", Reason.BackupPartiallyFailed),),
        )

    assert memory.drill(scenario=scenario)["verdict"] == "pass"
    events = [json.loads(line) for line in (memory.path / "journal.jsonl").read_text().splitlines()]
    phases = [(event["kind"], event["data"].get("phase"), event["data"].get("step")) for event in events]
    assert phases.index(("fault", "injected", "seed")) < phases.index(("step", "start", "backup"))
    assert phases.index(("fault", "undone", "write")) > phases.index(("step", "end", "write"))


def test_a_plan_is_recorded_under_the_names_that_older_runs_have() -> None:
    plan = Plan(delete_namespace_first=True, recreate_lost_pvcs=True, retry_restore=True)
    assert {name for name, value in plan.recorded.items() if value is True and name != "restore"} == {
        "make_way",
        "discard_lost",
        "again",
    }
    assert Plan.from_record(**plan.recorded) == plan
    assert Plan.from_record(restore=False, mend=True) == Plan(restore=False, repair_stores=True)
    with pytest.raises(TypeError):
        Plan.from_record(unheard_of=True)
