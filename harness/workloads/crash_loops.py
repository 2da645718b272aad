"""Containers that crash repeatedly: which, how often, and what they printed last."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.core import wait
from harness.core.errors import HarnessError, TimedOut
from harness.core.json import at, integer, items, text
from harness.core.kubernetes import Object, RunsKubectl, condition, name_of, objects
from harness.core.reason import Reason, by_precedence

LOOK_S = 5.0
ENOUGH = 2  # crashes of a container since any pod made progress, after which another attempt will not help
_LINES = 5


@dataclass(frozen=True)
class CrashLoop:
    """A container that ended with an error, was started again, and is not ready."""

    pod: str
    container: str
    image: str
    exit_code: str
    restarts: int
    waits: bool  # the kubelet waits before it starts the container again: it crashed at least twice

    def __str__(self) -> str:
        return (
            f"container {self.container} of pod {self.pod} keeps crashing: exit code {self.exit_code}, "
            f"started again {self.restarts} times, image {self.image}"
        )


def crash_loops(pods: Sequence[Object]) -> tuple[CrashLoop, ...]:
    """The containers of these pods that crashed, were started again and are not ready."""
    found = []
    for pod in pods:
        for each in (*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")):
            end = at(each, "state", "terminated") or at(each, "lastState", "terminated")
            restarts, exit_code = integer(each, "restartCount"), text(end, "exitCode")
            if restarts and exit_code not in {"", "0"} and at(each, "ready") is not True:
                who = (name_of(pod), text(each, "name"), text(each, "image"), exit_code, restarts)
                found.append(CrashLoop(*who, text(each, "state", "waiting", "reason") == "CrashLoopBackOff"))
    return tuple(found)


class CrashWatch:
    """Reports each crash loop once, and ends a wait for pods when nothing but crash loops is left to wait for."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """`report` gets one line, with the last lines that the container printed."""
        self._report = report
        self._reported: set[tuple[str, str]] = set()
        self._progress: object = None  # which pods are Ready, and which crash
        self._restarts: Mapping[tuple[str, str], int] = {}  # by pod and container, at the last progress
        self._since_s = self._looked_s = 0.0

    def look(self, kubectl: RunsKubectl, namespace: str) -> None:
        """Looks every `LOOK_S` seconds at most. TimedOut if all pods that are not Ready crash again and again."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        try:
            found = objects(kubectl, "pods", "-n", namespace)
        except HarnessError:  # what it means that the API server does not answer is judged elsewhere
            return
        pods = [pod for pod in found if text(pod, "status", "phase") != "Succeeded"]
        loops = crash_loops(pods)
        self._report_new(loops, kubectl, namespace)
        restarts = {(loop.pod, loop.container): loop.restarts for loop in loops}
        ready = {name_of(pod) for pod in pods if condition(pod, "Ready") == "True"}
        crashing = {loop.pod for loop in loops} - ready
        starting = {name_of(pod) for pod in pods} - ready - crashing
        if starting or not crashing or self._progress != (ready, crashing):
            self._progress, self._restarts, self._since_s = (ready, crashing), restarts, now_s
        elif all(count >= self._restarts.get(who, count) + ENOUGH for who, count in restarts.items()):
            reasons = [Reason.CrashLooping, *(reason for each in wait.pending() for reason in each.reasons)]
            seen = "; ".join(map(str, loops))
            what = "pods that keep crashing"
            raise TimedOut(what, now_s - self._since_s, seen, by_precedence(reasons), sorted(crashing))

    def _report_new(self, loops: Sequence[CrashLoop], kubectl: RunsKubectl, namespace: str) -> None:
        for loop in loops:
            who = (loop.pod, loop.container)
            if loop.waits and who not in self._reported:
                self._reported.add(who)
                self._report(f"{loop}; it printed: {_printed(kubectl, namespace, loop)}")


def _printed(kubectl: RunsKubectl, namespace: str, loop: CrashLoop) -> str:
    asked = ("logs", loop.pod, "-c", loop.container, "-n", namespace, f"--tail={_LINES}")
    for previous in ((), ("--previous",)):  # while it waits, "previous" is the crash before the last one
        try:
            if said := kubectl(*asked, *previous).strip():
                return " | ".join(said.splitlines())
        except HarnessError:
            continue
    return "nothing"
