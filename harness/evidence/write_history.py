"""A store's ledger in columns, and what one member shows of it, in terms of the ledger.

There may be a million lines, so nothing here is an object a write: one costs some hundred bytes with its texts.
A key is known by its *place*, the order in which keys first appear; what a key holds is the number of a write.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import compress, count
from math import inf, nan

from harness.core.model import Row
from harness.evidence.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt

NOTHING, FOREIGN = 0, -1
"""What a key may hold instead of the number of a write: nothing, or what no write of ours gave it."""


class History:
    """All writes to one store. Write n, counted from 1, stands at n - 1 in each column."""

    def __init__(self, attempts: Iterable[Attempt], restore_s: float = inf) -> None:
        """Writes sent at `restore_s` (T4) or later came after the restore; what was restored knows nothing of them."""
        self.before = 0  # how many writes came before the restore
        self.places: dict[str, int] = {}
        self.written = bytearray()  # by place: 1 if a write of before the restore may have put something there
        self.place = array("q")  # of its key
        self.leaves = array("q")  # what its key holds after it: n, or nothing if it is a delete or was refused
        self.tick = array("q")
        self.attempted_s = array("d")
        self.answered_s = array("d")  # NaN where no answer came
        self.acknowledged = bytearray()  # 1 or 0
        self.unanswered: list[int] = []  # their numbers
        self._text = bytearray()  # all values, one after another
        self._end = array("q", [0])  # of write n's at n
        for n, verb, key, value, tick, attempted_s, answer, answered_s in attempts:
            place = self.places.setdefault(key, len(self.places))
            if place == len(self.written):
                self.written.append(0)
            leaves = NOTHING if verb == "delete" or answer == REFUSED else n
            if attempted_s < restore_s:
                self.before = n
                self.written[place] |= leaves != NOTHING
            self.place.append(place)
            self.leaves.append(leaves)
            self.tick.append(tick)
            self.attempted_s.append(attempted_s)
            self.answered_s.append(nan if answered_s is None else answered_s)
            self.acknowledged.append(answer == ACKNOWLEDGED)
            if answer == UNANSWERED:
                self.unanswered.append(n)
            self._text += value.encode()
            self._end.append(len(self._text))
        self._replayed: dict[int, array[int]] = {}

    def value(self, n: int) -> str:
        return self._text[self._end[n - 1] : self._end[n]].decode()

    def gave(self, n: int, place: int, value: str) -> bool:
        """Whether write n may have put this value into this key: it was sent, and not refused."""
        if not 0 < n <= len(self.place) or self.leaves[n - 1] == NOTHING:
            return False
        return self.place[n - 1] == place and self.value(n) == value

    def committed(self, after: int, to: int) -> Iterator[int]:
        """The acknowledged writes after one (0: the first ones, too) up to another, by their numbers."""
        return compress(count(after + 1), self.acknowledged[after:to])

    def replay(self, point: int) -> array[int]:
        """What every key holds after the acknowledged writes up to `point`, by place."""
        if point not in self._replayed:
            holds = array("q", bytes(8 * len(self.places)))
            for n in self.committed(0, point):
                holds[self.place[n - 1]] = self.leaves[n - 1]
            self._replayed = {point: holds}  # the next member was mostly restored to the same moment
        return self._replayed[point][:]


class Shown:
    """What one member shows of a store's ledger."""

    def __init__(self, history: History, rows: Iterable[Row]) -> None:
        """`rows` are gone through once. What a write after the restore left is put aside, in `later`."""
        self.history = history
        self.holds = array("q", bytes(8 * len(history.places)))  # by place; of a key shown twice, what it held first
        self.order = array("q")  # the places that hold something, as they were first shown
        self.times: dict[int, int] = {}  # how often a place was shown, if more than once
        self.foreign: dict[int, Row] = {}  # by place, where it holds FOREIGN
        self.newest = 0  # the newest write whose value is there
        self.later: set[int] = set()
        strangers: dict[str, int] = {}  # keys that nobody wrote; their places come after all others
        for row in rows:
            n, place = row.n, history.places.get(row.key)
            if place is None:
                place = strangers.setdefault(row.key, len(self.holds))
                if place == len(self.holds):
                    self.holds.append(NOTHING)
                n = FOREIGN
            elif not history.gave(n, place, row.value):
                n = FOREIGN
            elif n > history.before:
                self.later.add(n)
                continue
            self.newest = max(self.newest, n)
            if self.holds[place] != NOTHING:
                self.times[place] = self.times.get(place, 1) + 1
                continue
            self.holds[place] = n
            self.order.append(place)
            if n == FOREIGN:
                self.foreign[place] = row
