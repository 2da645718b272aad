"""Reproducible random values.

They come from SHAKE-128, whose output is standardised, so the same name gives the same values on every machine and in
every version of Python, which `random` does not guarantee.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
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


def permutation(random: SeededRandom) -> Callable[[int], int]:
    """A permutation of the numbers below 2**64: the results look random and never repeat."""
    factor, offset = random.words(2)
    factor |= 1  # multiplying by an odd number is invertible, so no two results are equal
    return lambda number: (number * factor + offset) & 0xFFFF_FFFF_FFFF_FFFF
