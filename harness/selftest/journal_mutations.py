"""Journals of drills that failed: correct evidence of a bad drill, each with the check that must detect it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.core.model import Event, Json, Verdict
from harness.core.reason import Reason
from harness.selftest.mutation import Expected, Why

Events = tuple[Event, ...]
Change = Callable[[Events], Events]


@dataclass(frozen=True, kw_only=True)
class JournalMutation(Expected):
    """`change` turns the events of a good drill, which must have some of the kind `needs`, into those of a bad one."""

    change: Change
    needs: str = ""  # a kind of event


def fail(
    name: str, check: str, why: Why | Reason, change: Change, *, also: tuple[str, ...] = (), needs: str = ""
) -> JournalMutation:
    """One that `check` must detect as FAIL."""
    why = why if isinstance(why, Why) else Why(why)
    return JournalMutation(name=name, check=check, why=why, change=change, also=also, needs=needs)


def unknown(
    name: str, check: str, why: Why | Reason, change: Change, *, also: tuple[str, ...] = (), needs: str = ""
) -> JournalMutation:
    """One that `check` must detect as UNKNOWN."""
    return replace(fail(name, check, why, change, also=also, needs=needs), verdict=Verdict.UNKNOWN)


def without(kind: str, **data: Json) -> Change:
    """The same drill, without the events of a kind whose data hold all of `data`."""
    return lambda events: tuple(event for event in events if not _is(event, kind, data))


def changed(kind: str, where: Mapping[str, Json] | None = None, **data: Json) -> Change:
    """The same drill, but the events of a kind (those that hold `where`) have `data`."""
    return lambda events: tuple(
        replace(event, data={**event.data, **data}) if _is(event, kind, where or {}) else event for event in events
    )


def added(kind: str, **data: Json) -> Change:
    """The same drill, with one more event at its end."""
    return lambda events: (*events, replace(events[-1], kind=kind, data=data))


def delayed(mark: str, by_s: float) -> Change:
    """The same drill, but this mark was reached later, and all that came after it."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.data.get("mark") == mark)
        return (*events[:at], *(replace(event, at_s=event.at_s + by_s) for event in events[at:]))

    return change


def first_volume(kind: str, key: str, **changes: Json) -> Change:
    """The same drill, but the first volume in the last event of a kind has `changes`, or without any is missing."""

    def change(events: Events) -> Events:
        at = max(number for number, event in enumerate(events) if event.kind == kind)
        listed = events[at].data[key]
        assert isinstance(listed, list)
        first, *others = listed
        assert isinstance(first, dict)
        volumes: list[Json] = [{**first, **changes}, *others] if changes else list(others)
        return (*events[:at], replace(events[at], data={**events[at].data, key: volumes}), *events[at + 1 :])

    return change


def surviving_volumes(events: Events) -> Events:
    """The volumes of after the restore are those of before the fault."""
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    return changed("volumes", {"when": "after"}, volumes=before.data["volumes"])(events)


def one_surviving_volume(events: Events) -> Events:
    """One volume of after the restore is one of before the fault."""
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    listed = before.data["volumes"]
    assert isinstance(listed, list)
    assert isinstance(listed[0], dict)
    return first_volume("volumes", "volumes", volume_uid=listed[0]["volume_uid"])(events)


def one_member(kind: str, **data: Json) -> Change:
    """The same drill, but the first event of a kind after the restore has `data`."""

    def change(events: Events) -> Events:
        at = next(n for n, event in enumerate(events) if event.kind == kind and event.data.get("when") != "before")
        return (*events[:at], replace(events[at], data={**events[at].data, **data}), *events[at + 1 :])

    return change


def one_without(kind: str, **data: Json) -> Change:
    """The same drill, but one member has no events of a kind whose data hold all of `data`."""

    def change(events: Events) -> Events:
        member = next(event.data["member"] for event in events if _is(event, kind, data))
        return without(kind, member=member, **data)(events)

    return change


def not_read_again(events: Events) -> Events:
    """No member was read again after the restart."""
    last = max(number for number, event in enumerate(events) if event.kind == "restart")
    return (*events[:last], *(event for event in events[last:] if event.kind != "digest"))


def one_not_read_again(events: Events) -> Events:
    """One member answered before the restart, and could not be read after it."""
    last = max(number for number, event in enumerate(events) if event.kind == "digest")
    data = {key: events[last].data[key] for key in ("store", "member")}
    failed = replace(events[last], kind="unread", data={**data, "what": "digest", "message": "connection refused"})
    return (*events[:last], failed, *events[last + 1 :])


