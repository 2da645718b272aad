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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from harness.core.clock import Clock
from harness.core.errors import HarnessError, Unreadable
from harness.core.model import Json, Operation, Row
from harness.core.ports import Refused, Unanswered, Writer
from harness.core.reason import Reason
from harness.evidence.journal import json_lines, plain

VERBS = ("put", "update", "delete")
ANSWERS = ACKNOWLEDGED, REFUSED, UNANSWERED = "ok", "refused", "unanswered"

STOP_S = 60.0  # the longest that a write under way may take
WHY_CHARACTERS = 200  # of the reason why a write was not acknowledged
RETRY_S = 2.0  # between two attempts while a store does not answer: each connection costs a process


class Workload:
    """Endless operations for one store, the same for the same seed: mostly puts, some updates and deletes.

    A key whose last write was never answered is left alone from then on: what it holds is not known,
    so nothing could be said of later writes to it.
    """

    def __init__(self, seed: int, store: str, after_n: int = 0) -> None:
        """Operations count from after_n + 1."""
        self._random = random.Random(f"{seed}/{store}")
        self._live: list[str] = []
        self._n = after_n

    def put(self) -> Operation:
        self._n += 1
        return Operation(self._n, "put", f"k{self._n:09d}", self._value())

    def next(self) -> Operation:
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


class Attempt(NamedTuple):  # as there may be half a million, and a dataclass takes thrice as long to make
    """One write (see `harness.core.model.Operation`) with what became of it."""

    n: int
    verb: str
    key: str
    value: str
    tick: int  # of `harness.evidence.ledger`, at which it was sent
    attempted_s: float
    answer: str
    answered_s: float | None  # None for a write that never got an answer


