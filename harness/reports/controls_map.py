"""Which check supports which control, as data: what each check shows, and what it does not.

Requirements are summarized here; only a framework's own text counts. A drill supports a control, it does not certify
an organization: no run shows who drills, how often, and whether the drilled copy is like the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NIST = "NIST SP 800-53 Rev. 5"
ISO = "ISO/IEC 27001:2022"
SOC2 = "SOC 2 (Trust Services Criteria)"
DORA = "DORA (Regulation (EU) 2022/2554)"


@dataclass(frozen=True)
class Control:
    """One control, criterion or paragraph."""

    framework: str
    name: str  # as the framework writes it
    asks: str
    lacks: str  # what no drill shows
    statement: str  # its id for machines: NIST's own, else drillproof's
    timed: bool = False  # whether it needs objectives for RTO and RPO


@dataclass(frozen=True)
class Shows:
    """What a check shows, and what it reads in a run."""

    shows: str
    lacks: str
    controls: tuple[str, ...]  # names of controls; empty if it counts for all
    kinds: tuple[str, ...]  # the kinds of events that it reads
    ledger: bool = False  # whether it reads ledger/, too
    silent: bool = False  # whether some good drills have no finding of it


CONTROLS: tuple[Control, ...] = (
    Control(
        NIST,
        "CP-4",
        "The contingency plan is tested for effectiveness (a), and the results are used (b, c).",
        "That the results were reviewed and corrected (b, c), and that tests are frequent enough (a).",
        "cp-4_smt.a",
    ),
    Control(
        NIST,
        "CP-4(4)",
        "Such tests include a full recovery and reconstitution to a known state.",
        "The recovery of other systems than the drilled stores and their namespace.",
        "cp-4.4_smt",
    ),
    Control(
        NIST,
        "CP-9",
        "Backups of user-level information are made (a), as of system-level information and of documentation (b, c).",
        "How often they are made, b and c beyond the objects of the namespace, and the protection of backups (d).",
        "cp-9_smt.a",
    ),
    Control(
        NIST,
        "CP-9(1)",
        "Backup information is tested for the reliability of media and the integrity of information.",
        "The production media: a drill's backup is in its own object store.",
        "cp-9.1_smt",
    ),
    Control(
        NIST,
        "CP-10",
        "The system is recovered to a known state within RTO and RPO.",
        "The recovery of the production system, with its amount of data and its operators.",
        "cp-10_smt",
        timed=True,
    ),
    Control(
        ISO,
        "A.8.13",
        "Backup copies of information, software and systems are kept and regularly tested by the policy on backup.",
        "The policy itself, its regularity, and backups of software outside the drilled namespace.",
        "iso-27001_a.8.13",
    ),
    Control(
        SOC2,
        "A1.2",
        "Data backup processes and recovery infrastructure are designed, run and monitored to meet the objectives.",
        "Environmental protections, off-site storage, and that the process runs every day as in the drill.",
        "soc-2_a1.2",
    ),
    Control(
        SOC2,
        "A1.3",
        "Recovery plan procedures are tested, the integrity and completeness of backup data with them.",
        "The absence of key personnel, and the revision of plans after the test.",
        "soc-2_a1.3",
    ),
    Control(
        DORA,
        "Art. 11(6)",
        "Continuity plans and response and recovery plans are tested at least yearly and after substantive changes.",
        "That tests are yearly; crisis communication, switchovers to other sites, and attacks.",
        "dora_art-11.6",
    ),
    Control(
        DORA,
        "Art. 12(2)",
        "Backup systems can be activated without harm to security, and backup and restoration are tested periodically.",
        "That tests are periodic, and the confidentiality of production backups.",
        "dora_art-12.2",
    ),
    Control(
        DORA,
        "Art. 12(6)",
        "Recovery time and recovery point objectives are set for each function, and hold in extreme scenarios.",
        "Whether the scenario's objectives are those that the function needs.",
        "dora_art-12.6",
        timed=True,
    ),
    Control(
        DORA,
        "Art. 12(7)",
        "When recovering, checks and reconciliations ensure the highest level of data integrity.",
        "Data that external stakeholders reconstruct, and that these checks run in a real recovery.",
        "dora_art-12.7",
    ),
)

NOT_SHOWN: tuple[str, ...] = (
    f"{DORA} Art. 12(3), restoring on physically and logically segregated systems: a drill's clusters share a machine.",
    f"{NIST} CP-6, CP-9(3) and CP-9(8), backups at another site and their encryption: no check covers them.",
    "Production itself: other manifests, versions or amounts of data may behave differently.",
)
"""What auditors may look for, and no check supports."""

_ALL: tuple[str, ...] = ()
_TESTED = ("CP-9(1)", "A.8.13", "A1.3", "Art. 12(2)")
_RECOVERED = ("CP-4", "CP-4(4)", "CP-10", "A1.3", "Art. 11(6)")
_INTEGRITY = (*_RECOVERED, "CP-9(1)", "A.8.13", "Art. 12(7)")

CHECKS: Mapping[str, Shows] = {
    "drill-finished": Shows(
        "The whole recovery was carried out.",
        "That it would succeed again.",
        _ALL,
        ("recovery-failed", "error", "end", "step"),
    ),
    "evidence-signed": Shows(
        "The evidence is unchanged since the drill ended.",
        "Whose key signed it; `drillproof verify` shows that.",
        _ALL,
        (),
    ),
    "taken-over": Shows(
        "The drill began with the data that an earlier drill proved.",
        "The results of the earlier drill itself.",
        _ALL,
        ("taken-over", "digest"),
        silent=True,
    ),
    "damage-seen": Shows(
        "Data were really lost before the recovery.",
        "Other disasters.",
        _ALL,
        ("fault", "damage", "mark"),
    ),
    "self-test": Shows(
        "The checks detected every known mutation before the drill.",
        "Unknown kinds of bad recoveries.",
        _ALL,
        ("selftest",),
    ),
    "noticed": Shows(
        "The expected check detected a backup or restore that was bad on purpose.",
        "A recovery: such a drill has none that is good.",
        _ALL,
        (),
        silent=True,
    ),
    "backup-complete": Shows(
        "Every volume that should be in the backup is in it, and the repository passed its own full check.",
        "That the copies are consistent; only reading back after a restore shows that.",
        ("CP-9", "CP-9(1)", "A.8.13", "A1.2", "Art. 12(2)"),
        ("backup", "protected", "stored"),
    ),
    "restore-complete": Shows(
        "Every volume of the backup was restored to the last byte.",
        "That a database can use the restored volumes.",
        _TESTED,
        ("backup", "restore"),
    ),
    "answers-from-restored": Shows(
        "All reads were served from restored volumes and restarted members.",
        "That the data are correct.",
        (*_TESTED, "CP-4(4)", "CP-10"),
        ("volumes", "restart", "digest", "unread", "corrupt", "damage"),
    ),
    "members-healthy": Shows(
        "Every member answers and replicates again.",
        "That they stay healthy; they are queried once.",
        _RECOVERED,
        ("health",),
    ),
    "data-equal": Shows(
        "Every table, key, user, grant and setting is unchanged, on every member.",
        "Writes during the drill, which another check covers.",
        _INTEGRITY,
        ("digest", "corrupt", "unread"),
    ),
    "indexes-hold": Shows(
        "Indexes match their tables.",
        "Stores without indexes, such as Consul.",
        _INTEGRITY,
        ("restart", "indexes", "corrupt"),
        silent=True,
    ),
    "objects-equal": Shows(
        "The Services, Secrets and all other objects of the namespace are unchanged.",
        "Objects outside the namespace.",
        ("CP-4(4)", "CP-10", "A1.3"),
        ("objects",),
    ),
    "ledger-kept": Shows(
        "Every acknowledged write up to the recovery point exists; none is altered, duplicated or resurrected.",
        "Writes of other clients than the drill's.",
        _INTEGRITY,
        ("mark", "corrupt"),
        ledger=True,
    ),
    "transfers-whole": Shows(
        "No transaction was restored in part: all balances are of one moment.",
        "Transactions across stores.",
        ("CP-10", "Art. 12(7)"),
        ("balances", "mark", "corrupt"),
        ledger=True,
    ),
    "new-write": Shows(
        "The service takes writes again, and every member shows them.",
        "How much load it handles.",
        _RECOVERED,
        ("write",),
    ),
    "login": Shows(
        "A known user logs in again, tokens have the same signing key, and a wrong password is rejected.",
        "That all users can log in, and their permissions.",
        _RECOVERED,
        ("login", "restart"),
    ),
    "objectives-met": Shows(
        "The measured RTO, RPO and skew are within the scenario's objectives.",
        "The figures with more data, or on other machines.",
        ("CP-4", "CP-10", "A1.2", "A1.3", "Art. 11(6)", "Art. 12(6)"),
        ("mark",),
        ledger=True,
    ),
    "fence-held": Shows(
        "No packet from the restored system left the drill's network.",
        "Recoveries without network isolation, such as real ones.",
        ("Art. 12(2)",),
        ("fence",),
    ),
}
"""Every check by its name."""

UNMAPPED = Shows("Unknown.", "Everything.", _ALL, ())
"""A check that is not in the table counts for all controls."""
