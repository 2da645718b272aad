"""Drills that went amiss and were truly recorded: what the journal says is spoilt, and nothing was edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.core.model import Event, Json, Verdict
from harness.core.reason import Reason
from harness.selftest.mutation import Expected, Why

Events = tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Story(Expected):
    """`change` makes of what a good drill recorded what this one would have, if it had recorded what this `needs`."""

    change: Callable[[Events], Events]
    needs: str = ""  # a kind of event


def without(kind: str, **data: Json) -> Callable[[Events], Events]:
    """The same drill, without the events of a kind whose data hold all of `data`."""
    return lambda events: tuple(event for event in events if not _is(event, kind, data))


def told(kind: str, where: Mapping[str, Json] | None = None, **data: Json) -> Callable[[Events], Events]:
    """The same drill, but the events of a kind (where they hold `where`) say `data`."""
    return lambda events: tuple(
        replace(event, data={**event.data, **data}) if _is(event, kind, where or {}) else event for event in events
    )


def also(kind: str, **data: Json) -> Callable[[Events], Events]:
    """The same drill, with one more event at its end."""
    return lambda events: (*events, replace(events[-1], kind=kind, data=data))


def late(mark: str, by_s: float) -> Callable[[Events], Events]:
    """The same drill, but this mark was reached later, and all that came after it."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.data.get("mark") == mark)
        return (*events[:at], *(replace(event, at_s=event.at_s + by_s) for event in events[at:]))

    return change


def first_volume(kind: str, key: str, **changes: Json) -> Callable[[Events], Events]:
    """The same drill, but the first volume that the newest event of a kind tells of is told of otherwise, or not."""

    def change(events: Events) -> Events:
        at = max(number for number, event in enumerate(events) if event.kind == kind)
        listed = events[at].data[key]
        assert isinstance(listed, list)
        first, *others = listed
        assert isinstance(first, dict)
        volumes: list[Json] = [{**first, **changes}, *others] if changes else list(others)
        return (*events[:at], replace(events[at], data={**events[at].data, key: volumes}), *events[at + 1 :])

    return change


def same_volumes(events: Events) -> Events:
    """The volumes of after the restore are those of before the fault."""
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    return told("volumes", {"when": "after"}, volumes=before.data["volumes"])(events)


def one_old_volume(events: Events) -> Events:
    """One volume of after the restore is one of before the fault."""
    before = next(event for event in events if _is(event, "volumes", {"when": "before"}))
    listed = before.data["volumes"]
    assert isinstance(listed, list)
    assert isinstance(listed[0], dict)
    return first_volume("volumes", "volumes", volume_uid=listed[0]["volume_uid"])(events)


def one_member(kind: str, **data: Json) -> Callable[[Events], Events]:
    """The same drill, but the first member of which a kind of event tells after the restore tells `data`."""

    def change(events: Events) -> Events:
        at = next(n for n, event in enumerate(events) if event.kind == kind and event.data.get("when") != "before")
        return (*events[:at], replace(events[at], data={**events[at].data, **data}), *events[at + 1 :])

    return change


def one_silent(kind: str, **data: Json) -> Callable[[Events], Events]:
    """The same drill, but of one member there are no events of a kind whose data hold all of `data`."""

    def change(events: Events) -> Events:
        member = next(event.data["member"] for event in events if _is(event, kind, data))
        return without(kind, member=member, **data)(events)

    return change


def not_read_again(events: Events) -> Events:
    """Nobody was read once more after the restart."""
    last = max(number for number, event in enumerate(events) if event.kind == "restart")
    return (*events[:last], *(event for event in events[last:] if event.kind != "digest"))


def one_not_read_again(events: Events) -> Events:
    """One member answered before the restart, and could not be read after it."""
    last = max(number for number, event in enumerate(events) if event.kind == "digest")
    data = {key: events[last].data[key] for key in ("store", "member")}
    failed = replace(events[last], kind="unread", data={**data, "what": "digest", "message": "connection refused"})
    return (*events[:last], failed, *events[last + 1 :])


def first(kind: str, before: str) -> Callable[[Events], Events]:
    """The same drill, but all events of a kind came before those of another."""

    def change(events: Events) -> Events:
        at = next(number for number, event in enumerate(events) if event.kind == before)
        earlier = tuple(replace(event, at_s=events[at].at_s) for event in events if event.kind == kind)
        return (*events[:at], *earlier, *(event for event in events[at:] if event.kind != kind))

    return change


def _is(event: Event, kind: str, data: Mapping[str, Json]) -> bool:
    return event.kind == kind and all(event.data.get(key) == value for key, value in data.items())


