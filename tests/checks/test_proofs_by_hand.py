"""Each thing that a proof or a migration judges, by journals of one database written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hand import Event, run

from harness.checks import migration, proof
from harness.checks.check import Check
from harness.core.errors import Unreadable
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, PROOF

KEY, POD = "mysql shop/db-0", "db-0"
DATABASE: dict[str, Json] = {"key": KEY, "kind": "mysql", "place": f"shop/{POD}", "fingerprint": "/data/fingerprint"}
PARTS: dict[str, Json] = {"table shop.orders": {"rows": 20, "hash": "71"}, "accounts": {"rows": 4, "hash": "93"}}
OTHER: dict[str, Json] = {**PARTS, "table shop.orders": {"rows": 19, "hash": "70"}}
BACKUP: dict[str, Json] = {"started": "2026-01-02T03:00:00Z", "completed": "2026-01-02T03:01:00Z"}


def of(kind: str, **data: Json) -> Event:
    """An event of the database."""
    return kind, {"store": KEY, **data}


def digest(when: str, parts: Mapping[str, Json] = PARTS, by: str = POD) -> Event:
    return of("digest", when=when, answered_by=by, parts=parts)


def unread(what: str, message: str) -> Event:
    return of("unread", what=what, message=message)


def judged(
    check: Check, folder: Path, events: Iterable[Event], kind: str = PROOF, **facts: Json
) -> tuple[Finding, ...]:
    common: dict[str, Json] = {"kind": kind, "databases": [DATABASE], "backup": BACKUP}
    return check(run(folder, {}, tuple(events), None, **{**common, **facts}))


def said(found: Iterable[Finding]) -> list[tuple[str, Reason]]:
    return [(each.verdict.value, each.reason) for each in found]


PASSED = ("pass", Reason.AsExpected)


def one(check: Check, folder: Path, events: Iterable[Event], kind: str = PROOF, **facts: Json) -> tuple[str, Reason]:
    (found,) = said(judged(check, folder, events, kind, **facts))
    return found


def instead(events: Sequence[Event], kind: str, *others: Event, **data: Json) -> list[Event]:
    """The events with others in place of those of a kind with such data."""
    place = next(n for n, each in enumerate(events) if each[0] == kind and data.items() <= each[1].items())
    rest = [each for each in events if not (each[0] == kind and data.items() <= each[1].items())]
    return [*rest[:place], *others, *rest[place:]]


# ---------------------------------------------------------------- the bucket of a proof


def listing(when: str, **data: Json) -> Event:
    return "listing", {"when": when, "sha256": "5e", "objects": 7, "bytes": 900, **data}


FAILED = ("fail", Reason.BucketChanged)
UNRECORDED = ("unknown", Reason.NotRecorded)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], UNRECORDED),
        ([listing("before")], UNRECORDED),
        ([listing("after", touched=[])], UNRECORDED),
        ([listing("before"), listing("after", touched=[])], PASSED),
        ([listing("before", sha256=""), listing("after", touched=[])], UNRECORDED),
        ([listing("before"), listing("after", sha256="", touched=[])], UNRECORDED),
        ([listing("before"), listing("after", touched=["backups/x"])], FAILED),
        # What belongs to others may change; older runs did not say what belongs to whom.
        ([listing("before"), listing("after", sha256="5f", touched=[])], PASSED),
        ([listing("before"), listing("after")], PASSED),
        ([listing("before"), listing("after", sha256="5f")], FAILED),
        ([listing("before"), listing("after", objects=8)], FAILED),
        ([listing("before"), listing("after", bytes=901)], FAILED),
        ([listing("before"), listing("after", changed=["backups/x"])], FAILED),
        # The first listing counts, and the last.
        ([listing("before"), listing("before", objects=8), listing("after", objects=8), listing("after")], PASSED),
        ([listing("before", sha256=""), listing("before"), listing("after")], UNRECORDED),
    ],
)
def test_the_bucket_of_a_proof_is_as_before(
    tmp_path: Path, events: Sequence[Event], expected: tuple[str, Reason]
) -> None:
    assert one(proof.bucket_unchanged, tmp_path, events) == expected


# ---------------------------------------------------------------- claims


def volumes(*claims: str, waiting: Sequence[str] = ()) -> Event:
    """The claims with their volumes, and those that no volume is bound to."""
    found = [{"claim": claim, "volume_uid": "" if claim in waiting else "u"} for claim in (*claims, *waiting)]
    return "volumes", {"when": "after", "volumes": found}


@pytest.mark.parametrize(
    ("event", "backup", "expected", "objects"),
    [
        (volumes("a", "b"), {"claims": ["a", "b"]}, PASSED, ()),
        (volumes("a"), {"claims": ["a", "b"]}, ("fail", Reason.ClaimMissing), ("claim b",)),
        (volumes("a", waiting=["b"]), {"claims": ["a", "b"], "unmounted": ["b"]}, PASSED, ()),
        (volumes("a", waiting=["b"]), {"claims": ["a", "b"]}, ("fail", Reason.ClaimMissing), ("claim b",)),
        (volumes("a"), {"claims": ["a", "b"], "unmounted": ["b"]}, ("fail", Reason.ClaimMissing), ("claim b",)),
        (volumes("a", "b"), {"claims": ["a", "b"], "unmounted": ["b"]}, PASSED, ()),
        (volumes("b"), {"claims": ["a", "b"], "unmounted": ["b"]}, ("fail", Reason.ClaimMissing), ("claim a",)),
        (volumes("a"), {}, UNRECORDED, ()),
        (("other", {}), {"claims": ["a"]}, UNRECORDED, ()),
    ],
)
def test_every_claim_of_the_backup_is_bound(
    tmp_path: Path, event: Event, backup: dict[str, Json], expected: tuple[str, Reason], objects: tuple[str, ...]
) -> None:
    (found,) = judged(proof.claims_restored, tmp_path, [event], backup=backup)
    assert (found.verdict.value, found.reason, found.objects) == (*expected, objects)


# ---------------------------------------------------------------- databases that are sound


HEALTHY = of("health", when="after", ok=True, detail="answers")
SOUND = of("sound", sound=2, damaged=[], unchecked=[], notes=[])
WHOLE = (HEALTHY, SOUND, digest("after"))
EMPTY: dict[str, Json] = {"accounts": {"rows": 4, "hash": "93"}}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (WHOLE, PASSED),
        ([unread("health", "no node"), *WHOLE], ("unknown", Reason.NotReadBack)),
        (WHOLE[1:], ("unknown", Reason.NotReadBack)),
        (instead(WHOLE, "health", of("health", when="after", ok=False)), ("fail", Reason.NotAnswering)),
        (instead(WHOLE, "health", of("health", when="after", ok="no")), ("fail", Reason.NotAnswering)),
        (instead(WHOLE, "sound"), ("unknown", Reason.IntegrityNotChecked)),
        (instead(WHOLE, "sound", of("sound", sound=2, damaged=["orders"])), ("fail", Reason.DataCorrupted)),
        (instead(WHOLE, "sound", of("sound", sound=2, unchecked=["x"])), ("unknown", Reason.IntegrityNotChecked)),
        (instead(WHOLE, "sound", of("sound", sound=0)), ("unknown", Reason.IntegrityNotChecked)),
        (WHOLE[:2], ("unknown", Reason.NotReadBack)),
        ([HEALTHY, SOUND, of("digest", when="after", answered_by=POD, parts="x")], ("unknown", Reason.NotReadBack)),
        ([HEALTHY, SOUND, digest("after", by="db-1")], ("unknown", Reason.AnsweredByAnother)),
        ([*WHOLE, digest("before", by="shop")], ("unknown", Reason.AnsweredByAnother)),
        ([HEALTHY, SOUND, digest("after", EMPTY)], ("unknown", Reason.DatabaseEmpty)),
    ],
)
def test_a_database_that_answers_with_sound_data_passes(
    tmp_path: Path, events: Sequence[Event], expected: tuple[str, Reason]
) -> None:
    (found,) = judged(proof.databases_sound, tmp_path, events)
    assert (found.verdict.value, found.reason) == expected
    assert (found.store, found.member) == ("mysql", f"shop/{POD}")


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"copied": False}, Reason.NotFromBackup), ({"copied": False, "moved": True}, Reason.VolumeNotRestorable)],
)
def test_a_database_that_the_backup_has_no_copy_of_is_not_proved(
    tmp_path: Path, more: dict[str, Json], reason: Reason
) -> None:
    databases: Json = [{**DATABASE, **more}]
    assert one(proof.databases_sound, tmp_path, WHOLE, databases=databases) == ("unknown", reason)


def test_what_was_not_read_says_why(tmp_path: Path) -> None:
    (found,) = judged(proof.databases_sound, tmp_path, [HEALTHY, unread("sound", "Access denied for user")])
    assert found.causes == (Reason.CredentialsRejected,)
    (found,) = judged(proof.databases_sound, tmp_path, [unread("health", "Access denied for user")])
    assert (found.reason, found.causes) == (Reason.NotReadBack, (Reason.CredentialsRejected,))


def test_a_database_that_was_passed_over_takes_pass_away(tmp_path: Path) -> None:
    found = judged(proof.databases_sound, tmp_path, WHOLE, backup={**BACKUP, "not_judged": ["shop/other-0"]})
    assert said(found) == [PASSED, ("unknown", Reason.DatabaseNotJudged)]
    assert found[1].objects == ("shop/other-0",)


def test_a_proof_that_names_no_database_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"run\.json: run\.json names no databases"):
        judged(proof.databases_sound, tmp_path, WHOLE, databases=[])


# ---------------------------------------------------------------- databases that equal their fingerprints


TAKEN = of("fingerprint", taken="2026-01-02T03:00:30Z")
EQUAL = (TAKEN, digest("before"), digest("after"))
STALE = ("unknown", Reason.FingerprintStale)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (EQUAL, PASSED),
        (EQUAL[:2], ("unknown", Reason.NotReadBack)),
        ((TAKEN, EQUAL[2]), ("unknown", Reason.FingerprintUnreadable)),
        ((*EQUAL[:2], digest("after", OTHER)), ("fail", Reason.RowsMissing)),
        ((*EQUAL[:2], digest("after", by="db-1")), ("unknown", Reason.AnsweredByAnother)),
        (EQUAL[1:], STALE),
    ],
)
def test_a_database_equals_its_fingerprint(
    tmp_path: Path, events: Sequence[Event], expected: tuple[str, Reason]
) -> None:
    assert one(proof.fingerprint_equal, tmp_path, events) == expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ("2026-01-02T02:55:00Z", PASSED),  # the clocks of a pod and of Velero may differ by five minutes
        ("2026-01-02T02:54:59Z", STALE),
        ("2026-01-02T03:06:00Z", PASSED),
        ("2026-01-02T03:06:01Z", STALE),
        ("2026-01-02T03:00:30", STALE),  # of no time zone
        ("at night", STALE),
        (None, STALE),
    ],
)
def test_a_fingerprint_is_of_the_time_of_the_backup(tmp_path: Path, taken: Json, expected: tuple[str, Reason]) -> None:
    """An old fingerprint equals an old dump."""
    assert one(proof.fingerprint_equal, tmp_path, (of("fingerprint", taken=taken), *EQUAL[1:])) == expected


def test_without_a_fingerprint_nothing_is_equal_unless_that_was_not_asked(tmp_path: Path) -> None:
    bare: Json = [{**DATABASE, "fingerprint": ""}]
    assert one(proof.fingerprint_equal, tmp_path, EQUAL, databases=bare) == ("unknown", Reason.NoFingerprint)
    assert judged(proof.fingerprint_equal, tmp_path, EQUAL, databases=bare, asked="sound") == ()
    assert one(proof.fingerprint_equal, tmp_path, EQUAL, asked="sound") == PASSED


# ---------------------------------------------------------------- migrations


FROZEN: Event = ("frozen", {"writers": {"deployment/web": "2"}})
HELD: Event = ("still-frozen", {"loose": {}})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((digest("before"), digest("after")), PASSED),
        ((digest("after"),), ("unknown", Reason.NoReference)),
        ((digest("before"),), ("unknown", Reason.NotReadBack)),
        ((digest("before"), digest("after", OTHER)), ("fail", Reason.RowsMissing)),
    ],
)
def test_the_target_equals_the_source(tmp_path: Path, events: Sequence[Event], expected: tuple[str, Reason]) -> None:
    assert one(migration.target_equals_source, tmp_path, events, MOVE) == expected


ENDED = (digest("before"), digest("end"))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((FROZEN, HELD, *ENDED), [PASSED, PASSED]),
        ((HELD, *ENDED), [("unknown", Reason.SourceNotQuiesced), PASSED]),
        ((FROZEN, ("thawed", {}), HELD, *ENDED), [("unknown", Reason.SourceResumed), PASSED]),
        ((FROZEN, *ENDED), [("unknown", Reason.NotRecorded), PASSED]),
        (
            (FROZEN, ("still-frozen", {"loose": {"deployment/web": "runs"}}), *ENDED),
            [("fail", Reason.SourceResumed), PASSED],
        ),
        ((FROZEN, HELD, ENDED[0]), [PASSED, ("unknown", Reason.SourceNotRead)]),
        ((FROZEN, HELD, ENDED[1]), [PASSED, ("unknown", Reason.SourceNotRead)]),
        ((FROZEN, HELD, ENDED[0], digest("end", OTHER)), [PASSED, ("fail", Reason.SourceWritten)]),
    ],
)
def test_the_source_is_quiesced_and_holds_what_it_held(
    tmp_path: Path, events: Sequence[Event], expected: list[tuple[str, Reason]]
) -> None:
    assert said(judged(migration.source_unchanged, tmp_path, events, MOVE)) == expected


def peers(where: str, *addresses: str) -> Event:
    return of("peers", where=where, addresses=[*addresses])


def pods(where: str) -> Event:
    return "pods", {"where": where, "namespace": "shop", "addresses": {"db-0": "10.0.0.1", "db-1": "10.0.0.2"}}


ENDS = (pods("source"), pods("target"))


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("10.0.0.2", True),
        ("10.0.0.9", False),
        ("db-1", True),
        ("db-9", False),
        ("db-1.db", True),  # a name without a namespace resolves in that of the client
        ("db-1.db.shop", True),
        ("db-1.db.shop.svc.cluster.local", True),
        ("db-1.db.other", False),
        ("db-1.db.other.svc.cluster.local", False),
        ("db-9.db.shop.svc.cluster.local", False),
        ("10-0-0-2.shop.pod.cluster.local", False),
        ("10-0-0-2.db.shop.svc", True),
        ("10-0-0-9.db.shop.svc", False),
    ],
)
def test_a_peer_is_a_pod_of_its_own_end(tmp_path: Path, address: str, *, own: bool) -> None:
    """A replica that follows a pod of the same name in the other namespace would carry writes between the ends."""
    found = judged(migration.ends_separate, tmp_path, (*ENDS, peers("source", address), peers("target", address)), MOVE)
    assert said(found) == [PASSED if own else ("fail", Reason.PeerUnexpected)] * 2
    assert [each.objects for each in found] == [(end, *(() if own else (address,))) for end in ("source", "target")]


def test_a_peer_that_was_foreign_before_counts_at_the_target_alone(tmp_path: Path) -> None:
    events = (*ENDS, *(peers(where, "203.0.113.5", "10.0.0.1") for where in ("before", "source", "target")))
    found = judged(migration.ends_separate, tmp_path, events, MOVE)
    assert said(found) == [PASSED, ("fail", Reason.PeerUnexpected)]


@pytest.mark.parametrize("events", [ENDS, (peers("source", "db-0"), peers("target", "db-0"))])
def test_peers_that_are_not_recorded_are_unknown(tmp_path: Path, events: Sequence[Event]) -> None:
    found = judged(migration.ends_separate, tmp_path, events, MOVE)
    assert said(found) == [("unknown", Reason.PeersUnknown)] * 2
