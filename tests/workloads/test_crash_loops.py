"""Containers that crash repeatedly are reported once, and end a wait when nothing else is left to wait for."""

import json
from collections.abc import Iterable

import pytest

from harness.core.errors import TimedOut
from harness.core.model import Json
from harness.core.reason import Reason
from harness.workloads import crash_loops
from harness.workloads.crash_loops import CrashWatch


def pod(name: str, *, restarts: int = 0, exit_code: int = 1, ready: bool = False, waits: bool = True) -> Json:
    state: Json = {"waiting": {"reason": "CrashLoopBackOff"}} if restarts and waits else {"running": {}}
    container: Json = {
        "name": "db",
        "image": "db:1",
        "restartCount": restarts,
        "ready": ready,
        "state": state,
        "lastState": {"terminated": {"exitCode": exit_code}} if restarts else {},
    }
    conditions: Json = [{"type": "Ready", "status": "True" if ready else "False"}]
    status: Json = {"phase": "Running", "containerStatuses": [container], "conditions": conditions}
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "status": status}


class Cluster:
    """Answers with one list of pods after the other, the last one forever."""

    def __init__(self, *looks: Iterable[Json]) -> None:
        self.looks = [list(pods) for pods in looks]

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "logs":
            return "cannot open data\ngave up\n"
        pods = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return json.dumps({"kind": "List", "items": pods})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_loops, "LOOK_S", 0.0)


def watch(times: int, *looks: Iterable[Json]) -> list[str]:
    said: list[str] = []
    watch, cluster = CrashWatch(said.append), Cluster(*looks)
    for _ in range(times):
        watch.look(cluster, "shop")
    return said


def test_a_crash_loop_is_reported_once_with_exit_code_image_and_last_lines() -> None:
    (line,) = watch(3, [pod("db-0", restarts=1, exit_code=3), pod("web", ready=True)])
    for part in ("db-0", "db:1", "3", "cannot open data | gave up"):
        assert part in line


def test_a_first_crash_and_a_normal_end_are_no_loop() -> None:
    assert watch(2, [pod("db-0", restarts=1, waits=False)]) == []
    assert watch(2, [pod("db-0", restarts=4, exit_code=0)]) == []


def test_two_more_crashes_without_progress_end_the_wait() -> None:
    web = pod("web", ready=True)
    with pytest.raises(TimedOut) as ended:
        watch(3, *([pod("db-0", restarts=n), web] for n in (1, 2, 3)))
    assert Reason.CrashLooping in ended.value.reasons
    assert [*ended.value.objects] == ["db-0"]


def test_a_wait_goes_on_while_any_pod_makes_progress() -> None:
    crashing = [[pod("web", restarts=n)] for n in (1, 2, 3, 4, 5, 6)]
    starting = pod("db-0")
    # The database still starts; it gets ready at last, and the client may need one more attempt.
    assert watch(6, *([*each, starting] for each in crashing[:5]), [*crashing[5], pod("db-0", ready=True)])
    # A container that runs again without a further crash may still get ready.
    assert watch(9, crashing[0], crashing[1], [pod("web", restarts=2, waits=False)])


def test_what_crashed_and_is_ready_now_is_no_loop() -> None:
    assert watch(5, *([pod("db-0", restarts=n, ready=True, waits=False)] for n in (1, 2, 3, 4))) == []
