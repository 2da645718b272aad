"""Runs several actions at once, in threads: the only place that starts threads for a step of a drill."""

import contextlib
import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from functools import partial
from typing import TypeVar

from harness.core import process, wait
from harness.core.errors import TimedOut
from harness.core.reason import by_precedence

T = TypeVar("T")
R = TypeVar("R")

_M_ARENA_MAX = -8  # malloc.h

# glibc gives threads heaps of their own, up to eight for each core, and each keeps what it once held: a drill of
# 1 GB took 270 MB of memory that nothing was in. One heap is enough for threads that mostly wait.
with contextlib.suppress(AttributeError, OSError):  # another C library
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def alongside(act: Callable[[], R], others: Iterable[Callable[[], object]]) -> R:
    """Run `act` and the others at the same time; return its result when all have ended. Fails as `for_each` does."""
    first: list[R] = []
    for_each((lambda: first.append(act()), *others), lambda do: do())
    return first[0]


def for_each(items: Iterable[T], action: Callable[[T], R]) -> list[R]:
    """Run `action` on every item at once; return the results, in order.

    All finish before a failure is raised. When this thread is interrupted, they all end: their commands are killed and
    their waits ended.
    """
    with _started([partial(action, item) for item in items]) as futures:
        wait_for(futures)
    return [future.result() for future in futures]


def all_or_none(steps: Mapping[str, Callable[[], object]], *, within_s: float) -> None:
    """Run all of these named steps at once, where one is useless without the others.

    The first failure ends them all, and so do `within_s` seconds: TimedOut says which had not ended, and what they
    were waiting for.
    """
    with _started(tuple(steps.values())) as futures:
        done, late = wait_for(futures, timeout=within_s, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        if late:
            names = ", ".join(name for name, future in zip(steps, futures, strict=True) if future in late)
            waits = wait.pending()
            seen = "; ".join(f"{each.waited_for}: {each.last_seen}" for each in waits)
            reasons = by_precedence(reason for each in waits for reason in each.reasons)
            raise TimedOut(names, within_s, seen or "nothing", reasons, [one for each in waits for one in each.objects])


@contextlib.contextmanager
def _started(actions: Sequence[Callable[[], R]]) -> Iterator[list[Future[R]]]:
    """Start every action in its own thread. A failure of the block ends them all."""
    with ThreadPoolExecutor(max(1, len(actions))) as pool:
        try:
            yield [pool.submit(act) for act in actions]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with wait.cancelled():
                process.kill_all()
                pool.shutdown(wait=True)
            raise
