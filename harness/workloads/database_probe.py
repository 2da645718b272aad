"""Asks a restored database what it holds, by the script of its kind, run in its own container with its own clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core import timeouts
from harness.core.errors import HarnessError
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, condition, objects, standing, unschedulable
from harness.core.model import Digest, Part
from harness.core.wait import NotYet
from harness.workloads.detection import Database

FINGERPRINT = "drillproof-fingerprint"
FORMAT = "1"
"""Of the lines that the scripts in fixtures/prove write."""

_NO_PLACE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"}
)
"""Why a container waits that is no fault of its data."""

Line = tuple[str, ...]


class NoPlace(HarnessError):
    """A database cannot run on this cluster, so nothing can be said of its backup."""


class Garbled(HarnessError):
    """What was read is not whole, or no answer of our scripts."""


@dataclass(frozen=True)
class Fingerprint:
    """What a hook wrote at the time of the backup."""

    taken: str  # ISO 8601, by the clock of the pod
    parts: Digest


@dataclass(frozen=True)
class Sound:
    """What a database's own check of its integrity came to."""

    sound: int
    damaged: tuple[str, ...]
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Examiner:
    """Asks databases by `kubectl exec`."""

    kubectl: RunsKubectl
    scripts: Path

    def ready(self, database: Database) -> None:
        """Return if it answers; else NotYet, with what its pod says. NoPlace if it cannot run here."""
        found = objects(
            self.kubectl,
            "pods",
            f"--namespace={database.namespace}",
            f"--field-selector=metadata.name={database.pod}",
        )
        if not found:
            raise NotYet("there is no such pod")
        if why := no_place(found[0]):
            raise NoPlace(why)
        if not _runs(found[0], database.container):
            raise NotYet(standing(found[0]))
        try:
            self._do(database, "ready")
        except Garbled as error:
            raise NotYet(str(error)) from error

    def digest(self, database: Database) -> Digest:
        """Rows and hash of every part. ToolFailed, Garbled."""
        return parts_of(lines(self._ask(database, "digest")))

    def newest(self, database: Database) -> tuple[str, str] | None:
        """The newest time among its rows, and the column that says so; None if it has no such column."""
        for word, *rest in lines(self._ask(database, "newest")):
            if word != "newest" or len(rest) != 2:  # noqa: PLR2004 # a time and a column
                raise Garbled(f"no time: {word} {rest}")
            return rest[0], rest[1]
        return None

    def check(self, database: Database) -> Sound:
        """Let it check itself. ToolFailed, Garbled."""
        return sound_of(lines(self._ask(database, "check")))

    def peers(self, database: Database) -> tuple[str, ...]:
        """Who replicates from it, and from whom it does, by address or name. ToolFailed, Garbled."""
        told = lines(self._ask(database, "peers", within_s=60))
        if odd := [" ".join(line) for line in told if len(line) != 2 or line[0] != "peer"]:  # noqa: PLR2004 # a word and an address
            raise Garbled(f"no peer: {odd[0][:200]}")
        return tuple(dict.fromkeys(line[1] for line in told))

    def probe(self, database: Database) -> None:
        """Let it commit a write that leaves nothing. ToolFailed, TimedOut, Garbled where it takes none."""
        self._do(database, "probe")

    def fingerprint(self, database: Database) -> Fingerprint:
        """What its hook wrote. ToolFailed, Garbled."""
        read = self.kubectl(*_in(database), "cat", database.fingerprint, within_s=timeouts.READ_S)
        first, _, rest = read.partition("\n")
        word, form, kind, taken = (*first.split("\t"), "", "", "", "")[:4]
        if word != FINGERPRINT:
            raise Garbled(f"{database.fingerprint} is no fingerprint of drillproof's")
        if (form, kind) != (FORMAT, database.kind):
            raise Garbled(f"{database.fingerprint} is of {kind}, format {form}; {database.kind}, {FORMAT} is wanted")
        return Fingerprint(taken, parts_of(lines(rest)))

    def _do(self, database: Database, what: str) -> None:
        """Let it do what tells nothing but its end: an exec that breaks off on its way may well end with 0."""
        lines(self._ask(database, what, within_s=30))

    def _ask(self, database: Database, what: str, within_s: float = timeouts.CHECK_S) -> str:
        script = (self.scripts / f"{database.kind}.sh").read_text(encoding="utf-8")
        return self.kubectl(*_in(database, "--stdin"), "sh", "-s", what, stdin=script, within_s=within_s)


def lines(text: str) -> tuple[Line, ...]:
    """A script's lines in fields, without the last, which counts them. Garbled if one is missing."""
    *told, last = (tuple(line.split("\t")) for line in text.splitlines() or [""])
    if last != ("end", str(len(told))):
        raise Garbled(f"cut off after {len(told)} lines: {' '.join(last)[:200]!r} is no end of {len(told)}")
    return tuple(told)


def parts_of(told: tuple[Line, ...]) -> Digest:
    """The parts that a script told. Garbled if one was not read whole, or told twice."""
    parts: dict[str, Part] = {}
    for line in told:
        match line:
            case ("part", name, rows, digest, "1" | "t") if rows.isdecimal() and name not in parts:
                parts[name] = Part(int(rows), digest)
            case _:
                raise Garbled(f"not read whole, or told twice: {' '.join(line)[:200]}")
    return parts


def sound_of(told: tuple[Line, ...]) -> Sound:
    """What a script told of the database's own check."""

    def all_of(word: str) -> Iterator[str]:
        yield from (": ".join(line[1:]) for line in told if line[0] == word)

    if odd := {line[0] for line in told} - {"sound", "damaged", "unchecked", "note"}:
        raise Garbled(f"no answer of a check: {', '.join(sorted(odd))[:200]}")
    return Sound(
        len(tuple(all_of("sound"))), tuple(all_of("damaged")), tuple(all_of("unchecked")), tuple(all_of("note"))
    )


def no_place(pod: Object) -> str:
    """Why this cluster cannot run the pod; "" if it can, or may yet."""
    if why := unschedulable(pod):
        return why
    for container in (*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")):
        if (reason := text(container, "state", "waiting", "reason")) in _NO_PLACE:
            return f"{text(container, 'name')}: {reason}: {text(container, 'state', 'waiting', 'message')}"
    return ""


def unready(kubectl: RunsKubectl, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """The pods of these namespaces that are neither Ready nor done, by the orchestrator's word."""
    return tuple(
        f"{text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
        for namespace in namespaces
        for pod in objects(kubectl, "pods", f"--namespace={namespace}")
        if condition(pod, "Ready") != "True" and text(pod, "status", "phase") != "Succeeded"
    )


def _runs(pod: Object, container: str) -> bool:
    statuses = (each for each in items(pod, "status", "containerStatuses") if text(each, "name") == container)
    return at(next(statuses, None), "state", "running") is not None


def _in(database: Database, *options: str) -> tuple[str, ...]:
    where = (f"--namespace={database.namespace}", database.pod, f"--container={database.container}")
    return ("exec", *options, *where, "--")
