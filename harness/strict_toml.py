"""Reads TOML strictly: a missing or unknown key, or a wrong type, is an error that names the file and the key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NoReturn, TypeVar

from harness.errors import Misconfigured

T = TypeVar("T")


class Keys:
    """A TOML table that is being read; every key must be taken, with the right type."""

    def __init__(self, where: str, raw: object) -> None:
        self.where = where
        if not isinstance(raw, dict):
            self.fail("must be a table of keys")
        self._left: dict[str, object] = dict(raw)

    @classmethod
    def of(cls, path: Path) -> Keys:
        """The keys of the file at `path`."""
        try:
            return cls(str(path), tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Misconfigured(f"{path}: can't be read: {error}") from error

    def fail(self, text: str) -> NoReturn:
        raise Misconfigured(f"{self.where}: {text}")

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """The value of `key`; without a default it must be there."""
        if key not in self._left:
            if default is None:
                self.fail(f"key `{key}` is missing")
            return default
        value = self._left.pop(key)
        if type(value) is not kind:  # isinstance would take true for a number
            self.fail(f"key `{key}` must be of type {kind.__name__}, not {value!r}")
        return value

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        """The value of `key`, which must be one of `choices`; the first is the default."""
        value = self.take(key, str, choices[0])
        if value not in choices:
            self.fail(f"key `{key}` must be one of {', '.join(choices)}, not {value!r}")
        return value

    def strings(self, key: str, default: list[str] | None = None) -> tuple[str, ...]:
        values = self.take(key, list, default)
        if not values or not all(isinstance(value, str) for value in values):
            self.fail(f"key `{key}` must be a list of strings")
        return tuple(values)

    def span(self, low: int, high: int, *, least: int | None = None, most: int | None = None) -> tuple[int, int]:
        """The values of `min` and `max`, with their defaults."""
        minimum, maximum = self.take("min", int, low), self.take("max", int, high)
        if minimum > maximum or (least is not None and minimum < least) or (most is not None and maximum > most):
            self.fail(f"keys `min` and `max`: {minimum} to {maximum} is no range that fits here")
        return minimum, maximum

    def ratio(self, key: str) -> float:
        value = self.take(key, float, 0.0)
        if not 0 <= value < 1:
            self.fail(f"key `{key}` must be at least 0 and below 1, not {value}")
        return value

    def done(self) -> None:
        if self._left:
            self.fail(f"unknown key `{min(self._left)}`")
