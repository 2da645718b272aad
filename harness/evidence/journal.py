"""The journal: what happened in a drill, one JSON event a line, on disk before the drill goes on.

A drill only appends; checks only read. A line that cannot be read is an error that names the file
and the line, never a line that is passed over: a journal with a hole proves nothing.

Every line ends in its `chain`: the SHA-256 of the line before's chain and of this line. So a line that was
changed, taken out, put in or moved is found where it stands. The last event is `end`: without it the drill
was killed, or lines were cut off. (A journal that was rewritten as a whole is detected by the signature only.)
"""

import contextlib
import hashlib
import json
import stat
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson

from harness.core.clock import Clock
from harness.core.errors import Unreadable
from harness.core.json import values_in
from harness.core.model import Event, Json
from harness.core.reason import Reason
from harness.core.redaction import redact_document

SCHEMA = 4
"""Version of what a run directory holds; any other is refused, since it could mean something else."""

OWN_WORDS: Mapping[str, list[str]] = tomllib.loads(Path(__file__).with_name("own_words.toml").read_text("utf-8"))
"""By kind of event, the fields that hold drillproof's own words; secrets are removed from all others."""

_CHAIN = ',"chain":"'

# No line, and no file that is read as a whole, has more bytes: a hostile one must not fill the memory.
MAX_LINE = MAX_DOCUMENT = 64_000_000
MAX_VALUES = 4_000_000  # of one document or line: empty lists take twenty times their text in memory
MAX_EVENTS = 500_000


class Journal:
    """The journal of a drill that is being run. Threads may share it."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        listen: Callable[[Event], None] = lambda _: None,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Write to the new file `path`; tell `listen` of each event once it is on disk.

        None of `secrets`, which may become more, is written or told in what comes from outside: a hook may print one.
        """
        self.path = path
        self.clock = clock
        self._listen = listen
        self._secrets = secrets
        self._file = path.open("x", encoding="utf-8")
        self._lock = threading.Lock()
        self._seq = 0
        self._chain = ""
        self.append("run", schema=SCHEMA)

    def append(self, kind: str, **data: Json) -> Event:
        """Add one event, flushed, and return it."""
        data = redact_document(data, self._secrets(), OWN_WORDS.get(kind, ()))
        with self._lock:
            self._seq += 1
            event = Event(self._seq, self.clock.now_s(), self.clock.label(), kind, data)
            self._chain, line = _line(self._chain, event)
            self._file.write(line)
            self._file.flush()
        self._listen(event)
        return event

    def mark(self, name: str) -> Event:
        """Note that the mark `name` (T0 to T9, see `harness.evidence.marks`) has been reached now."""
        return self.append("mark", mark=name)

    def close(self) -> None:
        """Note the end and close the file; may be called twice."""
        if not self._file.closed:
            self.append("end")
            self._file.close()


def write(path: Path, events: Iterable[Event]) -> None:
    """Write a whole journal at once: these events with their times, numbered and chained again."""
    chain = ""
    with path.open("x", encoding="utf-8") as file:
        for number, event in enumerate(events, 1):
            chain, line = _line(chain, replace(event, seq=number))
            file.write(line)


