"""Reads the members of the stores and logs in to the services, and records what they show. Decides nothing."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from harness.core import parallel, timeouts, wait
from harness.core.errors import TimedOut, ToolFailed
from harness.core.model import Health, Json, Login, Row
from harness.core.ports import Corrupt, Datastore, Indexed, Service, Unanswered
from harness.core.reason import Reason
from harness.evidence import ledger
from harness.evidence.journal import Journal


@dataclass(frozen=True)
class Member:
    store: Datastore
    name: str

    @property
    def named(self) -> dict[str, Json]:
        """As events name it."""
        return {"store": self.store.name, "member": self.name}


class Observer:
    """Reads from all members at once."""

    def __init__(self, journal: Journal, run: Path, stores: Sequence[Datastore]) -> None:
        """`run` is the run directory, where the survivors' files go."""
        self._journal = journal
        self._run = run
        self.members = members(stores)

    def until_healthy(self, what: str, within_s: float) -> tuple[Health, ...]:
        """Wait until every member is healthy, and return the health of each. TimedOut says `what` was waited for."""
        return wait.until(lambda: all_healthy(self.members), waited_for=what, within_s=within_s)

    def healths(self, when: str, *, within_s: float) -> None:
        """Record the health of every member, `before` the fault or `after` the restore.

        Writes continue, so a member may lag for a moment: this asks until all are healthy, or the time is up.
        """
        try:
            healths = self.until_healthy("all members to be healthy", within_s)
        except TimedOut:
            healths = tuple(parallel.for_each(self.members, _health))
        for member, health in zip(self.members, healths, strict=True):
            self._journal.append("health", when=when, **member.named, **asdict(health))

    def digests(self, when: str) -> Mapping[str, str]:
        """Record the digest of every member, or `unread` or `corrupt`; return the unread members with the errors."""

        def digest(member: Member) -> dict[str, Json]:
            read = member.store.digest(member.name)
            parts: dict[str, Json] = {name: asdict(part) for name, part in read.parts.items()}
            return {"when": when, "answered_by": read.answered_by, "parts": parts}

        return self._record("digest", digest)

    def indexes(self) -> None:
        """Compare the indexes of every member with their tables, and record the result."""

        def indexes(member: Member) -> dict[str, Json] | None:
            return asdict(member.store.indexes(member.name)) if isinstance(member.store, Indexed) else None

        self._record("indexes", indexes)

    def survivors(self) -> None:
        """Save the ledger and its accounts as every member shows them, and record each file's hash."""

        def survivors(member: Member) -> dict[str, Json]:
            path = self._run / "ledger" / f"{member.store.name}@{member.name}.jsonl"
            rows = ledger.write_rows(path, member.store.ledger(member.name))
            self.file(path, ledger.fingerprint(path))
            return {"rows": rows}

        self._record("survivors", survivors, what="ledger")
        self._record("balances", lambda member: {"accounts": dict(member.store.balances(member.name))})

    def source(self, stores: Sequence[Datastore]) -> None:
        """Record the health and the newest write of every member of the stores that keep running elsewhere."""

        def source(member: Member) -> dict[str, Json]:
            health = _health(member)
            newest = max((row.n for row in member.store.ledger(member.name)), default=0)
            return {"newest": newest, "ok": health.ok, "detail": health.detail, "reasons": [*health.reasons]}

        self._record("source", source, members(stores))

    def file(self, path: Path, sha256: str) -> None:
        """Record the hash of a finished file of the run directory."""
        self._journal.append("file", name=path.name, sha256=sha256)

    def first_reads(self, newest: Callable[[str], int]) -> None:
        """Return as soon as every member has shown a row of the ledger that the drill wrote.

        `newest` returns the number of the newest write to a store. The checks read the whole ledger later; this is the
        moment of the first correct read by a client.
        """

        def read(member: Member) -> None:
            def correct() -> None:
                row = next(iter(member.store.ledger(member.name)), None)
                if row is None:
                    raise wait.NotYet("an empty ledger")
                if not (1 <= row.n <= newest(member.store.name) and row.value.startswith(f"{row.n}-")):
                    raise wait.NotYet(f"a row that the drill did not write: {row}")

            _until(correct, f"a correct read from {member.name}", timeouts.READ_S)

        parallel.for_each(self.members, read)

    def shown_on(self, store: Datastore, row: Row, *, within_s: float) -> list[str]:
        """The members of a store that show `row` within the deadline."""

        def shows(member: str) -> bool:
            def look() -> None:
                if row not in store.ledger(member):
                    raise wait.NotYet(f"no write {row.n}")

            try:
                _until(look, f"write {row.n} on {member}", within_s)
            except TimedOut:
                return False
            return True

        return [name for name, seen in zip(store.members, parallel.for_each(store.members, shows), strict=True) if seen]

    def _record(
        self,
        kind: str,
        read: Callable[[Member], Mapping[str, Json] | None],
        of: Sequence[Member] | None = None,
        *,
        what: str = "",
    ) -> Mapping[str, str]:
        errors: dict[str, str] = {}

        def attempt(member: Member) -> None:
            unread: dict[str, Json] = {"what": what or kind, **member.named}
            try:
                if (found := read(member)) is not None:
                    self._journal.append(kind, **member.named, **found)
            except Corrupt as error:
                self._journal.append("corrupt", **unread, message=str(error), objects=[*error.objects])
            except Exception as error:  # noqa: BLE001 # an adapter's driver may raise anything; what is not read is UNKNOWN
                errors[member.name] = f"{type(error).__name__}: {error}"
                self._journal.append("unread", **unread, message=errors[member.name])

        parallel.for_each(self.members if of is None else of, attempt)
        return errors


