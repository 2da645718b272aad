"""Reads a restored database with the script for its kind, run in the database's own container with its own client."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core import timeouts
from harness.core.errors import HarnessError
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, address, condition, describe_pod, find, objects, unschedulable
from harness.core.model import Digest, Part
from harness.core.wait import NotYet
from harness.workloads.detection import Database

FINGERPRINT = "drillproof-fingerprint"
FORMATS: Mapping[str, tuple[str, ...]] = {"mysql": ("2", "1"), "postgres": ("1",), "consul": ("1",)}
"""Versions of the parts that the scripts in fixtures/prove can read, by script; the first is what they write."""

_SCRIPTS = {"mariadb": "mysql"}
"""The kinds that are read with the script of another one."""

_BLOCKED = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"}
)
"""Reasons of waiting containers that the cluster causes, not the data."""

Line = tuple[str, ...]


class CannotRun(HarnessError):
    """A database cannot run on this cluster, so its backup cannot be judged."""


class InvalidOutput(HarnessError):
    """A script's output is incomplete, or not in its format."""


@dataclass(frozen=True)
class Fingerprint:
    """What a hook wrote when the backup was taken."""

    format: str
    taken: str  # ISO 8601, by the pod's clock
    parts: Digest


@dataclass(frozen=True)
class IntegrityCheck:
    sound: int  # how many parts
    damaged: tuple[str, ...]
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DatabaseProbe:
    """Reads databases by `kubectl exec`. All methods: ToolFailed, TimedOut, InvalidOutput."""

    kubectl: RunsKubectl
    scripts: Path

    def ready(self, database: Database) -> None:
        """Return if it answers; else NotYet, with its pod's state. CannotRun if the cluster cannot run it."""
        pod = find(self.kubectl, "pods", database.pod, database.namespace)
        if not pod:
            raise NotYet("there is no such pod")
        if why := why_it_cannot_run(pod):
            raise CannotRun(why)
        if not _runs(pod, database.container):
            raise NotYet(describe_pod(pod))
        try:
            self._do(database, "ready")
        except InvalidOutput as error:
            raise NotYet(str(error)) from error

    def digest(self, database: Database, form: str = "") -> Digest:
        """Row count and hash of every part; `form` is that of the fingerprint to compare with, if it may be older."""
        older = () if form in ("", FORMATS[script_of(database)][0]) else (form,)
        return parts_of(lines(self._run(database, "digest", *older)))

    def newest(self, database: Database) -> tuple[str, str] | None:
        """The newest time among its rows, and the column that has it; None if no column has times."""
        output = lines(self._run(database, "newest"))
        match output[:1]:
            case ():
                return None
            case (("newest", time, column),):
                return time, column
        raise InvalidOutput(f"not a time and a column: {' '.join(output[0])[:200]}")

    def check(self, database: Database) -> IntegrityCheck:
        return integrity_of(lines(self._run(database, "check")))

    def peers(self, database: Database) -> tuple[str, ...]:
        """The servers that replicate from it or to it, by address or name."""
        output = lines(self._run(database, "peers", within_s=60))
        if odd := [" ".join(line) for line in output if len(line) != 2 or line[0] != "peer"]:  # noqa: PLR2004 # a word and an address
            raise InvalidOutput(f"not a peer: {odd[0][:200]}")
        return tuple(dict.fromkeys(line[1] for line in output))

    def probe(self, database: Database) -> None:
        """Commit a write that changes nothing. Raises if the database refuses it."""
        self._do(database, "probe")

    def fingerprint(self, database: Database) -> Fingerprint:
        read = self.kubectl(*_in(database), "cat", database.fingerprint, within_s=timeouts.READ_S)
        first, _, rest = read.partition("\n")
        word, form, kind, taken = (*first.split("\t"), "", "", "", "")[:4]
        if word != FINGERPRINT:
            raise InvalidOutput(f"{database.fingerprint} is not a fingerprint of drillproof")
        if kind != (script := script_of(database)) or form not in FORMATS[kind]:
            expected = f"expected {script}, format {' or '.join(FORMATS[script])}"
            raise InvalidOutput(f"{database.fingerprint} is of {kind}, format {form}; {expected}")
        return Fingerprint(form, taken, parts_of(lines(rest)))

    def _do(self, database: Database, what: str) -> None:
        """Run a script without other output than its end: a broken `kubectl exec` can also exit with 0."""
        lines(self._run(database, what, within_s=30))

    def _run(self, database: Database, *what: str, within_s: float = timeouts.CHECK_S) -> str:
        script = (self.scripts / f"{script_of(database)}.sh").read_text(encoding="utf-8")
        return self.kubectl(*_in(database, "--stdin"), "sh", "-s", *what, stdin=script, within_s=within_s)


def script_of(database: Database) -> str:
    """The script that reads a database, as its fingerprint names it."""
    return _SCRIPTS.get(database.kind, database.kind)


def lines(text: str) -> tuple[Line, ...]:
    """A script's lines in fields, without the last, which counts them. InvalidOutput if one is missing."""
    *found, last = (tuple(line.split("\t")) for line in text.splitlines() or [""])
    if last != ("end", str(len(found))):
        raise InvalidOutput(f"incomplete after {len(found)} lines: {' '.join(last)[:200]!r} is not the end")
    return tuple(found)


def parts_of(output: tuple[Line, ...]) -> Digest:
    """The parts in a script's output. InvalidOutput if one was not read completely, or occurs twice."""
    parts: dict[str, Part] = {}
    for line in output:
        match line:
            case ("part", name, rows, digest, "1" | "t") if rows.isdecimal() and name not in parts:
                parts[name] = Part(int(rows), digest)
            case _:
                raise InvalidOutput(f"a part that is incomplete, or occurs twice: {' '.join(line)[:200]}")
    return parts


def integrity_of(output: tuple[Line, ...]) -> IntegrityCheck:
    found: dict[str, list[str]] = {"sound": [], "damaged": [], "unchecked": [], "note": []}
    for word, *rest in output:
        if word not in found:
            raise InvalidOutput(f"not a line of a check: {word[:200]}")
        found[word].append(": ".join(rest))
    return IntegrityCheck(len(found["sound"]), *(tuple(found[word]) for word in ("damaged", "unchecked", "note")))


def why_it_cannot_run(pod: Object) -> str:
    """Why this cluster cannot run the pod; "" if it can, or may yet."""
    if why := unschedulable(pod):
        return why
    for container in (*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")):
        if (reason := text(container, "state", "waiting", "reason")) in _BLOCKED:
            return f"{text(container, 'name')}: {reason}: {text(container, 'state', 'waiting', 'message')}"
    return ""


def unready(kubectl: RunsKubectl, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """The pods of these namespaces that are neither Ready nor Succeeded, as `namespace/pod`."""
    return tuple(
        address(pod)
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
