"""Generates the values of one column of known data: one class for each `kind` of a dataset.toml.

Values are a pure function of the column's seeded random and the row number. Columns are generated in chunks: choosing a
thousand values at once makes pure Python fast enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from harness.workloads.dataset.seeded_random import Permutation, SeededRandom

LONGEST = 200_000
"""The most characters a text value may have."""

_FRACTION_BITS = 20
_FRACTION = (1 << _FRACTION_BITS) - 1


class Column(Protocol):
    """Generates the values of a column."""

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        """The values of the rows `first` to `first + count - 1`; `random` belongs to this chunk."""


class Key(Column, Protocol):
    """A column whose value depends on the row number alone, so that other tables can refer to it."""

    def at(self, row: int) -> object:
        """The value of row `row`, counted from 0."""

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002 # `at` needs none
        return [self.at(row) for row in range(first, first + count)]


@dataclass(frozen=True)
class Serial:
    """start, start + step, ..."""

    start: int
    step: int

    def at(self, row: int) -> int:
        return self.start + row * self.step

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002 # nothing left to chance
        return range(self.at(first), self.at(first + count), self.step)


@dataclass(frozen=True)
class Uuid(Key):
    """UUIDs of version 7: unique, and increasing with the row number, which makes bulk loads fast."""

    permutation: Permutation
    binary: bool

    def at(self, row: int) -> str | bytes:
        chance = self.permutation(row)
        time = 1_600_000_000_000 + 977 * row
        value = f"{time:012x}7{chance & 0xFFF:03x}{8 | chance >> 62:x}{chance & (1 << 60) - 1:015x}"
        if self.binary:
            return bytes.fromhex(value)
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


@dataclass(frozen=True)
class Label(Key):
    """A name made of {n} (from 1 up), {high} and {low} (n in words of 16 bits), {hex} (unique) and {of} (in turn)."""

    permutation: Permutation
    format: str
    of: tuple[str, ...]

    def at(self, row: int) -> str:
        n = row + 1
        return self.format.format(
            n=n, high=n >> 16, low=n & 0xFFFF, hex=f"{self.permutation(row):016x}", of=self.of[row % len(self.of)]
        )


@dataclass(frozen=True)
class AnyOf:
    """A random choice; a choice that occurs twice is twice as likely."""

    of: tuple[object, ...]

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        of, size = self.of, len(self.of)
        return [of[word % size] for word in random.words(count)]


@dataclass(frozen=True)
class InTurn(Key):
    """The choices in turn."""

    of: tuple[object, ...]

    def at(self, row: int) -> object:
        return self.of[row % len(self.of)]


@dataclass(frozen=True)
class Ref:
    """A key of another table's rows.

    `any`: random. `turn`: in turn. `block`: the children are spread evenly in the order of their parents. Two columns,
    one `block` and one `turn`, give pairs that never repeat, if a block is not longer than a turn.
    """

    to: Key
    parents: int
    children: int
    pick: str

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        at, parents = self.to.at, self.parents
        rows = range(first, first + count)
        if self.pick == "turn":
            return [at(row % parents) for row in rows]
        if self.pick == "block":
            return [at(row * parents // self.children) for row in rows]
        return [at(word % parents) for word in random.words(count)]


@dataclass(frozen=True)
class RefEarlier:
    """A key of an earlier row of the same table: a forest; every `roots`-th row has no parent."""

    to: Key
    roots: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        rows = range(first, first + count)
        return [
            None if row % self.roots == 0 else self.to.at(word % row)
            for row, word in zip(rows, random.words(count), strict=True)
        ]


@dataclass(frozen=True)
class Email:
    """Addresses that never repeat."""

    locals: tuple[str, ...]

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        of, size = self.locals, len(self.locals)
        rows = range(first + 1, first + count + 1)
        return [f"{of[word % size]}.{row}@example.org" for row, word in zip(rows, random.words(count), strict=True)]


@dataclass(frozen=True)
class Text:
    """Pieces of `pool`; mostly short. The first two rows have the least and the most characters."""

    pool: str
    min: int
    max: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        pool, starts = self.pool, len(self.pool) - self.max
        words = random.words(count)
        sizes = _lengths(words, self.min, self.max, first)
        return [
            pool[(start := (word >> _FRACTION_BITS) % starts) : start + size]
            for word, size in zip(words, sizes, strict=True)
        ]


@dataclass(frozen=True)
class Bytes:
    """Bytes that do not compress; mostly short. The first two rows have the least and the most."""

    min: int
    max: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        sizes = _lengths(random.words(count), self.min, self.max, first)
        pool, end = random.named("bytes").bytes(sum(sizes)), 0
        return [pool[end : (end := end + size)] for size in sizes]


@dataclass(frozen=True)
class Integer:
    """min to max, both included."""

    min: int
    max: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        low, span = self.min, self.max - self.min + 1
        return [low + word % span for word in random.words(count)]


@dataclass(frozen=True)
class Decimals:
    """DECIMAL(precision, scale), both signs."""

    precision: int
    scale: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        most = 10**self.precision - 1
        span = 2 * most + 1
        return [Decimal(word % span - most).scaleb(-self.scale) for word in random.words(count)]


@dataclass(frozen=True)
class Float:
    """Binary fractions of both signs, so that no decimal notation rounds them."""

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        return [((word >> 24) - (1 << 39)) / 1024 for word in random.words(count)]


@dataclass(frozen=True)
class Date:
    """Days from 1 January of a year to 31 December of another."""

    first_year: int
    last_year: int

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        start = date(self.first_year, 1, 1).toordinal()
        days = date(self.last_year, 12, 31).toordinal() - start + 1
        return [date.fromordinal(start + word % days) for word in random.words(count)]


@dataclass(frozen=True)
class Moment:
    """Points in time with microseconds; with `zone`, aware ones in UTC."""

    first_year: int
    last_year: int
    zone: bool

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:  # noqa: ARG002
        start = datetime(self.first_year, 1, 1, tzinfo=UTC if self.zone else None)
        span = (datetime(self.last_year + 1, 1, 1, tzinfo=start.tzinfo) - start) // timedelta(microseconds=1)
        return [start + timedelta(microseconds=word % span) for word in random.words(count)]


@dataclass(frozen=True)
class Sometimes:
    """Another column's values, with `value` (NULL or '') in its place in `ratio` of the rows."""

    column: Column
    value: object
    ratio: float

    def make(self, random: SeededRandom, first: int, count: int) -> Sequence[object]:
        limit = int(self.ratio * 65536)
        values = self.column.make(random, first, count)
        chance = random.named(f"sometimes {self.value!r}").words(count)
        other = self.value
        return [other if word & 0xFFFF < limit else value for word, value in zip(chance, values, strict=True)]


def _lengths(words: Sequence[int], low: int, high: int, first: int) -> list[int]:
    """A length for each word: cubed chance, so the mean lies at a quarter of the way from `low` to `high`."""
    span = high - low + 1
    sizes = [low + ((part := word & _FRACTION) * part * part * span >> 3 * _FRACTION_BITS) for word in words]
    if first == 0:
        sizes[:2] = (low, high)[: len(sizes)]
    return sizes