class Logins:
    """Logs in to every service. Tokens stay in memory: anyone who has one can use it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._tokens: dict[str, str] = {}

    def note(self, when: str, services: Sequence[Service], *, within_s: float) -> None:
        """Record the result, `before` the fault or `after` the restore; asks until it has a token, or time is up."""

        def note(service: Service) -> None:
            earlier = self._tokens.get(service.name, "") if when == "after" else ""
            login = Login({}, "", "it was not asked", "", "")

            def token() -> str:
                nonlocal login
                try:
                    login, got = service.login(earlier)
                except (Unanswered, ToolFailed, TimedOut) as error:
                    login, got = Login({}, "", f"it does not answer: {error}", "", ""), ""
                if not got:
                    raise wait.NotYet(login.detail)
                return got

            with contextlib.suppress(TimedOut):
                got = wait.until(token, waited_for=f"a login to {service.name}", within_s=within_s, every_s=1)
                self._tokens[service.name] = earlier or got
            self._journal.append("login", when=when, service=service.name, **asdict(login))

        parallel.for_each(services, note)


def members(stores: Sequence[Datastore]) -> tuple[Member, ...]:
    return tuple(Member(store, name) for store in stores for name in store.members)


def all_healthy(asked: Sequence[Member]) -> tuple[Health, ...]:
    """The health of all these members if all are healthy; otherwise NotYet, with the first unhealthy one of each store.

    The members after that one are not asked: each question is a process, on a machine that is busy recovering.
    """
    stores = [tuple(group) for _, group in groupby(asked, key=lambda member: member.store.name)]
    told = [each for store in parallel.for_each(stores, _up_to_the_first_unwell) for each in store]
    unwell = [(member.name, health) for member, health in told if not health.ok]
    if unwell:
        reasons = (Reason.MemberUnhealthy, *(reason for _, health in unwell for reason in health.reasons))
        said = "; ".join(f"{name}: {health.detail}" for name, health in unwell)
        raise wait.NotYet(said, reasons, [name for name, _ in unwell])
    return tuple(health for _, health in told)


def _up_to_the_first_unwell(members: Sequence[Member]) -> list[tuple[Member, Health]]:
    told: list[tuple[Member, Health]] = []
    for member in members:
        told.append((member, _health(member)))
        if not told[-1][1].ok:
            break
    return told


def _health(member: Member) -> Health:
    try:
        return member.store.health(member.name)
    except Exception as error:  # noqa: BLE001 # an adapter's driver may raise anything; it did not answer well
        detail = f"{type(error).__name__}: {error}"
        return Health(ok=False, detail=detail, role="unknown", identity="", reasons=(Reason.NotAnswering,))


def _until(read: Callable[[], None], what: str, within_s: float) -> None:
    """Wait until `read` raises nothing: any error of a member's driver may mean that it does not answer yet."""

    def ask() -> None:
        try:
            read()
        except wait.NotYet:
            raise
        except Exception as error:
            raise wait.NotYet(f"{type(error).__name__}: {error}") from error

    wait.until(ask, waited_for=what, within_s=within_s)
