"""Why a finding has its verdict, for machines: one name of this enumeration, in CamelCase as in a Kubernetes Condition.

A finding's sentence may change with any release; scenarios, the self-test, tests and dashboards match on its reason. A
member's name is its value, so that one search finds the code, the document and the evidence.

The order is the precedence: where one finding has several reasons, the one that stands first here is its `reason`, and
the others are its `causes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Every reason that a finding may have, with what it means in one line."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """`value` is the name; `meaning` is one sentence for people."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason

    # Every PASS.
    AsExpected = "AsExpected", "Everything is as it should be; the reason of every PASS."

    # The evidence, and the drill itself.
    EvidenceAltered = (
        "EvidenceAltered",
        "A file of the run is not what was written or signed; it was changed afterwards.",
    )
    EvidenceMissing = "EvidenceMissing", "A file of the run, or of its signature, is missing."
    EvidenceAdded = "EvidenceAdded", "A file was put into the run after it was signed."
    SignatureInvalid = "SignatureInvalid", "A signature does not hold: its envelope or its key cannot be believed."
    SchemaUnsupported = "SchemaUnsupported", "A file has the schema of another version of drillproof."
    EvidenceUnreadable = "EvidenceUnreadable", "A file of the run is not in the form that drillproof writes."
    JournalTruncated = "JournalTruncated", "The journal has no end: the run was killed, or lines were cut off."
    DrillInterrupted = (
        "DrillInterrupted",
        "The run broke off through no fault of the backup, or was stopped by the user.",
    )
    StepNotFinished = "StepNotFinished", "A step of the run began or should have begun, and never ended."
    CheckRaised = "CheckRaised", "A check failed with a bug of its own, so it says nothing."
    NothingJudged = "NothingJudged", "The run was never judged."
    NotRecorded = "NotRecorded", "The run has no record of what this check needs."
    Unspecified = "Unspecified", "The evidence was written before findings had reasons, or by a newer drillproof."

    # Does the drill prove anything?
    SelfTestNotRun = "SelfTestNotRun", "The checks were not seen to fail before the run."
    SabotageMissed = "SabotageMissed", "The self-test missed a mutation: a check is blind."
    NotAsLeft = "NotAsLeft", "The stores are not what the earlier drill left."
    DamageNotSeen = "DamageNotSeen", "A fault left no damage that the drill saw."
    DamageNotDated = "DamageNotDated", "The time when the damage was seen was not recorded."
    ExpectedFindingMissing = "ExpectedFindingMissing", "The finding that the scenario expects was not made."
    ExpectedFindingUnclear = "ExpectedFindingUnclear", "It is not known whether the expected finding was made."
    PacketEscaped = "PacketEscaped", "A packet left the isolated network."
    FenceNotCounted = "FenceNotCounted", "Packets that left the isolated network were not counted."

    # The backup.
    BackupNotStored = "BackupNotStored", "The bucket holds nothing of this backup."
    BackupFailed = "BackupFailed", "The tool calls its backup Failed."
    BackupPartiallyFailed = "BackupPartiallyFailed", "The tool calls its backup PartiallyFailed."
    BackupRefused = "BackupRefused", "The tool refused to take the backup (FailedValidation)."
    BackupHadErrors = "BackupHadErrors", "The tool calls its backup Completed and counts errors."
    BackupNotCompleted = "BackupNotCompleted", "The tool's backup is in a phase that is no end."
    RepositoryDamaged = "RepositoryDamaged", "The repository's own check of all its data found damage."
    RepositoryNotChecked = "RepositoryNotChecked", "The check of the repository was not made, or did not finish."
    VolumeNotProtected = "VolumeNotProtected", "No volume of the store is annotated for the backup."
    VolumeNotBackedUp = "VolumeNotBackedUp", "The backup has no copy of a volume that it should hold."
    VolumeBackupFailed = "VolumeBackupFailed", "The tool does not call its copy of a volume Completed."
    VolumeBackedUpEmpty = "VolumeBackedUpEmpty", "The copy of a volume has no byte."
    VolumePartlyBackedUp = "VolumePartlyBackedUp", "The copy of a volume has fewer bytes than the volume had."
    HookFailed = "HookFailed", "A hook of the backup or of the restore failed."
    HookDidNotRun = "HookDidNotRun", "Fewer hooks ran than the pods ask for."
    HookUnexpected = "HookUnexpected", "More hooks ran than the pods ask for."

    # The restore.
    RecoveryFailed = "RecoveryFailed", "The recovery failed or ran out of time, while the cluster answered."
    RestoreFailed = "RestoreFailed", "The tool calls its restore Failed."
    RestorePartiallyFailed = "RestorePartiallyFailed", "The tool calls its restore PartiallyFailed."
    RestoreRefused = "RestoreRefused", "The tool refused to restore (FailedValidation)."
    RestoreHadErrors = "RestoreHadErrors", "The tool calls its restore Completed and counts errors."
    RestoreNotCompleted = "RestoreNotCompleted", "The tool's restore is in a phase that is no end."
    WrongBackupRestored = "WrongBackupRestored", "The tool restored another backup than the one that was asked for."
    VolumeNotRestored = "VolumeNotRestored", "A volume is in the backup and was not restored."
    VolumeRestoreFailed = "VolumeRestoreFailed", "The tool does not call its restore of a volume Completed."
    VolumeRestoreNotFinished = "VolumeRestoreNotFinished", "The tool still writes a volume back, or has not begun."
    VolumePartlyRestored = "VolumePartlyRestored", "Fewer bytes of a volume were written back than were copied."
    ClaimMissing = "ClaimMissing", "A persistent volume claim did not come back, or has no volume."
    VolumeSurvived = "VolumeSurvived", "A volume that should be lost is still the same, so nothing proves a restore."
    VolumeReplaced = "VolumeReplaced", "A volume that was not lost is another one now."
    NothingLost = "NothingLost", "Nothing that was to be lost is lost, so nothing is proved."
    MemberNotRestarted = (
        "MemberNotRestarted",
        "A pod was not restarted before it was read, so memory may have answered.",
    )

    # Who answers, and how it is.
    NotReadBack = "NotReadBack", "What should be compared was not read after the restore."
    ReadFailed = "ReadFailed", "One of several reads failed, or a part could not be read."
    AnsweredByAnother = "AnsweredByAnother", "Another server answered than the one that was asked."
    IdentityUnknown = "IdentityUnknown", "A member answered without its identity."
    NotHealthyBefore = "NotHealthyBefore", "A member was not seen healthy before the fault."
    NotAnswering = "NotAnswering", "A member does not answer, or refuses the connection."
    WaitsForRestore = "WaitsForRestore", "A member is closed to clients until it is restored."
    DuplicateServerIdentity = "DuplicateServerIdentity", "Two servers have the same identity."
    ForeignCluster = "ForeignCluster", "A replica belongs to another database cluster than its primary."
    TimelineDiffers = "TimelineDiffers", "A standby is on another timeline than its primary."
    AheadOfPrimary = "AheadOfPrimary", "A replica has transactions that its primary lacks."
    ReplicationStopped = "ReplicationStopped", "Replication between two members does not run."
    ReplicationFailed = "ReplicationFailed", "Replication reports an error."
    FollowsAnother = "FollowsAnother", "A member replicates from another server than it should, or from none."
    VotersDiffer = "VotersDiffer", "The voters of the quorum are not the members of the store."
    ServerNotVoting = "ServerNotVoting", "A server next to the voters has no vote."
    LeaderMissing = "LeaderMissing", "The quorum has no leader, or more than one."
    RoleDiffers = "RoleDiffers", "A member has another role than it should have."
    ClosedToWrites = "ClosedToWrites", "The primary refuses writes."
    OpenToWrites = "OpenToWrites", "A replica takes writes."
    ReplicationPaused = "ReplicationPaused", "A standby's replay is paused."
    ReplicationFiltered = "ReplicationFiltered", "A member leaves data out of its replication."
    ReplicationDelayed = "ReplicationDelayed", "A replica is configured to lag behind."
    ReplicationLagging = "ReplicationLagging", "A replica has not applied what its primary had."
    ExtraChannels = "ExtraChannels", "A replica has more replication channels than one."
    TransactionLeftOpen = "TransactionLeftOpen", "A transaction of no session holds locks."
    EventDisabled = "EventDisabled", "A scheduled event of the database is disabled as on a replica."
    CheckFailing = "CheckFailing", "A health check of the member's own does not pass."
    AutopilotUnhealthy = "AutopilotUnhealthy", "Consul's autopilot does not call the servers healthy."
    CatalogOutdated = "CatalogOutdated", "Consul's catalog has another identity, address or metadata of the member."
    MemberUnhealthy = "MemberUnhealthy", "A member is not healthy, for a reason that it has no name for."
    DatabaseEmpty = "DatabaseEmpty", "A database answers and holds no row of any user."
    NotFromBackup = "NotFromBackup", "A database answers, and the backup has no copy of any volume of its pod."

    # The data.
    DataCorrupted = "DataCorrupted", "The database reports that its own data are damaged."
    IntegrityNotChecked = (
        "IntegrityNotChecked",
        "The database's check of its own data was not made, or not of all parts.",
    )
    NoReference = "NoReference", "There is no agreed state from before to compare with."
    NoFingerprint = "NoFingerprint", "No fingerprint of the data was taken with the backup."
    FingerprintUnreadable = "FingerprintUnreadable", "The fingerprint of the data could not be read."
    FingerprintStale = "FingerprintStale", "The fingerprint was not taken by this backup."
    PartMissing = "PartMissing", "A table, definition or other part of the data is missing."
    PartEmptied = "PartEmptied", "A part that had rows has none."
    RowsMissing = "RowsMissing", "A part has fewer rows than before."
    RowsUnexpected = "RowsUnexpected", "A part has more rows than before."
    RowsDiffer = "RowsDiffer", "A part has as many rows as before, and others."
    PartUnexpected = "PartUnexpected", "A table, definition or other part exists that was not there before."
    DefinitionDiffers = "DefinitionDiffers", "A definition, right, account, setting or sequence is not what it was."
    IndexDamaged = "IndexDamaged", "An index, or the check of its table, reports damage."
    IndexIncomplete = "IndexIncomplete", "An index lacks an entry for a row of its table."
    IndexEntryUnexpected = "IndexEntryUnexpected", "An index has more entries than its table has rows."
    IndexStale = "IndexStale", "An index has entries that no row of its table calls for."
    IndexNotChecked = "IndexNotChecked", "No index was checked against its table."
    ObjectMissing = "ObjectMissing", "An object of the namespace is missing."
    ObjectUnexpected = "ObjectUnexpected", "An object is in the namespace that was not there before."
    ObjectDiffers = "ObjectDiffers", "An object of the namespace is not what it was."

    # The writes.
    AcknowledgedWriteLost = "AcknowledgedWriteLost", "A write acknowledged before the recovery point is gone."
    AllWritesLost = "AllWritesLost", "None of the acknowledged writes is there."
    WriteLostAgain = "WriteLostAgain", "A write acknowledged after the restore is gone."
    WriteResurrected = "WriteResurrected", "A deleted row is back."
    WriteDuplicated = "WriteDuplicated", "A row is there more than once."
    WriteAltered = "WriteAltered", "A row has a value that was never written to it."
    WriteUnexpected = "WriteUnexpected", "A row is there that nobody wrote."
    MembersDiverge = "MembersDiverge", "The members of a store were restored to different moments."
    NoWriteAcknowledged = "NoWriteAcknowledged", "No write was acknowledged before the fault, so none can be missed."
    AccountMissing = "AccountMissing", "An account is missing."
    AccountUnexpected = "AccountUnexpected", "An account is there that was never opened."
    BalanceSumDiffers = "BalanceSumDiffers", "All accounts together hold another sum than they should."
    BalanceDiffers = "BalanceDiffers", "The sum is right, and an account holds another balance than it should."
    WriteNotCommitted = "WriteNotCommitted", "A new write was not committed after the restore."
    WriteNotReplicated = "WriteNotReplicated", "A new write never showed on a member."
    WriteNotTried = "WriteNotTried", "No new write was tried after the restore."

    # Logging in.
    NotLoggedIn = "NotLoggedIn", "The known user got no token."
    WrongPasswordAccepted = "WrongPasswordAccepted", "A wrong password was accepted."
    WrongPasswordUnclear = "WrongPasswordUnclear", "A wrong password got an answer other than a refusal."
    SigningKeyChanged = "SigningKeyChanged", "Tokens are signed by another key than before."
    TokenRejected = "TokenRejected", "A token from before the fault no longer holds."
    TokenNotTried = "TokenNotTried", "A token from before the fault was not tried."
    LoginNotSeenBefore = "LoginNotSeenBefore", "No login worked before the fault."
    LoginNotTried = "LoginNotTried", "No login was tried after the restore."

    # The figures.
    ObjectiveMissed = "ObjectiveMissed", "A figure is over its objective."
    ObjectiveNotMeasured = "ObjectiveNotMeasured", "A figure that has an objective could not be measured."
    ObjectiveInvalid = "ObjectiveInvalid", "An objective is not a finite number."

    # Source and target of a proof or a move.
    BucketChanged = "BucketChanged", "The bucket changed during the proof."
    SourceNotFrozen = "SourceNotFrozen", "The source of the move was never frozen."
    SourceReleased = "SourceReleased", "The source's writers run again."
    SourceWritten = "SourceWritten", "The source took a write that it should not have taken."
    SourceNotRead = "SourceNotRead", "The source was not read at the end."
    PeerUnexpected = "PeerUnexpected", "A database replicates with a pod that is not of its own end."
    PeersUnknown = "PeersUnknown", "Which peers replicate with a database is not known."

    # What the tools name as the cause (see `harness.checks.tool_messages`), or what a wait was for.
    PodsNotReady = "PodsNotReady", "Pods did not become Ready."
    BackupNotFound = "BackupNotFound", "The backup tool does not find the backup."
    RestoreNotFinished = "RestoreNotFinished", "The backup tool's restore did not end in time."
    RepositoryLocked = "RepositoryLocked", "The repository is locked."
    RepositoryPasswordRejected = "RepositoryPasswordRejected", "The repository rejects the password."
    RepositoryNotOpened = "RepositoryNotOpened", "The repository has no key that opens it, or cannot be opened at all."
    SnapshotMissing = "SnapshotMissing", "The repository has no snapshot that the backup names."
    CredentialsRejected = "CredentialsRejected", "The object store or the database rejects the credentials."
    ObjectStoreUnreachable = "ObjectStoreUnreachable", "The object store cannot be reached."
    BackupNotDownloaded = "BackupNotDownloaded", "The backup tool cannot download the backup."
    DataPathFailed = "DataPathFailed", "The tool's data mover failed."
    VolumeRestoreInterrupted = "VolumeRestoreInterrupted", "The node agent stopped while it wrote a volume back."
    DiskFull = "DiskFull", "No space is left on the device."
    VolumeUnbound = "VolumeUnbound", "A pod waits for a persistent volume claim that is not bound."
    NodeUnavailable = "NodeUnavailable", "The scheduler finds no node for a pod."
    ImageNotPulled = "ImageNotPulled", "An image cannot be pulled."
    OutOfMemory = "OutOfMemory", "A container was killed for its memory."
    CrashLooping = "CrashLooping", "A container crashes again and again."
    ConnectionRefused = "ConnectionRefused", "The connection was refused."
    SnapshotCorrupted = "SnapshotCorrupted", "A server refuses to start from a snapshot whose checksum is wrong."
    PageCorrupted = "PageCorrupted", "A page of a data file has a wrong checksum or is otherwise invalid."
    TreeCorrupted = "TreeCorrupted", "The pages of an index tree do not fit each other."
    FileMissing = "FileMissing", "A data file is missing or cannot be opened."


def named(value: object) -> Reason | None:
    """The reason of that name; None for what is none, of a newer version or of nobody."""
    return Reason.__members__.get(value) if isinstance(value, str) else None


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each of the reasons once, by precedence."""
    found = set(reasons)
    return tuple(reason for reason in Reason if reason in found)
