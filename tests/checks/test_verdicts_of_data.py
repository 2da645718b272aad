"""What the checks of data, services and migrations say of a few events, on both sides of each of their conditions."""

from __future__ import annotations

from pathlib import Path

import pytest
from verdicts import FAILED, FINE, UNKNOWN, Event, judged

from harness.checks import data, migration, service
from harness.core.model import OWN, Json

ONE: Json = {"db": ["db-0"]}

# ---------------------------------------------------------------- the service

SEEN: dict[str, Json] = {"store": "db", "member": "db-0", "ok": True, "identity": "i", "detail": "odd"}


def health(when: str, **changed: Json) -> Event:
    return "health", {**SEEN, "when": when, **changed}


HEALTH: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "healthy": ((health("before"), health("after")), FINE),
    "not seen before": ((health("after"),), (UNKNOWN, "NotHealthyBefore")),
    "ill before": ((health("before", ok=False), health("after")), (UNKNOWN, "NotHealthyBefore")),
    "not seen after": ((health("before"),), (UNKNOWN, "NotReadBack")),
    "ill after": ((health("before"), health("after", ok=False, reasons=[])), (FAILED, "MemberUnhealthy")),
    "ill for a reason": (
        (health("before"), health("after", ok=False, reasons=["ConnectionRefused"], objects=["x"])),
        (FAILED, "ConnectionRefused", "x"),
    ),
    "not said after": ((health("before"), health("after", ok=None, reasons=[])), (FAILED, "MemberUnhealthy")),
    "nobody": ((health("before"), health("after", identity="")), (UNKNOWN, "IdentityUnknown")),
    "another": ((health("before"), health("after", member="db-1")), (UNKNOWN, "NotReadBack")),
    "well, then ill": (
        (health("before"), health("after"), health("after", ok=False, reasons=[])),
        (FAILED, "MemberUnhealthy"),
    ),
}


@pytest.mark.parametrize(("events", "said"), HEALTH.values(), ids=HEALTH)
def test_the_health_of_a_member(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    found = judged(service.members_healthy, tmp_path, *events, stores=ONE)
    assert found == [(*said[:2], "db", "db-0", *said[2:])]


def write(**changed: Json) -> Event:
    return "write", {"store": "db", "n": 3, "committed": True, "seen_on": ["db-0", "db-1"], **changed}


WRITES: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "seen": ((write(),), (*FINE, "db")),
    "not tried": ((), (UNKNOWN, "WriteNotTried", "db")),
    "not committed": ((write(committed=False),), (FAILED, "WriteNotCommitted", "db")),
    "not said": ((write(committed=None),), (FAILED, "WriteNotCommitted", "db")),
    "on one": ((write(seen_on=["db-1"]),), (FAILED, "WriteNotReplicated", "db", "db-0")),
    "on none": ((write(seen_on=None),), (FAILED, "WriteNotReplicated", "db", "db-0", "db-1")),
    "then not": ((write(), write(committed=False)), (FAILED, "WriteNotCommitted", "db")),
}


@pytest.mark.parametrize(("events", "said"), WRITES.values(), ids=WRITES)
def test_a_new_write(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    assert judged(service.new_write_committed, tmp_path, *events) == [said]


SERVICES: Json = {"sso": {"store": "db", "pods": ["sso-0"]}}
LOGIN: dict[str, Json] = {"service": "sso", "signed_by": "k", "keys": {"k": "public"}, "stranger": "refused"}


def login(when: str, **changed: Json) -> Event:
    return "login", {**LOGIN, "when": when, **({"earlier": "holds"} if when == "after" else {}), **changed}


RESTART: Event = ("restart", {"member": "sso-0", "before": "p1", "after": "p2"})
LOGINS: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "the same": ((login("before"), RESTART, login("after")), FINE),
    "none before": ((RESTART, login("after")), (UNKNOWN, "LoginNotSeenBefore")),
    "refused before": ((login("before", signed_by=""), RESTART, login("after")), (UNKNOWN, "LoginNotSeenBefore")),
    "anybody before": ((login("before", stranger="let in"), RESTART, login("after")), (UNKNOWN, "LoginNotSeenBefore")),
    "none after": ((login("before"), RESTART), (UNKNOWN, "LoginNotTried")),
    "refused after": ((login("before"), RESTART, login("after", signed_by=None)), (FAILED, "NotLoggedIn")),
    "anybody after": (
        (login("before"), RESTART, login("after", stranger="let in")),
        (FAILED, "WrongPasswordAccepted"),
    ),
    "unclear": ((login("before"), RESTART, login("after", stranger="odd")), (FAILED, "WrongPasswordUnclear")),
    "another name of the key": (
        (login("before"), RESTART, login("after", signed_by="l", keys={"l": "public"})),
        (FAILED, "SigningKeyChanged"),
    ),
    "another key": ((login("before"), RESTART, login("after", keys={"k": "p"})), (FAILED, "SigningKeyChanged")),
    "no key": (
        (login("before", keys={}), RESTART, login("after", keys={})),
        (FAILED, "SigningKeyChanged"),
    ),
    "a token that is refused": (
        (login("before"), RESTART, login("after", earlier="refused")),
        (FAILED, "TokenRejected"),
    ),
    "a token that was not tried": ((login("before"), RESTART, login("after", earlier="")), (FAILED, "TokenNotTried")),
    "from memory": ((login("before"), login("after")), (UNKNOWN, "MemberNotRestarted", "sso-0")),
    "before the restart and after it": ((login("before"), login("after"), RESTART, login("after")), FINE),
    "before the restart": ((login("before"), login("after"), RESTART), (UNKNOWN, "MemberNotRestarted", "sso-0")),
    "again": (
        (login("before", signed_by=""), login("before"), RESTART, login("after", signed_by=""), login("after")),
        FINE,
    ),
}


