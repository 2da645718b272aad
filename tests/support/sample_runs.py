"""Run directories written by hand: one that passed, one that failed, one that broke off."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.checks.judge import FINDINGS_SCHEMA
from harness.core.bank_workload import opening_balances
from harness.core.model import Event, Json, Verdict, worst
from harness.evidence import journal

STORES = {
    "mysql": ["mysql-0", "mysql-1", "mysql-2"],
    "postgres": ["postgres-0", "postgres-1", "postgres-2"],
    "consul": ["consul-0", "consul-1", "consul-2"],
}
PARTS: dict[str, dict[str, Json]] = {
    "mysql": {
        "table core_iam.client": {"rows": 12000, "hash": "9c1f0a77b2"},
        "table credential_store.credentials": {"rows": 48213, "hash": "71aa03cde9"},
        "columns core_iam": {"rows": 87, "hash": "0f12bd4410"},
        "grants": {"rows": 9, "hash": "aa90be1177"},
        "own settings": {"rows": 612, "hash": ""},
    },
    "postgres": {
        "table keycloak.user_entity": {"rows": 60000, "hash": "b0c4d1"},
        "sequence keycloak.event_seq": {"rows": 1, "hash": "77e201"},
        "grants": {"rows": 21, "hash": "5d0101"},
    },
    "consul": {
        "kv vault/core": {"rows": 340, "hash": "cc01"},
        "kv vault/logical": {"rows": 9120, "hash": "cc02"},
        "acl policies": {"rows": 4, "hash": "cc03"},
    },
}
MARKS_S = (61.2, 90.4, 121.0, 146.3, 147.1, 175.6, 189.2, 201.7, 203.4, 214.9)
FACTS: dict[str, Json] = {
    "schema": journal.SCHEMA,
    "scenario": "namespace_loss",
    "summary": "The namespace is deleted, with every pod, claim and volume in it; the newest backup brings it back.",
    "faults": [{"name": "delete-namespace", "step": "break"}],
    "objectives": {"rto_s": 600, "rpo_s": 300},
    "strategy": "dump",
    "engine": "velero-restic",
    "seed": 7,
    "size": "small",
    "stores": {store: list(members) for store, members in STORES.items()},
    "indexed": ["mysql"],
    "versions": {"drillproof": "0.1.0", "kubernetes": "1.34.4", "velero": "1.16.2", "restic": "0.14.0"},
    "images": {"docker.io/library/mysql:9.7": "sha256:4f1c22…", "docker.io/library/postgres:17": "sha256:11ab90…"},
    "left_out": {"mysql": {"indexes: CARDINALITY": "an estimate, made anew on each member"}},
    "host": {"cpus": 2, "memory_gib": 24, "kernel": "6.1"},
    "commit": "c92672c4f1c22",
    "selftest": {
        "at": "2026-01-01T22:10:00+00:00",
        "commit": "c92672c4f1c22",
        "stores": list(STORES),
        "noticed": 164,
        "missed": [],
    },
}
LEDGER: dict[str, Json] = {
    "attempted": 1210,
    "acknowledged": 1208,
    "kept": 1179,
    "lost_after": 29,
    "lost_before": 0,
    "resurrected": 0,
    "duplicated": 0,
    "altered": 0,
    "unexpected": 0,
    "lost_again": 0,
    "indeterminate": 2,
    "recovery_point_n": 1181,
    "rpo_s": 29.4,
    "rpo_writes": 29,
}

PASSED = (
    ("drill-finished", "all 8 steps ended"),
    ("damage-seen", "; ".join(f"volume data-{n}: claim 4b1c and volume 77aa are gone" for n in range(9))),
    ("backup-complete", "the tool says of its backup: Completed, no errors"),
    ("backup-complete", "27 objects, 45695655 bytes seen in the bucket"),
    ("backup-complete", "the repository passed its own check, all data read"),
    ("backup-complete", "6 hooks ran, none failed"),
    ("restore-complete", "the tool says of its restore: Completed, no errors"),
    ("answers-from-restored", "all 9 claims and their volumes are new ones"),
    ("answers-from-restored", "all 9 members were restarted before they were read"),
    ("objects-equal", "87 objects are equal"),
    ("objectives-met", "RTO 57.1 s, objective 600 s"),
    ("objectives-met", "RPO 29.4 s, objective 300 s"),
    ("fence-held", "no packet left; 12 were stopped"),
    ("self-test", "the self-test detected all 120 mutations of a good recovery"),
    ("evidence-signed", "as signed when the drill ended, by key 5f1c0de0"),
    ("events-in-order", "all 61 events are in order"),
)
_REASONS = {
    "data-equal": "RowsMissing",
    "ledger-kept": "AcknowledgedWriteLost",
    "restore-complete": "VolumeNotRestored",
}
"""Of the findings of a sample that did not pass."""

OBJECTS: Json = {"service mysql": {"rows": 1, "hash": "5e"}, "endpoints mysql": {"rows": 1, "hash": "e9"}}

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\x1b[31m\u202egnp.exe\x00"
"""Markup for a browser, a terminal and a template, and characters that no file should hold."""

DUMP: Json = {
    "pod": "mysql-0",
    "volume": "dump",
    "phase": "Completed",
    "bytes_done": 48122880,
    "bytes_total": 48122880,
    "message": "",
}


class Sample:
    """A run directory being written. Events are put on a clock that starts at 0."""

    def __init__(self, run: Path) -> None:
        """`run` is made."""
        run.mkdir(parents=True)
        self.run = run
        self.facts = dict(FACTS)
        self.events: list[Event] = []
        self.findings: list[dict[str, Json]] = []
        self.judged: dict[str, Json] = {
            "schema": FINDINGS_SCHEMA,
            "scenario": "namespace_loss",
            "rto_s": 57.1,
            "rpo_s": 29.4,
            "rpo_writes": 29,
            "skew_s": 1.25,
            "skew_ticks": 25,
            "objectives": {"rto_s": 600, "rpo_s": 300},
            "ledger": dict.fromkeys(STORES, LEDGER),
        }
        self.event(0, "run", schema=journal.SCHEMA)

    def event(self, at_s: float, kind: str, **data: Json) -> None:
        """Add a journal line."""
        at = (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=at_s)).isoformat(timespec="milliseconds")
        self.events.append(Event(len(self.events) + 1, at_s, at, kind, data))

    def finding(  # noqa: PLR0917 # in the order of `Finding`
        self, check: str, verdict: str, detail: str, hint: str = "", store: str = "", member: str = "", *names: str
    ) -> None:
        """Add a finding."""
        reason = "AsExpected" if verdict == "pass" else _REASONS.get(check, "MemberUnhealthy")
        told = {"check": check, "store": store, "member": member, "verdict": verdict}
        self.findings.append(
            {**told, "reason": reason, "causes": [], "objects": list(names), "detail": detail, "hint": hint}
        )

    def step(self, name: str, start_s: float, end_s: float) -> None:
        """A step that was done."""
        self.event(start_s, "step", step=name, phase="start")
        self.event(end_s, "step", step=name, phase="end")

    def digests(self, when: str, at_s: float, changed: dict[str, dict[str, Json]] | None = None) -> None:
        """What every member shows; `changed` has the parts of some members that are otherwise."""
        for store, members in STORES.items():
            for member in members:
                parts = {**PARTS[store], **(changed or {}).get(member, {})}
                if store == "mysql":
                    parts["own settings"] = {"rows": 612, "hash": member}
                whose: dict[str, Json] = {"store": store, "member": member, "answered_by": member}
                self.event(at_s, "digest", when=when, **whose, parts=parts)
                role = "primary" if member.endswith("-0") else "replica"
                detail = "3 peers, quorum" if store == "consul" else "streaming, lag 0"
                self.event(
                    at_s,
                    "health",
                    when=when,
                    store=store,
                    member=member,
                    ok=True,
                    role=role,
                    identity="a1",
                    detail=detail,
                )

    def write(self, *, judged: bool = True) -> Path:
        """Write the files and return the directory."""
        (self.run / "run.json").write_text(json.dumps(self.facts))
        self.events.sort(key=lambda event: event.at_s)
        end = replace(self.events[-1], kind="end", data={})
        journal.write(self.run / "journal.jsonl", (*self.events, end))
        if judged:
            verdict = worst(Verdict(finding["verdict"]) for finding in self.findings).value
            (self.run / "findings.json").write_text(
                json.dumps({**self.judged, "verdict": verdict, "findings": self.findings})
            )
        return self.run


def story(run: Path, until: int = 10) -> Sample:
    """A drill up to the mark T`until` - 1, not yet judged."""
    sample = Sample(run)
    for name, start_s, end_s in (("up", 0.1, 31), ("deploy", 31, 52), ("seed", 52, 60), ("backup", 60, 91)):
        sample.step(name, start_s, end_s)
    sample.digests("before", 61.5)
    sample.event(0.1, "selftest", tier="rehearsed", noticed=120, missed=[], seconds=3.2)
    sample.event(61.6, "objects", when="before", parts=OBJECTS)
    protected: list[Json] = [
        {"store": store, "pod": members[0], "volume": "dump", "hooks": 2} for store, members in STORES.items()
    ]
    sample.event(61.7, "protected", volumes=protected)
    sample.event(90.1, "stored", objects=27, bytes=45695655, damage=[], checked=True)
    for n, at_s in enumerate(MARKS_S[:until]):
        sample.event(at_s, "mark", mark=f"T{n}")
    said: dict[str, Json] = {"engine": "velero-restic", "name": "drill-1", "phase": "Completed", "errors": 0}
    said |= {"hooks_attempted": 6, "hooks_failed": 0}
    sample.event(90, "backup", **said, warnings=3, messages=["restic is deprecated"], volumes=[DUMP])
    return sample


def recovered(run: Path) -> Sample:
    """A drill whose recovery was done and read back, not yet judged."""
    sample = story(run)
    sample.step("write", 91, 121)
    sample.step("break", 121, 146.4)
    members = [member for names in STORES.values() for member in names]
    what: dict[str, Json] = {
        **{f"volume data-{member}": f"claim c-{member} and volume v-{member} are gone" for member in members},
        **{f"read {member}": "connection refused" for member in members},
    }
    sample.event(146.3, "damage", what=what)
    sample.step("restore", 147, 203)
    said: dict[str, Json] = {"engine": "velero-restic", "name": "drill-1", "phase": "Completed", "errors": 0}
    sample.event(175.6, "restore", **said, of="drill-1", warnings=0, messages=[], volumes=[DUMP])
    for member in members:
        sample.event(203.5, "restart", member=member, before="u1", after="u2")
    sample.event(214.1, "objects", when="after", parts=OBJECTS)
    for store, names in STORES.items():
        for member in names:
            sample.event(214.5, "balances", store=store, member=member, accounts=opening_balances())
    for member in STORES["mysql"]:
        sample.event(214.6, "indexes", store="mysql", member=member, answered_by=member, held=42, wrong={})
    sample.event(215.5, "fence", stopped=12, escaped=0)
    sample.step("readback", 203, 215)
    return sample


def passed(run: Path) -> Path:
    """Every member equal, both objectives met."""
    sample = recovered(run)
    sample.digests("after", 214)
    for store, members in STORES.items():
        for member in members:
            where = {"store": store, "member": member}
            sample.finding("members-healthy", "pass", f"{member} follows", **where)
            sample.finding("data-equal", "pass", f"{len(PARTS[store])} parts equal", **where)
            if store == "mysql":
                sample.finding("indexes-hold", "pass", "42 indexes have all their entries", **where)
            sample.finding("ledger-kept", "pass", "29 writes lost, all after the recovery point", **where)
            sample.finding("transfers-whole", "pass", "16 accounts hold what the writes moved", **where)
        sample.finding("new-write", "pass", "write 1211 committed, and seen on all 3 members", store=store)
        sample.finding("backup-complete", "pass", "volume dump: 48122880 bytes copied", store=store, member=members[0])
        sample.finding("restore-complete", "pass", "volume dump: 48122880 bytes written back", member=members[0])
    for check, detail in PASSED:
        sample.finding(check, "pass", detail)
    return sample.write()


def failed(run: Path) -> Path:
    """A row changed on one replica, a key gone, an acknowledged write lost, and the objective missed."""
    sample = recovered(run)
    changed: dict[str, dict[str, Json]] = {
        "mysql-2": {
            "table core_iam.client": {"rows": 12000, "hash": "31337beef0"},
            "grants": {"rows": 8, "hash": "00ff"},
        },
        "consul-0": {"kv vault/core": {"rows": 339, "hash": "cc0f"}},
        "consul-1": {"kv vault/core": {"rows": 339, "hash": "cc0f"}},
        "consul-2": {"kv vault/core": {"rows": 339, "hash": "cc0f"}},
    }
    sample.digests("after", 214, changed)
    sample.finding("ledger-kept", "pass", "29 writes lost, all after the recovery point", store="postgres")
    sample.finding(
        "members-healthy", "unknown", "postgres-2 did not say who its sender is", store="postgres", member="postgres-2"
    )
    sample.finding(
        "data-equal",
        "fail",
        "table core_iam.client: 12,000 rows before and after, but their hash differs; grants: 9 rows before, 8 after",
        "Compare the replica with its primary; a replica that was not rebuilt from it keeps what it had.",
        "mysql",
        "mysql-2",
    )
    sample.finding("data-equal", "fail", "kv vault/core: 340 keys before, 339 after", "", "consul", "consul-0")
    sample.finding("ledger-kept", "fail", "1 acknowledged write before the recovery point is gone", "", "mysql")
    sample.judged["objectives"] = {"rto_s": 45, "rpo_s": None}
    sample.judged["ledger"] = {**dict.fromkeys(STORES, LEDGER), "mysql": {**LEDGER, "lost_before": 1, "kept": 1178}}
    return sample.write()


def broken_off(run: Path) -> Path:
    """The harness broke during the restore: no read-back, nothing judged."""
    sample = story(run, until=6)
    sample.event(147.05, "step", step="restore", phase="start")
    sample.event(480, "step", step="restore", phase="failed", detail="timed out")
    sample.event(
        480,
        "error",
        type="TimedOut",
        message="waited 300 s for pods of custos; last seen: 4 of 9 ready",
        step="restore",
    )
    return sample.write(judged=False)


def hostile(run: Path) -> Sample:
    """A FAIL in which every name and every text is hostile, and some values are not what they should be."""
    sample = recovered(run)
    sample.facts |= {"scenario": HOSTILE, "summary": HOSTILE, "stores": {HOSTILE: [HOSTILE]}, HOSTILE: HOSTILE}
    part: Json = {"rows": 1, "hash": HOSTILE}
    for when in ("before", "after"):
        sample.event(214, "digest", when=when, store=HOSTILE, member=HOSTILE, parts={f"{HOSTILE}{when}": part})
        sample.event(214, "health", when=when, store=HOSTILE, member=HOSTILE, ok=False, role=HOSTILE, detail=HOSTILE)
    volume = dict.fromkeys(("pod", "volume", "phase", "message"), HOSTILE)
    sample.event(
        214,
        "restore",
        name=HOSTILE,
        phase=HOSTILE,
        errors=HOSTILE,
        messages=[HOSTILE],
        volumes=[{**volume, "bytes_done": HOSTILE}, HOSTILE],
    )
    sample.event(214, "restore", name=[1], phase=2, errors=None, messages=HOSTILE, volumes=7)
    sample.event(214, "damage", what={HOSTILE: HOSTILE})
    sample.event(214, "error", type=HOSTILE, message=HOSTILE, step=HOSTILE)
    sample.event(214, "step", step=HOSTILE, phase="start")
    sample.event(214, "step", step=HOSTILE, phase="failed", detail=HOSTILE)
    sample.event(214, "note", text=HOSTILE)
    sample.event(214, HOSTILE)
    sample.finding(HOSTILE, "fail", HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    sample.judged |= {
        "scenario": HOSTILE,
        "ledger": {
            HOSTILE: {"kept": HOSTILE, "lost_before": HOSTILE, "rpo_s": HOSTILE, "examples": {HOSTILE: [HOSTILE]}}
        },
    }
    return sample