UNKNOWN = Verdict.UNKNOWN
STORIES = (
    # The drill itself.
    Story(name="the drill was killed", check="drill-finished", why=Why(Reason.StepNotFinished, "step readback"),
          verdict=UNKNOWN, also=("data-equal",), change=without("step", step="readback", phase="end")),
    Story(name="the harness broke", check="drill-finished", why=Why(Reason.DrillInterrupted, "step seed"),
          verdict=UNKNOWN, change=also("error", step="seed", message="no disk")),
    Story(name="the restore failed", check="drill-finished", why=Why(Reason.RecoveryFailed),
          change=also("recovery-failed", step="restore", message="gave up")),
    Story(name="what was taken over was not what was left", check="taken-over", why=Why(Reason.ReusedStateDiffers),
          verdict=UNKNOWN, change=also("taken-over", run="x", digests={})),
    # The fault.
    Story(name="the fault never happened", check="damage-seen", why=Why(Reason.DamageNotSeen), verdict=UNKNOWN,
          change=without("fault", phase="injected")),
    Story(name="the fault left no damage", check="damage-seen", why=Why(Reason.DamageNotSeen), verdict=UNKNOWN,
          change=told("damage", what={})),
    Story(name="the damage was not looked for", check="damage-seen", why=Why(Reason.DamageNotSeen), verdict=UNKNOWN,
          change=without("damage")),
    Story(name="what was gone was gone for another reason", check="damage-seen", why=Why(Reason.DamageNotSeen),
          verdict=UNKNOWN, change=told("damage", fault="a thief")),
    Story(name="the damage was there before the fault", check="damage-seen", why=Why(Reason.DamageNotDated),
          verdict=UNKNOWN, also=("objectives-met",), change=without("mark", mark="T3")),
    # The backup, by the tool's word and by ours.
    Story(name="the backup failed in part", check="backup-complete", why=Why(Reason.BackupPartiallyFailed),
          change=told("backup", phase="PartiallyFailed")),
    Story(name="the backup had an error and says Completed", check="backup-complete", why=Why(Reason.BackupHadErrors),
          change=told("backup", errors=1)),
    Story(name="a volume was not backed up", check="backup-complete", why=Why(Reason.VolumeNotBackedUp),
          also=("restore-complete",), change=first_volume("backup", "volumes")),
    Story(name="a volume was backed up empty", check="backup-complete", why=Why(Reason.VolumeBackedUpEmpty),
          also=("restore-complete",), change=first_volume("backup", "volumes", bytes_done=0, bytes_total=0)),
    Story(name="a volume was backed up by half", check="backup-complete", why=Why(Reason.VolumePartlyBackedUp),
          also=("restore-complete",), change=first_volume("backup", "volumes", bytes_done=500, bytes_total=1000)),
    Story(name="a volume's backup failed and the backup says Completed", check="backup-complete",
          why=Why(Reason.VolumeBackupFailed), change=first_volume("backup", "volumes", phase="Failed")),
    Story(name="no volume was to be backed up", check="backup-complete", why=Why(Reason.VolumeNotProtected),
          change=told("protected", volumes=[])),
    Story(name="a hook failed", check="backup-complete", why=Why(Reason.HookFailed),
          change=told("backup", hooks_failed=1)),
    Story(name="a hook did not run", check="backup-complete", why=Why(Reason.HookDidNotRun),
          change=told("backup", hooks_attempted=0)),
    Story(name="the bucket is empty", check="backup-complete", why=Why(Reason.BackupNotStored),
          change=told("stored", objects=0, bytes=0)),
    Story(name="the repository is damaged", check="backup-complete", why=Why(Reason.RepositoryDamaged),
          change=told("stored", damage=["pack 4f is not what its name says"])),
    Story(name="the repository was not checked", check="backup-complete", why=Why(Reason.RepositoryNotChecked),
          verdict=UNKNOWN, change=told("stored", checked=False)),
    Story(name="there is no record of the backup", check="backup-complete", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, also=("restore-complete",), change=without("backup")),
    # The restore.
    Story(name="the restore failed in part", check="restore-complete", why=Why(Reason.RestorePartiallyFailed),
          change=told("restore", phase="PartiallyFailed")),
    Story(name="a volume was not restored", check="restore-complete", why=Why(Reason.VolumeNotRestored),
          change=first_volume("restore", "volumes")),
    Story(name="a volume was restored by half", check="restore-complete", why=Why(Reason.VolumePartlyRestored),
          change=first_volume("restore", "volumes", bytes_done=7)),
    Story(name="another backup was restored", check="restore-complete", why=Why(Reason.WrongBackupRestored),
          change=told("restore", of="last-year")),
    Story(name="a hook of the restore failed", check="restore-complete", why=Why(Reason.HookFailed),
          change=told("restore", hooks_attempted=1, hooks_failed=1)),
    Story(name="there is no record of the restore", check="restore-complete", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=without("restore")),
    # Who answered.
    Story(name="all volumes are the old ones", check="answers-from-restored", why=Why(Reason.VolumeSurvived),
          verdict=UNKNOWN, change=same_volumes),
    Story(name="one volume is the old one", check="answers-from-restored", why=Why(Reason.VolumeSurvived),
          verdict=UNKNOWN, change=one_old_volume),
    Story(name="a claim did not come back", check="answers-from-restored", why=Why(Reason.ClaimMissing),
          change=first_volume("volumes", "volumes")),
    Story(name="the volumes were not looked at", check="answers-from-restored", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=without("volumes", when="after")),
    Story(name="a member was not restarted", check="answers-from-restored", why=Why(Reason.MemberNotRestarted),
          verdict=UNKNOWN, change=one_silent("restart")),
    Story(name="a member's pod is the old one", check="answers-from-restored", why=Why(Reason.MemberNotRestarted),
          verdict=UNKNOWN, change=one_member("restart", before="same", after="same")),
    Story(name="nobody was read again", check="answers-from-restored", why=Why(Reason.MemberNotRestarted),
          verdict=UNKNOWN, change=not_read_again),
    Story(name="a member could be read no more after the restart", check="data-equal",
          why=Why(Reason.ReadFailed, causes=(Reason.ConnectionRefused,)), verdict=UNKNOWN, change=one_not_read_again),
    Story(name="nobody was restarted", check="answers-from-restored", why=Why(Reason.MemberNotRestarted),
          verdict=UNKNOWN, also=("login",), change=without("restart")),
    Story(name="another member answered", check="data-equal", why=Why(Reason.AnsweredByAnother, "someone-else"),
          verdict=UNKNOWN, change=one_member("digest", answered_by="someone-else")),
    # Reading back.
    Story(name="a member was not asked how it is", check="members-healthy", why=Why(Reason.NotReadBack),
          verdict=UNKNOWN, change=one_silent("health", when="after")),
    Story(name="a member was unwell before", check="members-healthy", why=Why(Reason.NotHealthyBefore), verdict=UNKNOWN,
          change=one_silent("health", when="before")),
    Story(name="a member did not say who it is", check="members-healthy", why=Why(Reason.IdentityUnknown),
          verdict=UNKNOWN, change=one_member("health", identity="")),
    Story(name="a member is unwell", check="members-healthy", why=Why(Reason.ReplicationStopped),
          change=one_member("health", ok=False, detail="stopped", reasons=["ReplicationStopped"])),
    Story(name="a member was not read back", check="data-equal", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          also=("answers-from-restored",), change=one_silent("digest", when="after")),
    Story(name="nobody was read back", check="data-equal", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          also=("answers-from-restored",), change=without("digest", when="after")),
    Story(name="there is nothing to compare with", check="data-equal", why=Why(Reason.NoReference), verdict=UNKNOWN,
          change=without("digest", when="before")),
    Story(name="the members were not equal before", check="data-equal", why=Why(Reason.NoReference), verdict=UNKNOWN,
          change=one_silent("digest", when="before")),
    Story(name="a member came back with no data at all", check="data-equal", why=Why(Reason.PartMissing),
          change=one_member("digest", parts={})),
    Story(name="the indexes were not held against their tables", check="indexes-hold", why=Why(Reason.NotReadBack),
          verdict=UNKNOWN, change=without("indexes")),
    Story(name="a member's indexes were not asked for", check="indexes-hold", why=Why(Reason.NotReadBack),
          verdict=UNKNOWN, change=one_silent("indexes")),
    Story(name="the indexes were read from memory", check="indexes-hold", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          also=("answers-from-restored",), change=first("indexes", before="restart")),
    Story(name="another member's indexes were held", check="indexes-hold",
          why=Why(Reason.AnsweredByAnother, "someone-else"), verdict=UNKNOWN,
          change=one_member("indexes", answered_by="someone-else")),
    Story(name="no index was there to be held", check="indexes-hold", why=Why(Reason.IndexNotChecked), verdict=UNKNOWN,
          change=told("indexes", held=0)),
    Story(name="the objects were not compared", check="objects-equal", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          change=without("objects", when="after")),
    Story(name="the objects are gone", check="objects-equal", why=Why(Reason.ObjectMissing),
          change=told("objects", {"when": "after"}, parts={})),
    Story(name="the ledger was not read back", check="ledger-kept", why=Why(Reason.NotRecorded), verdict=UNKNOWN,
          also=("objectives-met", "transfers-whole"), change=lambda events: tuple(
              event for event in events if not (event.kind == "file" and "@" in str(event.data.get("name"))))),
    Story(name="the accounts were not read back", check="transfers-whole", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          change=without("balances")),
    Story(name="no new write was tried", check="new-write", why=Why(Reason.WriteNotTried), verdict=UNKNOWN,
          change=without("write")),
    Story(name="no new write was taken", check="new-write", why=Why(Reason.WriteNotCommitted),
          change=told("write", committed=False, detail="read only")),
    Story(name="a new write did not reach a member", check="new-write", why=Why(Reason.WriteNotReplicated),
          change=told("write", seen_on=[])),
    # Logging in.
    Story(name="nobody logged in before", check="login", why=Why(Reason.LoginNotSeenBefore, "portal"),
          verdict=UNKNOWN, change=without("login", when="before"), needs="login"),
    Story(name="the login of before failed", check="login", why=Why(Reason.LoginNotSeenBefore, "portal"),
          verdict=UNKNOWN, change=told("login", {"when": "before"}, signed_by="", detail="401"), needs="login"),
    Story(name="any password was right before", check="login", why=Why(Reason.LoginNotSeenBefore, "portal"),
          verdict=UNKNOWN, change=told("login", {"when": "before"}, stranger="let in"), needs="login"),
    Story(name="nobody logged in after", check="login", why=Why(Reason.LoginNotTried, "portal"),
          verdict=UNKNOWN, change=without("login", when="after"), needs="login"),
    Story(name="the realm is gone", check="login", why=Why(Reason.NotLoggedIn, "portal"),
          change=told("login", {"when": "after"}, keys={}, signed_by="", detail="404", earlier=""), needs="login"),
    Story(name="the realm was made anew", check="login",
          why=Why(Reason.SigningKeyChanged, "portal", causes=(Reason.TokenRejected,)),
          change=told("login", {"when": "after"}, keys={"k2": "hash-2"}, signed_by="k2", earlier="no key"),
          needs="login"),
    Story(name="another key goes by the old one's id", check="login", why=Why(Reason.SigningKeyChanged, "portal"),
          change=told("login", {"when": "after"}, keys={"k1": "another"}), needs="login"),
    Story(name="the old key is kept and signs no more", check="login", why=Why(Reason.SigningKeyChanged, "portal"),
          change=told("login", {"when": "after"}, signed_by="k2", keys={"k1": "hash-1", "k2": "hash-2"}),
          needs="login"),
    Story(name="the tokens of before are worth nothing", check="login", why=Why(Reason.TokenRejected, "portal"),
          change=told("login", {"when": "after"}, earlier="its signature does not hold"), needs="login"),
    Story(name="the tokens of before were not tried", check="login", why=Why(Reason.TokenNotTried, "portal"),
          change=told("login", {"when": "after"}, earlier=""), needs="login"),
    Story(name="any password is right", check="login", why=Why(Reason.WrongPasswordAccepted, "portal"),
          change=told("login", {"when": "after"}, stranger="let in"), needs="login"),
    Story(name="a wrong password got no clear answer", check="login", why=Why(Reason.WrongPasswordUnclear, "portal"),
          change=told("login", {"when": "after"}, stranger="500"), needs="login"),
    Story(name="the service was not started anew", check="login",
          why=Why(Reason.MemberNotRestarted, "portal", "portal-0"), verdict=UNKNOWN,
          change=without("restart", member="portal-0"), needs="login"),
    # Objectives and the fence.
    Story(name="the recovery took too long", check="objectives-met", why=Why(Reason.ObjectiveMissed, "RTO"),
          change=late("T8", 100_000)),
    Story(name="the recovery's end was not seen", check="objectives-met", why=Why(Reason.ObjectiveNotMeasured, "RTO"),
          verdict=UNKNOWN, change=without("mark", mark="T8")),
    Story(name="packets left the fence", check="fence-held", why=Why(Reason.PacketEscaped),
          change=told("fence", escaped=3)),
    Story(name="the checks were not tried", check="self-test", why=Why(Reason.SelfTestNotRun), verdict=UNKNOWN,
          change=without("selftest")),
    Story(name="a check was blind", check="self-test", why=Why(Reason.MutationMissed, "a row gone"),
          verdict=UNKNOWN, change=told("selftest", noticed=1, missed=[{"name": "a row gone"}])),
    Story(name="the fence was not counted", check="fence-held", why=Why(Reason.EgressNotMeasured), verdict=UNKNOWN,
          change=without("fence")),
    Story(name="a fence is said to have been none", check="fence-held", why=Why(Reason.EgressNotMeasured),
          verdict=UNKNOWN, change=told("fence", there=False, escaped=None)),
)  # fmt: skip
"""One line of a table each, so it is not formatted."""
