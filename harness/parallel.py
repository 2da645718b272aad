"""Several things at once, in threads: the only place that starts them for a step of a drill."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TypeVar

from harness import shell, wait

T = TypeVar("T")
R = TypeVar("R")

_M_ARENA_MAX = -8  # malloc.h

# glibc gives threads heaps of their own, up to eight for each core, and each keeps what it once held: a drill of
# 1 GB took 270 MB of memory that nothing was in. One heap is enough for threads that mostly wait.
with contextlib.suppress(AttributeError, OSError):  # another C library
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def beside(act: Callable[[], R], others: Iterable[Callable[[], object]]) -> R:
    """Do `act`, and the others beside it; return what came of it once all have ended. Fails as `each` does."""
    first: list[R] = []
    each((lambda: first.append(act()), *others), lambda do: do())
    return first[0]


def each(items: Iterable[T], action: Callable[[T], R], *, together: bool = False) -> list[R]:
    """Do `action` to every item at once; return what came of each, in order.

    All are let finish before a failure is raised; with `together`, where one is worth nothing without
    the others, the first failure ends them all. When this thread is interrupted, they all end too: their
    commands are killed and their waits ended, so that none outlives it.
    """
    todo = list(items)
    with ThreadPoolExecutor(max(1, len(todo))) as pool:
        try:
            futures = [pool.submit(action, item) for item in todo]
            done, _ = wait_for(futures, return_when=FIRST_EXCEPTION if together else ALL_COMPLETED)
            for future in done if together else ():
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with wait.cancelled():
                shell.kill_all()
                pool.shutdown(wait=True)
            raise
        return [future.result() for future in futures]