def one_moved_before(mark: str, before: str) -> Change:
    """The same drill, but one mark was recorded just before another."""

    def change(events: Events) -> Events:
        at, target = (next(n for n, e in enumerate(events) if e.data.get("mark") == name) for name in (mark, before))
        moved = replace(events[at], at_s=events[target].at_s)
        rest = (*events[:at], *events[at + 1 :])
        return (*rest[:target], moved, *rest[target:])

    return change


def moved_before(kind: str, before: str) -> Change:
    """The same drill, but all events of a kind came before those of another."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.kind == before)
        earlier = tuple(replace(event, at_s=events[at].at_s) for event in events if event.kind == kind)
        return (*events[:at], *earlier, *(event for event in events[at:] if event.kind != kind))

    return change


def _is(event: Event, kind: str, data: Mapping[str, Json]) -> bool:
    return event.kind == kind and all(event.data.get(key) == value for key, value in data.items())


JOURNAL_MUTATIONS = (
    # The drill itself.
    unknown("the drill was killed", "drill-finished", Why(Reason.StepNotFinished, "step readback"),
        without("step", step="readback", phase="end"), also=("data-equal",)),
    unknown("the drill was interrupted", "drill-finished", Why(Reason.DrillInterrupted, "step seed"),
        added("error", step="seed", message="no disk")),
    fail("the restore failed", "drill-finished", Reason.RecoveryFailed,
        added("recovery-failed", step="restore", message="gave up")),
    unknown("the reused state differs from the recorded state", "taken-over", Reason.ReusedStateDiffers,
        added("taken-over", run="x", digests={})),
    # The fault.
    unknown("the fault never happened", "damage-seen", Reason.DamageNotSeen, without("fault", phase="injected")),
    unknown("the fault left no damage", "damage-seen", Reason.DamageNotSeen, changed("damage", what={})),
    unknown("the damage was not recorded", "damage-seen", Reason.DamageNotSeen, without("damage")),
    unknown("another fault did the damage", "damage-seen", Reason.DamageNotSeen, changed("damage", fault="another")),
    unknown("the damage was not dated", "damage-seen", Reason.DamageNotDated, without("mark", mark="T3"),
        also=("objectives-met", "events-in-order")),
    # The backup, by what Velero reports and by what drillproof reads.
    fail("the backup failed partially", "backup-complete", Reason.BackupPartiallyFailed,
        changed("backup", phase="PartiallyFailed")),
    fail("the backup had an error and says Completed", "backup-complete", Reason.BackupHadErrors,
        changed("backup", errors=1)),
    fail("a volume was not backed up", "backup-complete", Reason.VolumeNotBackedUp, first_volume("backup", "volumes"),
        also=("restore-complete",)),
    fail("a volume was backed up empty", "backup-complete", Reason.VolumeBackedUpEmpty,
        first_volume("backup", "volumes", bytes_done=0, bytes_total=0), also=("restore-complete",)),
    fail("a volume was backed up partially", "backup-complete", Reason.VolumePartlyBackedUp,
        first_volume("backup", "volumes", bytes_done=500, bytes_total=1000), also=("restore-complete",)),
    fail("a volume's backup failed and the backup says Completed", "backup-complete", Reason.VolumeBackupFailed,
        first_volume("backup", "volumes", phase="Failed")),
    fail("no volume was to be backed up", "backup-complete", Reason.VolumeNotProtected,
        changed("protected", volumes=[])),
    fail("a hook failed", "backup-complete", Reason.HookFailed, changed("backup", hooks_failed=1)),
    fail("a hook did not run", "backup-complete", Reason.HookDidNotRun, changed("backup", hooks_attempted=0)),
    fail("the bucket is empty", "backup-complete", Reason.BackupNotStored, changed("stored", objects=0, bytes=0)),
    fail("the repository is damaged", "backup-complete", Reason.RepositoryDamaged,
        changed("stored", damage=["pack 4f is not what its name says"])),
    unknown("the repository was not checked", "backup-complete", Reason.RepositoryNotChecked,
        changed("stored", checked=False)),
    unknown("there is no record of the backup", "backup-complete", Reason.NotRecorded, without("backup"),
        also=("restore-complete",)),
    # The restore.
    fail("the restore failed partially", "restore-complete", Reason.RestorePartiallyFailed,
        changed("restore", phase="PartiallyFailed")),
    fail("a volume was not restored", "restore-complete", Reason.VolumeNotRestored, first_volume("restore", "volumes")),
    fail("a volume was restored partially", "restore-complete", Reason.VolumePartlyRestored,
        first_volume("restore", "volumes", bytes_done=7)),
    fail("another backup was restored", "restore-complete", Reason.WrongBackupRestored,
        changed("restore", of="last-year")),
    fail("a hook of the restore failed", "restore-complete", Reason.HookFailed,
        changed("restore", hooks_attempted=1, hooks_failed=1)),
    unknown("there is no record of the restore", "restore-complete", Reason.NotRecorded, without("restore")),
    # Who answered.
    unknown("all volumes are the old ones", "answers-from-restored", Reason.VolumeSurvived, surviving_volumes),
    unknown("one volume is the old one", "answers-from-restored", Reason.VolumeSurvived, one_surviving_volume),
    fail("a claim did not come back", "answers-from-restored", Reason.ClaimMissing, first_volume("volumes", "volumes")),
    unknown("the volumes were not recorded", "answers-from-restored", Reason.NotRecorded,
        without("volumes", when="after")),
    unknown("a member was not restarted", "answers-from-restored", Reason.MemberNotRestarted, one_without("restart")),
    unknown("a member's pod is the old one", "answers-from-restored", Reason.MemberNotRestarted,
        one_member("restart", before="same", after="same")),
    unknown("no member was read after the restart", "answers-from-restored", Reason.MemberNotRestarted, not_read_again),
    unknown("a member could not be read after the restart", "data-equal",
        Why(Reason.ReadFailed, causes=(Reason.ConnectionRefused,)), one_not_read_again),
    unknown("no member was restarted", "answers-from-restored", Reason.MemberNotRestarted, without("restart"),
        also=("login",)),
    unknown("another member answered", "data-equal", Why(Reason.AnsweredByAnother, "someone-else"),
        one_member("digest", answered_by="someone-else")),
    # Reading back.
    unknown("a member's health was not read", "members-healthy", Reason.NotReadBack,
        one_without("health", when="after")),
    unknown("a member was unhealthy before", "members-healthy", Reason.NotHealthyBefore,
        one_without("health", when="before")),
    unknown("a member's identity is unknown", "members-healthy", Reason.IdentityUnknown,
        one_member("health", identity="")),
    fail("a member is unhealthy", "members-healthy", Reason.ReplicationStopped,
        one_member("health", ok=False, detail="stopped", reasons=["ReplicationStopped"])),
    unknown("a member was not read back", "data-equal", Reason.NotReadBack, one_without("digest", when="after"),
        also=("answers-from-restored",)),
    unknown("no member was read back", "data-equal", Reason.NotReadBack, without("digest", when="after"),
        also=("answers-from-restored",)),
    unknown("there is no reference", "data-equal", Reason.NoReference, without("digest", when="before")),
    unknown("the members were not equal before", "data-equal", Reason.NoReference,
        one_without("digest", when="before")),
    fail("a member came back with no data at all", "data-equal", Reason.PartMissing, one_member("digest", parts={})),
    unknown("the indexes were not checked", "indexes-hold", Reason.NotReadBack, without("indexes")),
    unknown("a member's indexes were not checked", "indexes-hold", Reason.NotReadBack, one_without("indexes")),
    unknown("the indexes were checked before the restart", "indexes-hold", Reason.NotReadBack,
        moved_before("indexes", before="restart"), also=("answers-from-restored",)),
    unknown("another member's indexes were checked", "indexes-hold", Why(Reason.AnsweredByAnother, "someone-else"),
        one_member("indexes", answered_by="someone-else")),
    unknown("no index was checked", "indexes-hold", Reason.IndexNotChecked, changed("indexes", held=0)),
    unknown("the objects were not compared", "objects-equal", Reason.NotReadBack, without("objects", when="after")),
    fail("the objects are gone", "objects-equal", Reason.ObjectMissing,
        changed("objects", {"when": "after"}, parts={})),
    unknown("the ledger was not read back", "ledger-kept", Reason.NotRecorded, lambda events: tuple(
            event for event in events if not (event.kind == "file" and "@" in str(event.data.get("name")))),
        also=("objectives-met", "transfers-whole")),
    unknown("the accounts were not read back", "transfers-whole", Reason.NotReadBack, without("balances")),
    unknown("no new write was tried", "new-write", Reason.WriteNotTried, without("write")),
    fail("no new write was taken", "new-write", Reason.WriteNotCommitted,
        changed("write", committed=False, detail="read only")),
    fail("a new write did not reach a member", "new-write", Reason.WriteNotReplicated, changed("write", seen_on=[])),
    # Logging in.
    unknown("no login before the fault", "login", Why(Reason.LoginNotSeenBefore, "portal"),
        without("login", when="before"), needs="login"),
    unknown("the login before the fault failed", "login", Why(Reason.LoginNotSeenBefore, "portal"),
        changed("login", {"when": "before"}, signed_by="", detail="401"), needs="login"),
    unknown("any password was accepted before", "login", Why(Reason.LoginNotSeenBefore, "portal"),
        changed("login", {"when": "before"}, stranger="let in"), needs="login"),
    unknown("no login after the restore", "login", Why(Reason.LoginNotTried, "portal"), without("login", when="after"),
        needs="login"),
    fail("the realm is gone", "login", Why(Reason.NotLoggedIn, "portal"),
        changed("login", {"when": "after"}, keys={}, signed_by="", detail="404", earlier=""), needs="login"),
    fail("the realm was recreated", "login", Why(Reason.SigningKeyChanged, "portal", causes=(Reason.TokenRejected,)),
        changed("login", {"when": "after"}, keys={"k2": "hash-2"}, signed_by="k2", earlier="no key"), needs="login"),
    fail("another key has the ID of the old one", "login", Why(Reason.SigningKeyChanged, "portal"),
        changed("login", {"when": "after"}, keys={"k1": "another"}), needs="login"),
    fail("another key signs", "login", Why(Reason.SigningKeyChanged, "portal"),
        changed("login", {"when": "after"}, signed_by="k2", keys={"k1": "hash-1", "k2": "hash-2"}), needs="login"),
    fail("the earlier tokens are rejected", "login", Why(Reason.TokenRejected, "portal"),
        changed("login", {"when": "after"}, earlier="its signature does not hold"), needs="login"),
    fail("the earlier tokens were not tried", "login", Why(Reason.TokenNotTried, "portal"),
        changed("login", {"when": "after"}, earlier=""), needs="login"),
    fail("any password is accepted", "login", Why(Reason.WrongPasswordAccepted, "portal"),
        changed("login", {"when": "after"}, stranger="let in"), needs="login"),
    fail("a wrong password got no clear answer", "login", Why(Reason.WrongPasswordUnclear, "portal"),
        changed("login", {"when": "after"}, stranger="500"), needs="login"),
    unknown("the service was not restarted", "login", Why(Reason.MemberNotRestarted, "portal", "portal-0"),
        without("restart", member="portal-0"), needs="login"),
    # Objectives and network isolation.
    fail("the recovery took too long", "objectives-met", Why(Reason.ObjectiveMissed, "RTO"), delayed("T8", 100_000)),
    unknown("the recovery's end was not seen", "objectives-met", Why(Reason.ObjectiveNotMeasured, "RTO"),
        without("mark", mark="T8"), also=("events-in-order",)),
    # The order of it all.
    unknown("the service took writes before the damage was seen", "events-in-order",
        Why(Reason.EventsOutOfOrder, "mark T8"), one_moved_before("T8", "T3"), also=("objectives-met",)),
    unknown("the restore was requested before the damage was seen", "events-in-order",
        Why(Reason.EventsOutOfOrder, "mark T4"), one_moved_before("T4", "T3")),
    unknown("nobody recorded when all pods were ready", "events-in-order", Why(Reason.MarkMissing, "T6"),
        without("mark", mark="T6")),
    unknown("the step `restore` began twice", "events-in-order", Why(Reason.EventsOutOfOrder, "step restore start"),
        added("step", step="restore", phase="start")),
    fail("packets left the network isolation", "fence-held", Reason.PacketEscaped, changed("fence", escaped=3)),
    unknown("the self-test did not run", "self-test", Reason.SelfTestNotRun, without("selftest")),
    unknown("the self-test missed a mutation", "self-test", Why(Reason.MutationMissed, "a row gone"),
        changed("selftest", noticed=1, missed=[{"name": "a row gone"}])),
    unknown("the packets were not counted", "fence-held", Reason.EgressNotMeasured, without("fence")),
    unknown("there was no network isolation", "fence-held", Reason.EgressNotMeasured,
        changed("fence", there=False, escaped=None)),
)  # fmt: skip
"""A table, so it is not formatted."""
