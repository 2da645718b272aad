"""Reads databases that drillproof did not fill, and records what they say. Decides nothing."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from harness.checks.proof import NOT_LET_IN
from harness.checks.tool_messages import causes
from harness.core import parallel, resources, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Digest, Json, Volume
from harness.core.wait import NotYet, until
from harness.evidence.journal import Journal
from harness.workloads.database_probe import CannotRun, DatabaseProbe, unready
from harness.workloads.detection import Database


def examiner(kubectl: RunsKubectl) -> DatabaseProbe:
    return DatabaseProbe(kubectl, resources.fixtures() / "prove")


@dataclass(frozen=True)
class DatabaseReader:
    """The databases of one cluster. With `namespace`, they run there, and are recorded under their old namespace."""

    journal: Journal
    examiner: DatabaseProbe
    namespace: str = ""

    def wait_for_all(
        self, databases: Sequence[Database], within_s: float, require_platform: Callable[[], None]
    ) -> list[Database]:
        """Wait until the databases answer, and record each one's health; return those that answer. Sets T7 if all do.

        `require_platform` raises where something below them is why one does not answer; that is raised.
        """
        answers = parallel.for_each(databases, lambda database: self._answers(database, within_s, require_platform))
        answered = [database for database, answer in zip(databases, answers, strict=True) if answer]
        if len(answered) == len(databases):
            self.journal.mark("T7")
        return answered

    def digest(self, database: Database, when: str, what: str = "digest", form: str = "") -> None:
        """Record rows and hashes of all its parts, in a fingerprint's format; as `what` if it cannot be read."""
        with self._reading(database, what) as there:
            self.record_digest(database, when, self.examiner.digest(there, form))

    def fingerprint(self, database: Database) -> str:
        """Record what its backup hook wrote, as the digest `before`; return its format, "" if it could not be read."""
        with self._reading(database, "fingerprint") as there:
            taken = self.examiner.fingerprint(there)
            self._note("fingerprint", database, taken=taken.taken)
            self.record_digest(database, "before", taken.parts)
            return taken.format
        return ""

    def newest(self, database: Database) -> None:
        """Record the time of its newest row, if a column says so."""
        with self._reading(database, "newest") as there:
            if found := self.examiner.newest(there):
                self._note("newest", database, newest=found[0], column=found[1])

    def check(self, database: Database) -> None:
        """Record its own integrity check. Call this last: a server may stop when it finds a damaged page."""
        with self._reading(database, "sound") as there:
            self._note("sound", database, **asdict(self.examiner.check(there)))

    def peers(self, database: Database, where: str) -> None:
        """Record who replicates from it, and from whom it replicates."""
        with self._reading(database, "peers") as there:
            self._note("peers", database, where=where, addresses=self.examiner.peers(there))

    def record_digest(self, database: Database, when: str, parts: Digest) -> None:
        read: dict[str, Json] = {name: asdict(part) for name, part in parts.items()}
        self._note("digest", database, when=when, answered_by=database.pod, parts=read)

    @contextlib.contextmanager
    def _reading(self, database: Database, what: str) -> Iterator[Database]:
        """The database where it runs; what the block cannot read is recorded as `unread`."""
        try:
            yield self._there(database)
        except HarnessError as error:
            self._unread(database, what, error)

    def _answers(self, database: Database, within_s: float, require_platform: Callable[[], None]) -> bool:
        there, clock = self._there(database), self.journal.clock
        began_s = clock.now_s()
        seen: list[CannotRun] = []

        def ready() -> None:
            seen.clear()
            try:
                self._ready(there)
            except CannotRun as error:  # often only for a moment: until its volume is provisioned
                seen.append(error)
                if clock.now_s() - began_s > timeouts.PLACE_S:
                    raise
                raise NotYet(str(error)) from error

        try:
            until(ready, waited_for=f"{there.key} to answer", within_s=within_s, every_s=2)
        except CannotRun as error:
            self._unread(database, "health", error)
            return False
        except TimedOut as error:
            require_platform()
            if seen:  # until the end
                self._unread(database, "health", seen[0])
                return False
            ok, detail = False, str(error)
        else:
            ok, detail = True, f"answers; {database.why}"
        self._note("health", database, when="after", ok=ok, detail=detail, role="", identity="")
        return ok

    def _ready(self, there: Database) -> None:
        """Return if it answers. CannotRun also if it refuses us, or its image has no client: it may be sound."""
        try:
            self.examiner.ready(there)
        except ToolFailed as error:
            if NOT_LET_IN & set(causes(error.tail)):
                raise CannotRun(error.tail) from error
            raise

    def _unread(self, database: Database, what: str, error: HarnessError) -> None:
        said = error.tail if isinstance(error, ToolFailed) else str(error)
        self._note("unread", database, what=what, message=said)

    def _note(self, kind: str, database: Database, **data: Json) -> None:
        self.journal.append(kind, store=database.key, member=database.pod, **data)

    def _there(self, database: Database) -> Database:
        return replace(database, namespace=self.namespace) if self.namespace else database


def record_state(
    journal: Journal,
    kubectl: RunsKubectl,
    volumes: Callable[[str], Sequence[Volume]],
    namespaces: tuple[str, ...],
) -> None:
    """Record the claims of these namespaces with their volumes, and the pods that are not Ready."""
    bound = [
        asdict(replace(volume, claim=f"{namespace}/{volume.claim}"))
        for namespace in namespaces
        for volume in volumes(namespace)
    ]
    journal.append("volumes", when="after", volumes=bound)
    journal.append("unready", pods=list(unready(kubectl, namespaces)))