class LedgerWriter:
    """Writes to one store in a thread of its own until stopped, and records it all in one file."""

    def __init__(
        self,
        store: str,
        path: Path,
        seed: int,
        clock: Clock,
        connect: Callable[[], Writer],
        *,
        ticker: Ticker,
        after_n: int = 0,
    ) -> None:
        """`connect` opens a connection to the service; all writers of a drill share `ticker`. Begins at after_n + 1."""
        self.store = store
        self.path = path
        self.attempted = 0
        self.acknowledged = 0
        self.last_acknowledged_s: float | None = None
        self.failure: Exception | None = None
        self._workload = Workload(seed, store, after_n)
        self._clock = clock
        self._connect = connect
        self._ticker = ticker
        self._stop = threading.Event()
        self._file: IO[str] = path.open("x", encoding="utf-8")
        self._written = hashlib.sha256()
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._run, name=f"ledger-{store}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the write under way; may be called twice. A failure of the writer itself is raised here."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                raise HarnessError(f"the ledger's writer of {self.store} does not stop; it waits for its store")
        self._disconnect()
        if self.failure is not None:
            raise HarnessError(f"the ledger's writer of {self.store} broke: {self.failure}") from self.failure

    def close(self) -> None:
        self._file.close()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that was written, whatever the file holds by now."""
        return self._written.hexdigest()

    def follow(self, connect: Callable[[], Writer]) -> None:
        """After `stop`: the service is elsewhere now, and is reached by `connect`."""
        self._disconnect()
        self._connect = connect

    def write_one(self) -> Operation:
        """One more write in the caller's thread, after `stop`: a put. Raises what the store's writer raises."""
        operation = self._workload.put()
        answer = self._attempt(operation, self._ticker.now())
        if answer != ACKNOWLEDGED:
            raise Unanswered(f"{self.store}: the new write {operation.n} was {answer}")
        return operation

    def _run(self) -> None:
        try:
            tick = self._ticker.now()
            while not self._stop.is_set():
                if self._attempt(self._workload.next(), tick) != ACKNOWLEDGED:
                    self._stop.wait(RETRY_S)
                tick = self._ticker.after(tick, self._stop)
        except Exception as error:  # noqa: BLE001 # a thread's failure is kept, and raised by stop()
            self.failure = error

    def _attempt(self, operation: Operation, tick: int) -> str:
        self.attempted += 1
        self._record({**vars(operation), "tick": tick, "at_s": self._clock.now_s()})
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
            line["why"] = why[:WHY_CHARACTERS]
        self._record(line)
        if answer == ACKNOWLEDGED:
            self.acknowledged += 1
            self.last_acknowledged_s = now_s
        self._workload.answered(operation, answer)
        return answer

    def _record(self, line: dict[str, object]) -> None:
        # Flushed to the operating system before the write goes on: a killed harness loses no line.
        text = _line(line)
        self._written.update(text.encode())
        self._file.write(text)
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
    asked: _Write | None = None
    n, tick, now_s = 0, 0, 0.0
    for number, line in json_lines(path):
        at_s = line.get("at_s")
        if not isinstance(at_s, (int, float)):
            raise Unreadable(path, "is neither a write nor an answer", line=number)
        if at_s < now_s:
            raise Unreadable(path, "goes back in time; lines were edited or moved", Reason.EvidenceAltered, line=number)
        now_s = float(at_s)
        if "answer" in line:
            answer = str(line["answer"])
            if asked is None or line.get("n") != n or answer not in ANSWERS:
                why = f"answers write {line.get('n')}, which was not asked just before"
                raise Unreadable(path, why, Reason.EvidenceAltered, line=number)
            yield Attempt(*asked, answer, None if answer == UNANSWERED else now_s)
            asked = None
            continue
        if asked is not None:
            raise Unreadable(
                path, f"write {n} has no answer; a line was taken out", Reason.EvidenceAltered, line=number
            )
        asked = _write(line, now_s)
        if asked is None:
            raise Unreadable(path, "is neither a write nor an answer", line=number)
        if asked[0] != n + 1 or asked[4] < tick:
            what = f"write {asked[0]} of tick {asked[4]} follows write {n} of tick {tick}"
            raise Unreadable(path, f"{what}; lines were lost or moved", Reason.EvidenceAltered, line=number)
        n, tick = asked[0], asked[4]
    if asked is not None:
        yield Attempt(*asked, UNANSWERED, None)


_Write = tuple[int, str, str, str, int, float]
"""The first fields of an `Attempt`, up to when it was sent."""


def _write(line: Mapping[str, Json], at_s: float) -> _Write | None:
    # Not by `match`: there are a million lines, and it takes ten times as long.
    n, verb, key, value, tick = line.get("n"), line.get("verb"), line.get("key"), line.get("value"), line.get("tick")
    if not isinstance(n, int) or not isinstance(key, str) or not isinstance(value, str) or not isinstance(tick, int):
        return None
    return (n, str(verb), key, value, tick, at_s) if verb in VERBS else None


def write_rows(path: Path, rows: Iterator[Row]) -> int:
    """Write the rows that one member showed to a file, in a stream; return how many they were."""
    count = 0
    with path.open("x", encoding="utf-8") as file:
        for row in rows:
            count += 1
            file.write(_line(vars(row)))
    return count


def _line(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_rows(path: Path) -> Iterator[Row]:
    """The rows that one member showed. Unreadable names the file and the line."""
    for number, line in json_lines(path):
        n, key, value = line.get("n"), line.get("key"), line.get("value")
        if not isinstance(n, int) or not isinstance(key, str) or not isinstance(value, str):
            raise Unreadable(path, "is not a row of the ledger", line=number)
        yield Row(n, key, value)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, noted in the journal so that a later edit of the file shows. Unreadable for a pipe."""
    with plain(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Ticker:
    """Has no changing state: a slow writer misses ticks, and delays no other writer."""

    def __init__(self, clock: Clock, per_s: float, first: int = 1) -> None:
        """`per_s` ticks a second, on the drill's own clock; the first one is due now."""
        self._clock = clock
        self._per_s = per_s
        self._first = first
        self._start_s = clock.now_s()

    def now(self) -> int:
        """The tick that fell due last."""
        return self._first + int((self._clock.now_s() - self._start_s) * self._per_s)

    def after(self, tick: int, stop: threading.Event) -> int:
        """Wait until a tick after `tick` is due, or until `stop`; return the tick that fell due last."""
        due_s = self._start_s + (tick + 1 - self._first) / self._per_s
        stop.wait(max(0.0, due_s - self._clock.now_s()))
        return max(self.now(), tick + 1)
