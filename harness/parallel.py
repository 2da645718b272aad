"""Several things at once, in threads: the only place that starts them for a step of a drill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from harness import shell, wait

T = TypeVar("T")
R = TypeVar("R")


def each(items: Iterable[T], action: Callable[[T], R]) -> list[R]:
    """Do `action` to every item at once; return what came of each, in order.

    All are let finish before the first failure (in the order of the items) is raised. When this
    thread is interrupted, the others' commands are killed and their waits ended, so that none outlives it.
    """
    todo = list(items)
    with ThreadPoolExecutor(max(1, len(todo))) as pool:
        try:
            futures = [pool.submit(action, item) for item in todo]
            for future in futures:
                future.exception()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with wait.cancelled():
                shell.kill_all()
                pool.shutdown(wait=True)
            raise
        return [future.result() for future in futures]
