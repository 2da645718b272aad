"""The values of a drill: frozen, plain, and importing nothing of the harness but the reasons.

Times named `*_s` are seconds on the drill's one monotonic clock, counted from its start; wall
clock is kept only as a label (`*_at`, ISO 8601, UTC).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum

from harness.core.reason import Reason

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]  # what may stand in a journal line


class Verdict(Enum):
    PASS = "pass"  # noqa: S105 # not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL, then UNKNOWN, then PASS. Nothing judged at all is UNKNOWN, never PASS."""
    seen = set(verdicts)
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        if verdict in seen:
            return verdict
    return Verdict.PASS if seen else Verdict.UNKNOWN


STEPS = ("up", "deploy", "seed", "backup", "write", "break", "restore", "readback")  # of every drill, in order
PROOF_STEPS = ("up", "fetch", "restore", "readback")  # of proving an existing backup
MOVE_STEPS = ("freeze", "backup", "restore", "readback")  # of moving an application for good


@dataclass(frozen=True)
class Part:
    """The digest of one part of the data: how many rows, and a hash that does not depend on their order."""

    rows: int
    hash: str


Digest = Mapping[str, Part]
"""Every part of a store by name (`table core_iam.client`, `grants`, `kv vault/core`), as one member shows it."""

OWN = "own "
"""Begins the name of a part that members need not share (`own settings`): it is held against the same member's of
before the fault, where every other part is held against what all members showed then."""


@dataclass(frozen=True)
class Reading:
    """What one member shows of its data, and who it was that answered."""

    answered_by: str  # its host's name as the server itself knows it, by the same connection; should be the member's
    parts: Digest


@dataclass(frozen=True)
class IndexReading:
    """The result of comparing the indexes of one member with their tables."""

    answered_by: str  # as in a `Reading`
    held: int  # how many were compared
    wrong: Mapping[str, str]  # by index, how it differs from its table
    reasons: Mapping[str, Reason] = field(default_factory=dict)  # the same for machines


@dataclass(frozen=True)
class Health:
    """What one member says of itself and of its replication."""

    ok: bool
    detail: str
    role: str  # primary, replica, leader, follower; "unknown" where it did not say
    identity: str  # who answered: server UUID, system identifier, node id
    reasons: tuple[Reason, ...] = ()  # why it is not ok; `detail` for machines
    objects: tuple[str, ...] = ()  # what that is about: a standby, a filter, a check


@dataclass(frozen=True)
class Login:
    """The result of logging in to a service as a known user, with the right password and with a wrong one."""

    keys: Mapping[str, str]  # those by which its tokens can be verified: a hash of each, by its id
    signed_by: str  # the id of the key of the token that was got, if it holds by that key; "" if none was
    detail: str  # what came instead of a token that holds
    stranger: str  # what came of a wrong password: `refused`, `let in`, or what was said instead
    earlier: str  # what a token of before is worth by these keys: `holds`, or why not; "" if there was none to try


@dataclass(frozen=True)
class Volume:
    """One persistent volume claim and what it is bound to, as the orchestrator has it now."""

    claim: str
    claim_uid: str
    volume: str
    volume_uid: str
    kind: str  # local, hostPath, csi: decides whether a file-level backup sees it at all
    node: str = ""  # where alone it can be used; "" for anywhere
    path: str = ""  # where its files lie on that node; "" where they lie on none


LOST = "volume "  # how a claim whose volume is lost is named in a fault's damage: `volume data-mysql-primary-0`


def lost_claims(damage: Iterable[str]) -> tuple[str, ...]:
    """The claims whose volumes are lost, by the names of what is damaged."""
    return tuple(what.removeprefix(LOST) for what in damage if what.startswith(LOST))


@dataclass(frozen=True)
class Operation:
    """One write of the ledger. `n` counts up from 1 without gaps, within one store."""

    n: int
    verb: str  # put (a new key), update, delete
    key: str
    value: str  # "" for a delete


@dataclass(frozen=True)
class Row:
    """One row of the ledger as a member shows it; `n` is the write that last touched it."""

    n: int
    key: str
    value: str


@dataclass(frozen=True)
class Protected:
    store: str  # the pod's label app.kubernetes.io/name
    pod: str
    volume: str  # the pod's volume name
    unnamed: bool = False  # asked for because all volumes are, so that it may be empty


@dataclass(frozen=True)
class VolumeCopy:
    """The backup tool's own record of one volume copied (or, at a restore, written back)."""

    pod: str
    volume: str  # the pod's volume name
    phase: str
    bytes_done: int
    bytes_total: int
    message: str
    uploader: str = ""  # the program that copied it, by this record: restic or kopia


DONE = "Completed"  # what a backup tool says of a backup or a restore when it found nothing wrong


def of_phase(what: str, phase: Json) -> Reason:
    """What the tool's own word for its `backup` or `restore` means, if that is not DONE without errors."""
    backup, restore = {
        "Failed": (Reason.BackupFailed, Reason.RestoreFailed),
        "PartiallyFailed": (Reason.BackupPartiallyFailed, Reason.RestorePartiallyFailed),
        "FailedValidation": (Reason.BackupRefused, Reason.RestoreRefused),
        DONE: (Reason.BackupHadErrors, Reason.RestoreHadErrors),
    }.get(str(phase), (Reason.BackupNotCompleted, Reason.RestoreNotCompleted))
    return backup if what == "backup" else restore