@pytest.mark.parametrize(("events", "said"), LOGINS.values(), ids=LOGINS)
def test_a_login(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    found = judged(service.login, tmp_path, *events, stores=ONE, services=SERVICES)
    assert found == [(*said[:2], "db", "sso", *said[2:])]


# ---------------------------------------------------------------- the data


def table(rows: int = 2, digest: str = "d") -> Json:
    return {"rows": rows, "digest": digest}


PARTS: dict[str, Json] = {"table t": table(), "role r": table(1)}


def digest(when: str, parts: Json = None, **more: Json) -> Event:
    said = {"store": "db", "member": "db-0", "answered_by": "db-0", "parts": PARTS if parts is None else parts}
    return "digest", {**said, "when": when, **more}


BEFORE, AFTER = digest("before"), digest("after")
CORRUPT: Event = ("corrupt", {"what": "digest", "store": "db", "member": "db-0", "message": "odd", "objects": ["t"]})
UNREAD: Event = ("unread", {"what": "digest", "store": "db", "member": "db-0", "message": "connection refused"})
EQUAL: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "equal": ((BEFORE, AFTER, AFTER), FINE),
    "no reference": ((AFTER,), (UNKNOWN, "NoReference", "db-0")),
    "not read": ((BEFORE,), (UNKNOWN, "NotReadBack")),
    "not read again": ((BEFORE, AFTER, UNREAD), (UNKNOWN, "ReadFailed", "ConnectionRefused")),
    "corrupt": ((BEFORE, AFTER, CORRUPT), (FAILED, "DataCorrupted", "t")),
    "by another": ((BEFORE, digest("after", answered_by="x")), (UNKNOWN, "AnsweredByAnother", "x")),
    "by nobody": ((BEFORE, digest("after", answered_by=None)), (UNKNOWN, "AnsweredByAnother", "nobody")),
    "by another before": ((digest("before", answered_by="x"), AFTER), (UNKNOWN, "AnsweredByAnother", "x")),
    "by another once before": ((digest("before", answered_by="x"), BEFORE, AFTER), FINE),
    "by another after it, once": (
        (BEFORE, digest("after", answered_by="x"), AFTER),
        (UNKNOWN, "AnsweredByAnother", "x"),
    ),
    "once unequal": (
        (BEFORE, digest("after", {"table t": table()}), AFTER),
        (FAILED, "PartMissing", "role r"),
    ),
    "at last unequal": (
        (BEFORE, AFTER, digest("after", {"table t": table()})),
        (FAILED, "PartMissing", "role r"),
    ),
    "one added": ((BEFORE, digest("after", {**PARTS, "x": table()})), (FAILED, "PartUnexpected", "x")),
    "a definition": (
        (BEFORE, digest("after", {**PARTS, "role r": table(1, "e")})),
        (FAILED, "DefinitionDiffers", "role r"),
    ),
    "as many rows": ((BEFORE, digest("after", {**PARTS, "table t": table(2, "e")})), (FAILED, "RowsDiffer", "table t")),
    "more rows": (
        (BEFORE, digest("after", {**PARTS, "table t": table(3, "e")})),
        (FAILED, "RowsUnexpected", "table t"),
    ),
    "fewer rows": ((BEFORE, digest("after", {**PARTS, "table t": table(1, "e")})), (FAILED, "RowsMissing", "table t")),
    "no rows": ((BEFORE, digest("after", {**PARTS, "table t": table(0, "e")})), (FAILED, "PartEmptied", "table t")),
    "two things": (
        (BEFORE, digest("after", {"table t": table(0, "e")})),
        (FAILED, "PartMissing", "table t", "role r", "PartEmptied"),
    ),
}