def read(path: Path) -> tuple[Event, ...]:
    """Every event of a journal. Unreadable names the file and the line."""
    events = tuple(_events(path))
    if not events or events[0].kind != "run":
        raise Unreadable(path, "does not begin with the event `run`; this is not a journal of drillproof", line=1)
    schema = events[0].data.get("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        why = "judge it with a newer one" if newer else "it was written by an older one, which it needs to be judged"
        why = f"has schema {schema}; this drillproof reads {SCHEMA}: {why}"
        raise Unreadable(path, why, Reason.SchemaUnsupported, line=1)
    for number, event in enumerate(events, 1):
        if event.seq != number:
            why = f"event {event.seq} stands where {number} should; lines were lost or moved"
            raise Unreadable(path, why, Reason.EvidenceAltered, line=number)
        if number > 1 and event.at_s < events[number - 2].at_s:
            raise Unreadable(path, "goes back in time; lines were edited or moved", Reason.EvidenceAltered, line=number)
    _unbroken(path)
    return events


def _events(path: Path) -> Iterator[Event]:
    for number, line in json_lines(path):
        if number > MAX_EVENTS:
            raise Unreadable(path, f"has more than {MAX_EVENTS:,} events; it is not a drill's", line=number)
        yield _event(path, number, line)


def before_damage(path: Path) -> tuple[Event, ...]:
    """The events before the first line that cannot be read, for showing them; nothing is judged by them."""
    events: list[Event] = []
    with contextlib.suppress(Unreadable):
        for number, event in enumerate(_events(path), 1):
            events.append(replace(event, seq=number))
    return tuple(events)


def _unbroken(path: Path) -> None:
    """Unreadable names the first line that is not what followed the line before it."""
    chain = ""
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            body, _, rest = line.rpartition(_CHAIN)
            chain = _link(chain, body)
            if rest != f'{chain}"}}\n':
                why = "is not what the drill wrote; it, or a line before it, was changed"
                raise Unreadable(path, why, Reason.EvidenceAltered, line=number)


def _line(chain: str, event: Event) -> tuple[str, str]:
    line = {"seq": event.seq, "at_s": event.at_s, "at": event.at, "kind": event.kind, "data": event.data}
    body = json.dumps(line, ensure_ascii=False, separators=(",", ":"))[:-1]
    chain = _link(chain, body)
    return chain, f'{body}{_CHAIN}{chain}"}}\n'


def _link(chain: str, body: str) -> str:
    return hashlib.sha256(f"{chain}\n{body}".encode()).hexdigest()


def plain(path: Path) -> Path:
    """`path`, unless it is a pipe or a device, which might never end: Unreadable."""
    with contextlib.suppress(OSError):  # the caller, who opens it, reports why that fails
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise Unreadable(path, "is no file")
    return path


def document(path: Path) -> Json:
    """What a JSON file holds. OSError, ValueError, or Unreadable if it is too large to be ours, or no file."""
    with plain(path).open("rb") as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise Unreadable(path, "is too large to be a drill's")
    if _has_too_many_values(data):
        raise Unreadable(path, "holds too many values to be a drill's")
    value: Json = orjson.loads(data)
    return value


def _has_too_many_values(text: bytes) -> bool:
    return len(text) > MAX_VALUES and values_in(text) > MAX_VALUES


def json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """Each line of a JSON Lines file with its number, in a stream. Unreadable for what is no object."""
    try:
        with plain(path).open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, MAX_LINE), b""), 1):
                if not line.endswith(b"\n"):
                    if len(line) == MAX_LINE:
                        raise Unreadable(path, "is too long to be a drill's", line=number)
                    raise Unreadable(path, "is cut off in the middle of a line", Reason.JournalTruncated, line=number)
                if _has_too_many_values(line):
                    raise Unreadable(path, "holds too many values to be a drill's", line=number)
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise Unreadable(path, f"is not JSON: {error}", line=number) from error
                if not isinstance(value, dict):
                    raise Unreadable(path, "is not a JSON object", line=number)
                yield number, value
    except FileNotFoundError as error:
        raise Unreadable(path, str(error), Reason.EvidenceMissing) from error
    except OSError as error:
        raise Unreadable(path, str(error)) from error


def _event(path: Path, number: int, line: Mapping[str, Json]) -> Event:
    match line:
        case {"seq": int(seq), "at_s": int() | float() as at_s, "at": str(at), "kind": str(kind), "data": dict(data)}:
            return Event(seq, float(at_s), at, kind, data)
        case _:
            raise Unreadable(path, "lacks one of seq, at_s, at, kind, data", line=number)
