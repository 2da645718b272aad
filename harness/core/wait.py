"""The only place that waits: a deadline, and the last thing seen when it passes."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from harness.core.errors import Interrupted, TimedOut, ToolFailed
from harness.core.reason import Reason, by_precedence

T = TypeVar("T")
_cancel = threading.Event()
_look: Callable[[], None] | None = None
AT_LEAST_S = 2.0  # so often a probe is asked although nothing is known to have changed
_AT_MOST_S = 0.1  # so long it is not asked again, however much changes
_SLICE_S = 0.2
LOOK_S = 10.0  # a wait is looked at from outside when it has lasted so long, and then as often: see `watched`
_under_way: dict[int, TimedOut] = {}  # by thread


class Alarm(Protocol):
    """Knows when something changed that a probe looks at."""

    @property
    def works(self) -> bool:
        """Whether it would know."""

    def rang(self, within_s: float) -> bool:
        """Whether something changed since the last such question, or does within so many seconds."""


class NotYet(Exception):
    """What a probe raises until the awaited thing is true; the text is what it saw instead."""

    def __init__(self, text: str, reasons: Sequence[Reason] = (), objects: Sequence[str] = ()) -> None:
        """`reasons` and `objects` say what was seen for machines, where it may become a finding."""
        super().__init__(text)
        self.reasons = tuple(reasons)
        self.objects = tuple(objects)


def until(
    probe: Callable[[], T],
    *,
    waited_for: str,
    within_s: float,
    every_s: float = 0.5,
    reason: Reason | None = None,
    alarm: Alarm | None = None,
) -> T:
    """Call `probe` until it returns, and return what it returned. `reason` is that of its failure.

    A probe that raises NotYet or ToolFailed is asked again every `every_s` seconds. Past `within_s` seconds: TimedOut,
    with the last such text; it was asked once after them, since we may have been stopped meanwhile (SIGSTOP). Any
    other exception goes through. An `alarm` that works says when to ask again; it is never believed more than that.
    """
    started = time.monotonic()
    deadline = started + within_s
    try:
        while True:
            asked = time.monotonic()
            try:
                return probe()
            except (NotYet, ToolFailed) as seen:
                reasons, objects = (seen.reasons, seen.objects) if isinstance(seen, NotYet) else ((), ())
                reasons = by_precedence(filter(None, (reason, *reasons)))
                _under_way[threading.get_ident()] = late = TimedOut(waited_for, within_s, str(seen), reasons, objects)
                if asked >= deadline:
                    raise late from seen
                if _rest(every_s, deadline, alarm):
                    raise Interrupted(f"stopped while waiting for {waited_for}") from seen
                if _look and time.monotonic() - started > LOOK_S:
                    _look()
    finally:
        _under_way.pop(threading.get_ident(), None)


def _rest(every_s: float, deadline: float, alarm: Alarm | None) -> bool:
    """Wait before a probe is asked again; True if the wait must end."""
    if alarm is None or not alarm.works:
        return _cancel.wait(max(0, min(every_s, deadline - time.monotonic())))
    until_s = min(time.monotonic() + AT_LEAST_S, deadline)
    if _cancel.wait(max(0, min(_AT_MOST_S, deadline - time.monotonic()))):
        return True
    while time.monotonic() < until_s and alarm.works and not _cancel.is_set():
        if alarm.rang(min(_SLICE_S, max(0, until_s - time.monotonic()))):
            break
    return _cancel.is_set()


def pending() -> tuple[TimedOut, ...]:
    """The waits that are under way in any thread, as they would fail now."""
    return tuple(_under_way.copy().values())


@contextlib.contextmanager
def watched(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` during every wait of more than a moment, in any thread; what it raises ends the wait."""
    global _look  # noqa: PLW0603 # a process makes one run at a time
    outer, _look = _look, look
    try:
        yield
    finally:
        _look = outer


def is_cancelled() -> bool:
    """Whether whatever waits must end now."""
    return _cancel.is_set()


@contextlib.contextmanager
def cancelled() -> Iterator[None]:
    """End every wait that is under way in any thread with Interrupted, for as long as the block lasts."""
    _cancel.set()
    try:
        yield
    finally:
        _cancel.clear()