@dataclass(frozen=True)
class ToolReport:
    """What the backup tool says of one backup or restore. Recorded next to our observations, never believed alone."""

    name: str
    phase: str
    errors: int
    warnings: int
    messages: tuple[str, ...]
    volumes: tuple[VolumeCopy, ...]
    of: str = ""  # of a restore: the backup that was restored, by the tool's own record
    hooks_attempted: int = 0
    hooks_failed: int = 0


@dataclass(frozen=True)
class Stored:
    objects: int
    bytes: int
    damage: tuple[str, ...] = ()  # what the repository's own check of all its data found wrong
    checked: bool = False  # whether that check ran to its end
    reasons: tuple[Reason, ...] = ()  # what of the damage drillproof found itself, for machines


@dataclass(frozen=True)
class Objectives:
    """What the user asks of a recovery; None where nothing is asked, reported as "no objective"."""

    rto_s: float | None = None
    rpo_s: float | None = None
    skew_s: float | None = None


@dataclass(frozen=True)
class ExpectedFinding:
    """A FAIL that a check has to find, because the backup or the restore is bad on purpose."""

    check: str
    reason: Reason | tuple[Reason, ...]  # several where luck decides how the damage shows
    store: str = ""  # "" for any
    member: str = ""  # "" for any
    objects: tuple[str, ...] = ()  # each must be among the finding's
    causes: tuple[Reason, ...] = ()  # each must be among the finding's
    otherwise: ExpectedFinding | None = None  # another finding that is as good, where luck decides

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.reason if isinstance(self.reason, tuple) else (self.reason,)

    @property
    def who(self) -> str:
        """The check, and the store and member it must name."""
        whose = "/".join(filter(None, (self.store, self.member)))
        return f"{self.check}{f' of {whose}' if whose else ''}"

    def is_met_by(self, finding: Finding) -> bool:
        """Whether this is such a finding, whatever its verdict; never by its sentence."""
        return (
            finding.check == self.check
            and self.store in {"", finding.store}
            and self.member in {"", finding.member}
            and not finding.reasons.isdisjoint(self.reasons)
            and set(self.causes) <= set(finding.causes)
            and set(self.objects) <= set(finding.objects)
        )


@dataclass(frozen=True)
class Plan:
    restore: bool = True  # False: the stores recover by themselves, from the remaining members
    repair_stores: bool = False  # without a restore: the stores' own repair procedure, from the existing volumes
    delete_namespace_first: bool = False  # a restore skips existing objects
    recreate_lost_pvcs: bool = False  # delete the claims of lost volumes with their pods, so that both are recreated
    volumes_stay: bool = False  # no volume is lost; what comes back uses them unchanged
    restore_earlier_backup: bool = False  # a backup is taken after the fault, and the one from before it is restored
    new_cluster: bool = False  # nothing of the old one remains except the bucket
    move: bool = False  # to a second cluster; the old one keeps running, isolated, and must not be touched
    namespace: str = ""  # of a move: the new name of the namespace; "" for the same
    storage_class: str = ""  # of a move: of all claims; "" for the same
    retry_restore: bool = False  # while the tool reports failure: delete the namespace and restore again
    rewind: bool = False  # first bring the bucket's objects back to the versions from when the backup was stored

    def __post_init__(self) -> None:
        if (self.namespace or self.storage_class) and not self.move:
            raise ValueError("only a move has another namespace or storage class")

    @property
    def recorded(self) -> dict[str, Json]:
        """The plan as run.json has it; some names there are older than the fields."""
        return {_RECORDED.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_record(cls, **recorded: Json) -> Plan:
        """The plan that run.json has. TypeError, ValueError if it is none."""
        fields = {name: field for field, name in _RECORDED.items()}
        return cls(**{fields.get(name, name): value for name, value in recorded.items()})  # type: ignore[arg-type] # its caller reports what is none


# The fields of a plan that runs record under another name: runs of every version stay readable.
_RECORDED = {
    "delete_namespace_first": "make_way",
    "recreate_lost_pvcs": "discard_lost",
    "restore_earlier_backup": "older",
    "retry_restore": "again",
    "repair_stores": "mend",
}


@dataclass(frozen=True)
class ReusableState:
    """The stores of an earlier drill that passed: deployed and seeded, with proved data."""

    run: str  # the name of its run directory
    digests: Mapping[str, str]  # a fingerprint of each member's data, by member


@dataclass(frozen=True)
class Finding:
    """One check's answer. `detail` and `hint` are for people alone: nothing may match on them.

    `reason` is what the check found, the first by precedence (see `core.reason`). `causes` are the other things that
    it found, and what the member or a tool named as the cause, by precedence, too. A cause is no reason in the words of
    the check: RestoreFailed stays RestoreFailed, because the repository is locked.
    """

    check: str
    verdict: Verdict
    reason: Reason
    detail: str
    hint: str = ""
    store: str = ""
    member: str = ""
    objects: tuple[str, ...] = ()  # what it is about: `table core_iam.client`, `volume data`, a fault, an account
    causes: tuple[Reason, ...] = ()

    @property
    def reasons(self) -> frozenset[Reason]:
        return frozenset((self.reason, *self.causes))


@dataclass(frozen=True)
class Event:
    seq: int
    at_s: float
    at: str
    kind: str
    data: Mapping[str, Json] = field(default_factory=dict)