@pytest.mark.parametrize(("events", "said"), EQUAL.values(), ids=EQUAL)
def test_the_data_of_a_member(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    assert judged(data.data_equal, tmp_path, *events, stores=ONE) == [(*said[:2], "db", "db-0", *said[2:])]


def test_members_that_disagreed_are_no_reference_but_for_their_own_parts(tmp_path: Path) -> None:
    other: dict[str, Json] = {"member": "db-1", "answered_by": "db-1"}
    own = {**PARTS, f"{OWN}x": table()}
    events = BEFORE, digest("before", own, **other), AFTER, digest("after", own, **other)
    assert judged(data.data_equal, tmp_path, *events) == [(*FINE, "db", "db-0"), (*FINE, "db", "db-1")]
    events = BEFORE, digest("before", {"table t": table()}, **other), AFTER, digest("after", **other)
    odd = (UNKNOWN, "NoReference", "db")
    assert judged(data.data_equal, tmp_path, *events) == [(*odd, "db-0", "db-1"), (*odd, "db-1", "db-1")]


def objects(when: str, **parts: Json) -> Event:
    return "objects", {"when": when, "parts": dict(parts)}


OBJECTS: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "equal": ((objects("before", a="1"), objects("after", a="1")), FINE),
    "not read before": ((objects("after", a="1"),), (UNKNOWN, "NotReadBack")),
    "nothing before": ((objects("before"), objects("after")), (UNKNOWN, "NotReadBack")),
    "not read after": ((objects("before", a="1"),), (UNKNOWN, "NotReadBack")),
    "all gone": ((objects("before", a="1"), objects("after")), (FAILED, "ObjectMissing", "a")),
    "one more": ((objects("before", a="1"), objects("after", a="1", b="2")), (FAILED, "ObjectUnexpected", "b")),
    "another": ((objects("before", a="1"), objects("after", a="2")), (FAILED, "ObjectDiffers", "a")),
}


@pytest.mark.parametrize(("events", "said"), OBJECTS.values(), ids=OBJECTS)
def test_the_objects(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    assert judged(data.objects_equal, tmp_path, *events) == [said]


def indexes(**changed: Json) -> Event:
    said: dict[str, Json] = {"store": "db", "member": "db-0", "answered_by": "db-0", "held": 1, "wrong": {}}
    return "indexes", {**said, **changed}


def restarted(member: str = "db-0") -> Event:
    return "restart", {"member": member}


NOT_COMPARED = (UNKNOWN, "NotReadBack")
INDEXES: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "match": ((restarted(), indexes()), FINE),
    "without a restart": ((indexes(),), FINE),
    "not compared": ((restarted(),), NOT_COMPARED),
    "before the restart": ((indexes(), restarted()), NOT_COMPARED),
    "between two restarts": ((restarted(), indexes(), restarted()), NOT_COMPARED),
    "before and after": ((indexes(), restarted(), indexes()), FINE),
    "corrupt": (
        (restarted(), indexes(), ("corrupt", {"what": "indexes", "store": "db", "member": "db-0", "objects": ["i"]})),
        (FAILED, "DataCorrupted", "i"),
    ),
    "by another": ((indexes(answered_by="x"),), (UNKNOWN, "AnsweredByAnother", "x")),
    "none": ((indexes(held=0),), (UNKNOWN, "IndexNotChecked")),
    "how many": ((indexes(held=None),), (UNKNOWN, "IndexNotChecked")),
    "which": ((indexes(wrong=None),), (UNKNOWN, "IndexNotChecked")),
    "one is wrong": ((indexes(wrong={"i": "odd"}),), (FAILED, "IndexDamaged", "index i")),
    "one is wrong for a reason": (
        (indexes(wrong={"i": "odd"}, reasons={"i": "RowsMissing"}),),
        (FAILED, "RowsMissing", "index i"),
    ),
    "two are wrong": (
        (indexes(wrong={"i": "odd", "j": "odd"}, reasons={"j": "RowsMissing"}),),
        (FAILED, "RowsMissing", "index i", "index j", "IndexDamaged"),
    ),
    "wrong, then right": ((indexes(wrong={"i": "odd"}), indexes()), FINE),
}


@pytest.mark.parametrize(("events", "said"), INDEXES.values(), ids=INDEXES)
def test_the_indexes(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    found = judged(data.indexes_consistent, tmp_path, *events, stores=ONE, indexed=["db"])
    assert found == [(*said[:2], "db", "db-0", *said[2:])]
    assert judged(data.indexes_consistent, tmp_path, *events, stores=ONE, indexed=[]) == []


# ---------------------------------------------------------------- a migration

FROZEN: Event = ("frozen", {"writers": {"deployment/web": 1}})
STILL: Event = ("still-frozen", {"loose": {}})
QUIESCED: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "still": ((FROZEN, STILL), FINE),
    "never": ((STILL,), (UNKNOWN, "SourceNotQuiesced")),
    "resumed": ((FROZEN, ("thawed", {}), STILL), (UNKNOWN, "SourceResumed")),
    "not known": ((FROZEN,), (UNKNOWN, "NotRecorded")),
    "not said": ((FROZEN, ("still-frozen", {"loose": None})), (UNKNOWN, "NotRecorded")),
    "not any more": (
        (FROZEN, ("still-frozen", {"loose": {"deployment/web": "2 replicas"}})),
        (FAILED, "SourceResumed", "deployment/web"),
    ),
}


@pytest.mark.parametrize(("events", "said"), QUIESCED.values(), ids=QUIESCED)
def test_the_writers_of_a_source(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    database: Json = {"key": "d", "kind": "postgres", "place": "n/d-0"}
    found = judged(migration.source_unchanged, tmp_path, *events, kind="move", databases=[database])
    assert found[0] == said
