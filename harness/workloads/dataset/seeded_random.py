"""Chance that can be repeated for ever.

It comes from SHAKE-128, whose output is fixed by its standard, so the same name gives the same chance on every machine
and in every version of Python, which `random` does not promise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from hashlib import shake_128


@dataclass(frozen=True)
class SeededRandom:
    """Repeatable chance under one name; other names give unrelated chance."""

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
    """Gives every number below 2**64 another one: looks like chance, never repeats."""

    random: SeededRandom

    @cached_property
    def _step(self) -> tuple[int, int]:
        factor, offset = self.random.words(2)
        return factor | 1, offset  # multiplying by an odd number can be undone, so no two numbers meet

    def __call__(self, number: int) -> int:
        factor, offset = self._step
        return (number * factor + offset) & 0xFFFF_FFFF_FFFF_FFFF
