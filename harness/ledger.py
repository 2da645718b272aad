"""The ledger: a record, outside the cluster, of every write that a client was told had succeeded.

One writer a store, one write at a time. Each attempt is in the file before it is sent, each answer
before the next attempt: so the file says of every write whether it was acknowledged, refused, or
never answered, and a prefix of the file is what a store restored to a moment must hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.clock import Clock
from harness.errors import HarnessError, Unreadable
from harness.journal import json_lines
from harness.model import Operation, Row
from harness.ports import Refused, Unanswered, Writer

ACKNOWLEDGED, REFUSED, UNANSWERED = "ok", "refused", "unanswered"

RETRY_S = 2.0
"""Between two attempts while a store does not answer: to connect costs a process, and the machine has better to do."""


class Workload:
    """Endless operations for one store, the same for the same seed: mostly puts, some updates and deletes.

    A key whose last write was never answered is left alone from then on: what it holds is not known,
    so nothing could be said of later writes to it.
    """

    def __init__(self, seed: int, store: str) -> None:
        """Operations count from 1."""
        self._random = random.Random(f"{seed}/{store}")
        self._live: list[str] = []
        self._n = 0

    def put(self) -> Operation:
        """The next operation, a put."""
        self._n += 1
        return Operation(self._n, "put", f"k{self._n:09d}", self._value())

    def next(self) -> Operation:
        """The next operation, of any kind."""
        choice = self._random.random()
        if choice < 0.7 or len(self._live) < 10:  # noqa: PLR2004 # a floor, so that there is something to update
            return self.put()
        self._n += 1
        place = self._random.randrange(len(self._live))
        self._live[place], self._live[-1] = self._live[-1], self._live[place]
        key = self._live.pop()
        if choice < 0.87:  # noqa: PLR2004 # 70 % puts, 17 % updates, 13 % deletes
            return Operation(self._n, "update", key, self._value())
        return Operation(self._n, "delete", key, "")

    def _value(self) -> str:
        return f"{self._n}-{self._random.getrandbits(96):024x}"

    def answered(self, operation: Operation, answer: str) -> None:
        """Tell what became of the operation given last."""
        there = operation.verb in ("put", "update") if answer == ACKNOWLEDGED else operation.verb != "put"
        if there and answer != UNANSWERED:
            self._live.append(operation.key)


@dataclass(frozen=True)
class Attempt:
    """One write with what became of it. `answered_s` is None for a write that never got an answer."""

    operation: Operation
    attempted_s: float
    answer: str
    answered_s: float | None


class LedgerWriter:
    """Writes to one store in a thread of its own until stopped, and records it all in one file."""

    def __init__(
        self, store: str, path: Path, seed: int, clock: Clock, connect: Callable[[], Writer], *, per_s: float
    ) -> None:
        """`connect` opens a connection to the service; at most `per_s` writes a second."""
        self.store = store
        self.path = path
        self.attempted = 0
        self.acknowledged = 0
        self.last_acknowledged_s: float | None = None
        self.failure: Exception | None = None
        self._workload = Workload(seed, store)
        self._clock = clock
        self._connect = connect
        self._interval_s = 1 / per_s
        self._stop = threading.Event()
        self._file: IO[str] = path.open("x", encoding="utf-8")
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._run, name=f"ledger-{store}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End after the write under way; may be called twice. A failure of the writer itself is raised here."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)
            if self._thread.is_alive():
                raise HarnessError(f"the ledger's writer of {self.store} does not stop; it waits for its store")
        self._disconnect()
        if self.failure is not None:
            raise HarnessError(f"the ledger's writer of {self.store} broke: {self.failure}") from self.failure

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def write_one(self) -> Operation:
        """One more write in the caller's thread, after `stop`: a put. Raises what the store's writer raises."""
        operation = self._workload.put()
        answer = self._attempt(operation)
        if answer != ACKNOWLEDGED:
            raise Unanswered(f"{self.store}: the new write {operation.n} was {answer}")
        return operation

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                operation = self._workload.next()
                answer = self._attempt(operation)
                self._stop.wait(self._interval_s if answer == ACKNOWLEDGED else max(self._interval_s, RETRY_S))
        except Exception as error:  # noqa: BLE001 # a thread's failure is kept, and raised by stop()
            self.failure = error

    def _attempt(self, operation: Operation) -> str:
        self.attempted += 1
        self._record(
            {
                "n": operation.n,
                "verb": operation.verb,
                "key": operation.key,
                "value": operation.value,
                "at_s": self._clock.now_s(),
            }
        )
        sent = False
        try:
            if self._writer is None:
                self._writer = self._connect()
            sent = True
            self._writer.apply(operation)
            answer, why = ACKNOWLEDGED, ""
        except Refused as refused:
            answer, why = REFUSED, str(refused)
        except (Unanswered, HarnessError) as unanswered:
            # Without a connection nothing was sent, so nothing can have been committed.
            answer, why = (UNANSWERED if sent else REFUSED), str(unanswered)
            self._disconnect()
        now_s = self._clock.now_s()
        line: dict[str, object] = {"n": operation.n, "answer": answer, "at_s": now_s}
        if why:
            line["why"] = why[:200]
        self._record(line)
        if answer == ACKNOWLEDGED:
            self.acknowledged += 1
            self.last_acknowledged_s = now_s
        self._workload.answered(operation, answer)
        return answer

    def _record(self, line: dict[str, object]) -> None:
        # Flushed to the operating system before the write goes on: a killed harness loses no line.
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()

    def _disconnect(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(HarnessError, Unanswered, Refused):
                self._writer.close()
            self._writer = None


def read_attempts(path: Path) -> Iterator[Attempt]:
    """Every attempt of a ledger file with its answer, in order. Unreadable names the file and the line.

    An attempt without an answer is allowed at the very end only (the harness was killed there).
    """
    pending: tuple[Operation, float] | None = None
    for number, line in json_lines(path):
        match line:
            case {
                "n": int(n),
                "verb": str(verb),
                "key": str(key),
                "value": str(value),
                "at_s": int() | float() as at_s,
            }:
                if pending is not None:
                    raise Unreadable(path, number, f"write {pending[0].n} has no answer; a line was taken out")
                pending = Operation(n, verb, key, value), float(at_s)
            case {"n": int(n), "answer": str(answer), "at_s": int() | float() as at_s}:
                if pending is None or pending[0].n != n or answer not in (ACKNOWLEDGED, REFUSED, UNANSWERED):
                    raise Unreadable(path, number, f"answers write {n}, which was not asked just before")
                yield Attempt(pending[0], pending[1], answer, None if answer == UNANSWERED else float(at_s))
                pending = None
            case _:
                raise Unreadable(path, number, "is neither a write nor an answer")
    if pending is not None:
        yield Attempt(pending[0], pending[1], UNANSWERED, None)


def write_rows(path: Path, rows: Iterator[Row]) -> int:
    """Write the rows that one member showed to a file, in a stream; return how many they were."""
    count = 0
    with path.open("x", encoding="utf-8") as file:
        for row in rows:
            count += 1
            line = {"n": row.n, "key": row.key, "value": row.value}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def read_rows(path: Path) -> Iterator[Row]:
    """The rows that one member showed. Unreadable names the file and the line."""
    for number, line in json_lines(path):
        match line:
            case {"n": int(n), "key": str(key), "value": str(value)}:
                yield Row(n, key, value)
            case _:
                raise Unreadable(path, number, "is not a row of the ledger")


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, noted in the journal so that a later edit of the file shows."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
