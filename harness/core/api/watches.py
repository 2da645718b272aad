"""Watches, as alarms for waits: what is true is still read by a request of its own."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Self

from harness.core.api.client import Api, Query
from harness.core.errors import ApiFailed, TimedOut

_AGAIN_S = 0.5
_SERVED_S = 240  # a server ends every watch after some minutes; so it is ours to say when


class Watch:
    """Rings when an object of a list changes. Works only while its watch is open: a wait asks often without.

    A watch that ended, for whatever reason, is begun anew from the present state, so no change is missed for long and
    no version of the list can be too old. One that was forbidden from the first is given up; a server that has just
    started forbids everything. Implements `harness.core.wait.Alarm`.
    """

    def __init__(self, api: Api, path: str, fields: str = "") -> None:
        """`path` is that of the list."""
        self._api, self._path = api, path
        self._query: Query = [
            ("watch", "true"),
            ("timeoutSeconds", str(_SERVED_S)),
            *([("fieldSelector", fields)] if fields else []),
        ]
        self._changed, self._ended, self._open = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"watch {path}")
        self._stop: Callable[[], None] = _nothing

    @property
    def works(self) -> bool:
        return self._open.is_set()

    def rang(self, within_s: float) -> bool:
        if self._changed.wait(within_s):
            self._changed.clear()
            return True
        return False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it ended meanwhile
            self._stop()

    def _follow(self) -> None:
        opened = False
        while not self._ended.is_set():
            try:
                with self._api.stream(self._path, self._query, idle_s=_SERVED_S + 10) as (parts, self._stop):
                    opened = True
                    self._note(parts)
            except ApiFailed as error:
                if error.status in {401, 403, 404, 405} and not opened:
                    return
            except TimedOut:
                pass
            finally:
                self._open.clear()
                self._changed.set()
            self._ended.wait(_AGAIN_S)

    def _note(self, parts: Iterator[bytes]) -> None:
        self._open.set()
        for _ in parts:
            self._changed.set()
            if self._ended.is_set():
                return


def _nothing() -> None:
    """Nothing to stop yet."""
