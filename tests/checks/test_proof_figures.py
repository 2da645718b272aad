"""The figures of a proof, and what it does not prove: from facts and events written by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.checks.not_proved import not_proved
from harness.checks.proof_metrics import Judged, age_s, ages_s, databases, rows, rpo_s, since
from harness.core.model import Event, Json
from harness.evidence.run_directory import MOVE, PROOF

AT = "2026-01-01T12:00:00+00:00"


def events(*each: tuple[str, Mapping[str, Json]]) -> list[Event]:
    """Of these kinds and data, one a second."""
    return [Event(n, n + 0.00049, AT, kind, data) for n, (kind, data) in enumerate(each, 1)]


T4 = ("mark", {"mark": "T4"})


def database(key: str, **more: Json) -> dict[str, Json]:
    return {"key": key, "kind": "mysql", "place": f"shop/{key}-0", **more}


# ---------------------------------------------------------------- databases


def test_a_database_is_read_as_it_is_recorded() -> None:
    """One whose copy is not recorded was copied, and only one of which it is said was moved from a snapshot."""
    found = databases(
        {"databases": [database("a", fingerprint="/f", copied=True), database("b", copied=False, moved=True)]}
    )
    assert found == (
        Judged("a", "mysql", "shop/a-0", "/f"),
        Judged("b", "mysql", "shop/b-0", "", copied=False, moved=True),
    )
    assert databases({"databases": [database("a")]}) == (Judged("a", "mysql", "shop/a-0", ""),)


@pytest.mark.parametrize("lacking", ["key", "kind", "place"])
def test_a_database_without_a_name_is_none(lacking: str) -> None:
    with pytest.raises(ValueError, match="without a name"):
        databases({"databases": [{**database("a"), lacking: ""}]})


@pytest.mark.parametrize("listed", [None, [], [database("a"), database("a")]])
def test_a_run_that_names_no_database_or_one_twice_is_refused(listed: Json) -> None:
    with pytest.raises(ValueError, match="names no databases"):
        databases({"databases": listed})


# ---------------------------------------------------------------- times and ages


def test_the_time_since_a_step_counts_from_its_first_start() -> None:
    seen = events(
        ("other", {"step": "fetch"}),
        ("step", {"step": "up"}),
        ("step", {"step": "fetch"}),
        ("step", {"step": "fetch"}),
        ("mark", {"mark": "T7", "at_s": 9.1236}),
    )
    assert since(seen, "fetch", "T7") == 6.123
    assert since(seen, "fetch", "T9") is None
    assert since(seen, "restore", "T7") is None


@pytest.mark.parametrize(
    ("started", "age"),
    [
        ("2026-01-01T11:00:00+00:00", 3600),
        ("2026-01-01T13:00:00+01:00", 0),
        ("2026-01-01T12:00:00.5+00:00", None),  # later than the restore
        ("2026-01-01T11:59:59.5+00:00", 0.5),
        ("2026-01-01T11:00:00", None),  # of no zone
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_age_of_a_backup_is_from_its_start_to_the_request_of_the_restore(started: Json, age: float | None) -> None:
    seen = events(("mark", {"mark": "T3"}), ("other", {"mark": "T4"}), T4)
    seen[:2] = [Event(each.seq, each.at_s, "2020-01-01T00:00:00+00:00", each.kind, each.data) for each in seen[:2]]
    assert age_s({"backup": {"started": started}}, seen) == age
    assert age_s({"backup": {"started": started}}, seen[:2]) is None


def newest(key: str, moment: str) -> tuple[str, Mapping[str, Json]]:
    return "newest", {"store": key, "newest": f"2026-01-01T{moment}+00:00"}


def test_the_rpo_of_a_proof_is_that_of_its_oldest_database() -> None:
    seen = events(T4, newest("a", "11:59:00"), newest("b", "11:50:00"), ("unread", {"what": "digest", "store": "c"}))
    assert ages_s(seen) == {"a": 60, "b": 600}
    assert rpo_s(seen) == 600
    assert rpo_s(events(T4)) is None


def test_one_database_whose_age_is_unknown_leaves_the_rpo_open() -> None:
    """Else the worst database would improve the figure by not answering."""
    for other in (("unread", {"what": "newest", "store": "b"}), newest("b", "12:00:01")):
        seen = events(T4, newest("a", "11:59:00"), other)
        assert ages_s(seen) == {"a": 60}
        assert rpo_s(seen) is None


def test_only_rows_of_users_are_counted() -> None:
    parts: dict[str, Json] = {
        "table a": {"rows": 2},
        "shop: table b": {"rows": 3},
        "keys": {"rows": 4},
        "settings": {"rows": 100},
        "table c": "broken",
        "table d": {"rows": "5"},
        "table e": {},
    }
    assert rows(parts) == 9


# ---------------------------------------------------------------- what is not proved


def unproved(facts: Mapping[str, Json], *seen: tuple[str, Mapping[str, Json]]) -> list[str]:
    return not_proved(facts, events(*seen))


def test_a_drill_lists_nothing() -> None:
    assert unproved({"backup": {"others": ["x"]}}, ("unready", {"pods": ["a"]})) == []


def test_a_proof_lists_what_it_did_not_ask() -> None:
    facts: dict[str, Json] = {"kind": PROOF, "databases": [database("a", fingerprint="/f"), database("b")]}
    assert unproved(facts) == [
        "that backups are still taken: the age of this one is unknown",
        "that the data of shop/b-0 are unchanged (no fingerprint was taken with the backup)",
        "that the service takes writes",
    ]
    facts["backup"] = {"started": "2026-01-01T10:30:00+00:00"}
    assert unproved(facts, T4)[0] == "that backups are still taken: this one is 1.5 h old, and --age set no limit"
    facts["objectives"] = {"age_s": 60}
    facts["databases"] = [database("a", fingerprint="/f")]
    assert unproved(facts, T4) == ["that the service takes writes"]
    facts["databases"] = []
    assert unproved(facts, T4) == ["that the service takes writes"]


def test_a_proof_lists_what_of_the_backup_it_left_out() -> None:
    named = {name: [f"{name} 1", f"{name} 2"] for name in ("others", "unreadable", "uncopied", "unasked")}
    said = unproved({"kind": PROOF, "objectives": {"age_s": 1}, "backup": {**named, "moved": []}})
    assert [line for line in said if "1" in line] == [
        "that backups of these schedules can be restored: others 1, others 2",
        "anything of these backups, which cannot be read: unreadable 1, unreadable 2",
        "the files of uncopied 1, uncopied 2 (the backup has no copy of them)",
        "the namespaces unasked 1, unasked 2 (not asked for with --namespace)",
    ]
    assert len(said) == 5


def test_a_proof_lists_the_pods_that_did_not_become_ready_last() -> None:
    facts: dict[str, Json] = {"kind": PROOF, "objectives": {"age_s": 1}}
    seen: list[tuple[str, Mapping[str, Json]]] = [
        ("unready", {"pods": ["a"]}),
        ("unready", {"pods": ["b", "c"]}),
        ("other", {"pods": ["d"]}),
    ]
    assert unproved(facts, *seen)[0] == "that these pods work: b, c (not Ready in network isolation)"
    assert unproved({**facts, "place": None}, *seen)[0] == "that these pods work: b, c (not Ready)"
    assert unproved(facts, *seen, ("unready", {"pods": []})) == ["that the service takes writes"]


@pytest.mark.parametrize(
    ("held", "said"), [(True, "blocked the egress probe"), (False, "without isolation"), (None, "without isolation")]
)
def test_a_proof_on_a_shared_cluster_says_how_far_it_was_isolated(held: Json, said: str) -> None:
    place: dict[str, Json] = {"network": {"held": held}}
    facts: dict[str, Json] = {"kind": PROOF, "objectives": {"age_s": 1}, "place": place}
    first, *others = unproved(facts)
    assert first.startswith("that no packet left the restored namespaces: ")
    assert said in first
    assert others == ["that the service takes writes"]
    place["left_out"] = ["Role r", "Secret s"]
    assert unproved(facts)[1].endswith("which a shared cluster does not allow: Role r, Secret s")


def test_a_migration_lists_the_files_that_nobody_read() -> None:
    volumes = [{"pod": "a-0", "volume": "data"}, {"pod": "web", "volume": "files"}]
    earlier, last = ("protected", {"volumes": [{"pod": "old", "volume": "x"}]}), ("protected", {"volumes": volumes})
    facts: dict[str, Json] = {"kind": MOVE, "databases": [{"pod": "a-0"}], "backup": {"uncopied": ["cache of web"]}}
    always = "what a fingerprint does not contain, and that the target takes writes (it is resumed later)"
    seen: list[tuple[str, Mapping[str, Json]]] = [
        earlier,
        last,
        ("other", {"volumes": [{"pod": "b", "volume": "x"}]}),
        ("unready", {"pods": ["web"]}),
    ]
    assert unproved(facts, *seen) == [
        "the files of cache of web (not annotated for the backup)",
        "the files of files of web (drillproof cannot read them; the backup tool reports them as restored)",
        "that these pods work: web (not Ready)",
        always,
    ]
    assert unproved({"kind": MOVE}) == [always]
