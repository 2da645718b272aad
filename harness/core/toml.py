"""Reads TOML strictly: a missing or unknown key, or a wrong type, is an error that names the file and the key."""

from __future__ import annotations

import difflib
import tomllib
from datetime import date
from math import inf
from pathlib import Path
from typing import NoReturn, TypeVar

from harness.core.errors import Misconfigured

T = TypeVar("T")


class Keys:
    """A TOML table that is being read; every key must be taken, with the right type."""

    def __init__(self, where: str, raw: object) -> None:
        self.where = where
        if not isinstance(raw, dict):
            self.fail("must be a table of keys")
        self._left: dict[str, object] = dict(raw)
        self._known: set[str] = set()  # those that were asked for

    @classmethod
    def of(cls, path: Path) -> Keys:
        try:
            return cls(str(path), tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Misconfigured(f"{path}: cannot be read: {why}") from error

    def fail(self, text: str) -> NoReturn:
        raise Misconfigured(f"{self.where}: {text}")

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """The value of `key`; without a default it must be there."""
        self._known.add(key)
        if key not in self._left:
            if default is None:
                close = difflib.get_close_matches(key, self._left, n=1)
                self.fail(f"key `{key}` is missing{f'; is it `{close[0]}`?' if close else ''}")
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
        """The strings of a list; there must be one, unless there is a default."""
        values = self.take(key, list, default)
        if (not values and default is None) or not all(isinstance(value, str) for value in values):
            self.fail(f"key `{key}` must be a list of strings")
        return tuple(values)

    def table(self, key: str, kind: type[T], default: dict[str, T] | None = None) -> dict[str, T]:
        """A table whose values are all of one type."""
        table = self.take(key, dict, default)
        for name, value in table.items():
            if type(value) is not kind:
                self.fail(f"key `{key}.{name}` must be of type {kind.__name__}, not {value!r}")
        return table

    def seconds(self, key: str) -> float | None:
        """A time of more than 0 s; None if the key is missing."""
        value = self._left.get(key)
        found = self.take(key, int, 0) if isinstance(value, int) else self.take(key, float, 0.0)
        if value is not None and not 0 < found < inf:
            self.fail(f"key `{key}` must be a number of seconds above 0, not {value!r}")
        return None if value is None else float(found)

    def day(self, key: str) -> str:
        """A date without quotes, as 2026-12-31; "" if the key is missing."""
        return self.take(key, date).isoformat() if key in self._left else self.take(key, str, "")

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
        """Fail if a key was not read, so that no typing error passes unnoticed."""
        if self._left:
            odd = min(self._left)
            close = difflib.get_close_matches(odd, self._known, n=1)
            self.fail(f"unknown key `{odd}`{f'; did you mean `{close[0]}`?' if close else ''}")
