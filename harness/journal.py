"""The journal: what happened in a drill, one JSON event a line, on disk before the drill goes on.

A drill only appends; checks only read. A line that cannot be read is an error that names the file
and the line, never a line that is passed over: a journal with a hole proves nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

from harness.clock import Clock
from harness.errors import Unreadable
from harness.model import Event, Json

SCHEMA = 1
"""Version of what a run directory holds; a newer one is refused, since it could mean something else."""


class Journal:
    """The journal of a drill that is being run. Threads may share it."""

    def __init__(self, path: Path, clock: Clock, listen: Callable[[Event], None] = lambda _: None) -> None:
        """Write to the new file `path`; tell `listen` of each event once it is on disk."""
        self.clock = clock
        self._listen = listen
        self._file = path.open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self._seq = 0
        self.append("run", schema=SCHEMA)

    def append(self, kind: str, **data: Json) -> Event:
        """Add one event, flushed, and return it."""
        with self._lock:
            self._seq += 1
            event = Event(self._seq, self.clock.now_s(), self.clock.label(), kind, data)
            line = {"seq": event.seq, "at_s": event.at_s, "at": event.at, "kind": kind, "data": data}
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._file.flush()
        self._listen(event)
        return event

    def mark(self, name: str) -> Event:
        """Note that the mark `name` (T0 to T9, see `harness.objectives`) has been reached now."""
        return self.append("mark", mark=name)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()


def read(path: Path) -> tuple[Event, ...]:
    """Every event of a journal. Unreadable names the file and the line."""
    events = tuple(_event(path, number, line) for number, line in json_lines(path))
    for number, event in enumerate(events, 1):
        if event.seq != number:
            raise Unreadable(path, number, f"event {event.seq} stands where {number} should; lines were lost or moved")
        if number > 1 and event.at_s < events[number - 2].at_s:
            raise Unreadable(path, number, "goes back in time; lines were edited or moved")
    if not events or events[0].kind != "run":
        raise Unreadable(path, 1, "does not begin with the event `run`; this is not a journal of drillproof")
    schema = events[0].data.get("schema")
    if schema != SCHEMA:
        raise Unreadable(path, 1, f"has schema {schema}; this drillproof reads {SCHEMA}: judge it with a newer one")
    return events


def json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """Each line of a JSON Lines file with its number, in a stream. Unreadable for what is no object."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    raise Unreadable(path, number, "is cut off in the middle of a line")
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise Unreadable(path, number, f"is not JSON: {error}") from error
                if not isinstance(value, dict):
                    raise Unreadable(path, number, "is not a JSON object")
                yield number, cast("Mapping[str, Json]", value)
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(path, 0, str(error)) from error


def _event(path: Path, number: int, line: Mapping[str, Json]) -> Event:
    match line:
        case {
            "seq": int(seq),
            "at_s": int() | float() as at_s,
            "at": str(at),
            "kind": str(kind),
            "data": dict(data),
        }:
            return Event(seq, float(at_s), at, kind, data)
        case _:
            raise Unreadable(path, number, "lacks one of seq, at_s, at, kind, data")
