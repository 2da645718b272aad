"""Reproducible random values.

They come from SHAKE-128, whose output is standardised, so the same name gives the same values on every machine and in
every version of Python, which `random` does not guarantee.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from hashlib import shake_128


@dataclass(frozen=True)
class SeededRandom:
    """Reproducible random values of one name; those of other names are unrelated."""

    name: str

    def bytes(self, count: int) -> bytes:
        return shake_128(self.name.encode()).digest(count)

    def words(self, count: int) -> tuple[int, ...]:
        """`count` integers of 64 bits."""
        return struct.unpack(f"<{count}Q", self.bytes(8 * count))

    def named(self, name: object) -> SeededRandom:
        return SeededRandom(f"{self.name}/{name}")


@dataclass(frozen=True)
class Permutation:
    """A permutation of the numbers below 2**64: the results look random and never repeat."""

    random: SeededRandom

    @cached_property
    def _step(self) -> tuple[int, int]:
        factor, offset = self.random.words(2)
        return factor | 1, offset  # multiplying by an odd number is invertible, so no two results are equal

    def __call__(self, number: int) -> int:
        factor, offset = self._step
        return (number * factor + offset) & 0xFFFF_FFFF_FFFF_FFFF
