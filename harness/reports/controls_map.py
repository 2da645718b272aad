"""Which finding supports which control, as data: what each check shows of it, and what it does not.

What a framework asks for is said in our words; only its own text counts. A drill supports a control, it does not
certify anybody: who drills, how often, and whether the drilled copy is like the real one, no run can say.
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
    lacks: str  # what of it no drill shows
    statement: str  # a token that names it for machines: NIST's own for a statement, else ours
    timed: bool = False  # whether it speaks of both the time and the point of a recovery


@dataclass(frozen=True)
class Shows:
    """What a check contributes, and where in a run it reads."""

    shows: str
    lacks: str
    controls: tuple[str, ...]  # names of controls; none where it counts for all of them
    kinds: tuple[str, ...]  # the events of the journal that it is judged from
    ledger: bool = False  # whether it is judged from ledger/, too
    silent: bool = False  # whether it has nothing to say in some good drills


CONTROLS: tuple[Control, ...] = (
    Control(
        NIST,
        "CP-4",
        "The contingency plan is tested to find out whether it works (a), and the results are used (b, c).",
        "That the results were reviewed and corrective actions begun (b, c), and that it was often enough (a).",
        "cp-4_smt.a",
    ),
    Control(
        NIST,
        "CP-4(4)",
        "Such tests include a full recovery and reconstitution to a known state.",
        "The recovery of anything but the drilled stores and their namespace.",
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
        "The real media: a drill's backup lies in an object store of its own.",
        "cp-9.1_smt",
    ),
    Control(
        NIST,
        "CP-10",
        "The system is recovered to a known state within the time that RTO and RPO call for.",
        "The recovery of the real system, with its real amount of data and its real people.",
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
        "Environmental protections, off-site storage, and that the process runs every day as it did in the drill.",
        "soc-2_a1.2",
    ),
    Control(
        SOC2,
        "A1.3",
        "Recovery plan procedures are tested, the integrity and completeness of backup data with them.",
        "The absence of key personnel, and the revision of plans by what was found.",
        "soc-2_a1.3",
    ),
    Control(
        DORA,
        "Art. 11(6)",
        "Continuity plans and response and recovery plans are tested at least yearly and after substantive changes.",
        "That it was done yearly, crisis communication, switchovers to other sites, and attacks as such.",
        "dora_art-11.6",
    ),
    Control(
        DORA,
        "Art. 12(2)",
        "Backup systems can be activated without harm to security, and backup and restoration are tested periodically.",
        "That it was done periodically, and the confidentiality of the real backups.",
        "dora_art-12.2",
    ),
    Control(
        DORA,
        "Art. 12(6)",
        "Recovery time and recovery point objectives are set for each function, and hold in extreme scenarios.",
        "Whether the objectives, which are the scenario's, are those that the function needs.",
        "dora_art-12.6",
        timed=True,
    ),
    Control(
        DORA,
        "Art. 12(7)",
        "When recovering, checks and reconciliations ensure the highest level of data integrity.",
        "Data that are reconstructed from external stakeholders, and that these checks are made in a real recovery.",
        "dora_art-12.7",
    ),
)

NOT_SHOWN: tuple[str, ...] = (
    f"{DORA} Art. 12(3), restoring on physically and logically segregated systems: a drill's clusters share a machine.",
    f"{NIST} CP-6, CP-9(3) and CP-9(8), backups at another site and their encryption: nothing looks at either.",
    "Production itself: the same strategy with other manifests, versions or amounts of data is another question.",
)
"""What an auditor may look for here and no finding supports."""

_ALL: tuple[str, ...] = ()
_TESTED = ("CP-9(1)", "A.8.13", "A1.3", "Art. 12(2)")
_RECOVERED = ("CP-4", "CP-4(4)", "CP-10", "A1.3", "Art. 11(6)")
_INTEGRITY = (*_RECOVERED, "CP-9(1)", "A.8.13", "Art. 12(7)")

CHECKS: Mapping[str, Shows] = {
    "drill-finished": Shows(
        "The whole recovery was carried out.",
        "That it would go like this again.",
        _ALL,
        ("recovery-failed", "error", "end", "step"),
    ),
    "evidence-signed": Shows(
        "What is judged is what the drill left behind.",
        "Whose key it is; drillproof verify asks for that.",
        _ALL,
        (),
    ),
    "taken-over": Shows(
        "The data at the beginning were those that an earlier drill had proved whole.",
        "Anything of the earlier drill itself.",
        _ALL,
        ("taken-over", "digest"),
        silent=True,
    ),
    "damage-seen": Shows(
        "Something was really lost, so that a recovery means something.",
        "Any other disaster than this one.",
        _ALL,
        ("fault", "damage", "mark"),
    ),
    "self-test": Shows(
        "These checks noticed every known bad recovery before the drill.",
        "Bad recoveries that nobody has thought of.",
        _ALL,
        ("selftest",),
    ),
    "noticed": Shows(
        "A backup or restore that is bad on purpose was noticed by who should.",
        "Any recovery: in such a drill there is none to be proud of.",
        _ALL,
        (),
        silent=True,
    ),
    "backup-complete": Shows(
        "Every volume that should be in the backup is in it, and the repository passed its own check of all data.",
        "That what was copied was consistent; only the read-back after a restore shows that.",
        ("CP-9", "CP-9(1)", "A.8.13", "A1.2", "Art. 12(2)"),
        ("backup", "protected", "stored"),
    ),
    "restore-complete": Shows(
        "Every volume of the backup was written back to its last byte.",
        "That a database can use what was written.",
        _TESTED,
        ("backup", "restore"),
    ),
    "answers-from-restored": Shows(
        "What was read back came from new volumes and restarted members, and not from what had survived.",
        "That it is right.",
        (*_TESTED, "CP-4(4)", "CP-10"),
        ("volumes", "restart", "digest", "unread", "corrupt", "damage"),
    ),
    "members-healthy": Shows(
        "Every member answers and replicates again.",
        "That it stays so; it is asked once.",
        _RECOVERED,
        ("health",),
    ),
    "data-equal": Shows(
        "Every table, key, user, grant and setting is on every member what it was before.",
        "The known data only; writes of the time in between are another check's.",
        _INTEGRITY,
        ("digest", "corrupt", "unread"),
    ),
    "indexes-hold": Shows(
        "Indexes find just what their tables hold.",
        "Stores that have no indexes, as Consul; where there is no other, it says nothing.",
        _INTEGRITY,
        ("restart", "indexes", "corrupt"),
        silent=True,
    ),
    "objects-equal": Shows(
        "The Services, Secrets and all other objects of the namespace are what they were.",
        "Objects outside the namespace.",
        ("CP-4(4)", "CP-10", "A1.3"),
        ("objects",),
    ),
    "ledger-kept": Shows(
        "Every acknowledged write up to the recovery point is there; none is altered, doubled or back from the dead.",
        "Writes of clients other than the drill's own.",
        _INTEGRITY,
        ("mark", "corrupt"),
        ledger=True,
    ),
    "transfers-whole": Shows(
        "No transaction came back in part: all balances are those of one moment.",
        "Transactions across stores.",
        ("CP-10", "Art. 12(7)"),
        ("balances", "mark", "corrupt"),
        ledger=True,
    ),
    "new-write": Shows(
        "The service takes writes again, and every member shows them.",
        "How much load it bears.",
        _RECOVERED,
        ("write",),
    ),
    "login": Shows(
        "A known user logs in again, with tokens signed by the key of before, and a wrong password is refused.",
        "That every user can, or what they are allowed to do.",
        _RECOVERED,
        ("login", "restart"),
    ),
    "objectives-met": Shows(
        "RTO, RPO and skew, as measured, are within the scenario's objectives.",
        "That they would be with more data, or on other machines.",
        ("CP-4", "CP-10", "A1.2", "A1.3", "Art. 11(6)", "Art. 12(6)"),
        ("mark",),
        ledger=True,
    ),
    "fence-held": Shows(
        "Nothing that was restored reached anything outside the drill.",
        "Recoveries that are not fenced, as real ones are not.",
        ("Art. 12(2)",),
        ("fence",),
    ),
}
"""Every check by its name."""

UNMAPPED = Shows("Nothing that is known here.", "What it is about.", _ALL, ())
"""A check that is not in the table might speak of anything, so it counts for everything."""
