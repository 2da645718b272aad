"""Why a finding has its verdict, for machines: one CamelCase name, as the reason of a Kubernetes Condition.

Sentences may change with any release; scenarios, the self-test, tests and dashboards match on reasons. The order is the
precedence: of several reasons of one finding, the first one here is its `reason`, and the others are its `causes`.
"""

from collections.abc import Iterable
from enum import StrEnum, auto
from typing import Self


class Reason(StrEnum):
    """Every reason that a finding may have, with its meaning in one line. The value is the member's name."""

    meaning: str

    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        return name

    def __new__(cls, value: str, meaning: str) -> Self:
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason

    # Every PASS.
    AsExpected = auto(), "Everything is as it should be; the reason of every PASS."

    # The evidence, and the drill itself.
    EvidenceAltered = auto(), "A file of the run was changed after it was written or signed."
    EvidenceMissing = auto(), "A file of the run, or of its signature, is missing."
    EvidenceAdded = auto(), "A file was added to the run after it was signed."
    SignatureInvalid = auto(), "A signature does not verify."
    SchemaUnsupported = auto(), "Another version of drillproof wrote this file, with another schema."
    EvidenceUnreadable = auto(), "A file of the run is not in the format that drillproof writes."
    JournalTruncated = auto(), "The journal has no end: the run was killed, or lines were cut off."
    DrillInterrupted = auto(), "The run broke off for a reason other than the backup, or the user stopped it."
    ApiServerUnreachable = auto(), "The API server of the cluster does not answer."
    NodeNotReady = auto(), "A node of the cluster is not Ready."
    EngineUnresponsive = auto(), "The container engine does not answer."
    NamespaceMissing = auto(), "The namespace of the drill is gone, and no fault deleted it."
    StepNotFinished = auto(), "A step of the run did not start or did not end."
    EventsOutOfOrder = auto(), "Events are recorded in an order in which they prove nothing."
    MarkMissing = auto(), "The time of a milestone, T0 to T9, is not recorded."
    CheckRaised = auto(), "A check failed with an internal error, so its result is unknown."
    NothingJudged = auto(), "The run was never judged."
    NotRecorded = auto(), "The run does not record what this check needs."
    Unspecified = auto(), "The evidence was written before findings had reasons, or by a newer drillproof."

    # Whether the drill proves anything.
    SelfTestNotRun = auto(), "The self-test did not run before the drill."
    MutationMissed = auto(), "The self-test missed a mutation: a check does not detect what it should."
    ReusedStateDiffers = auto(), "The stores do not hold what the earlier drill left."
    DamageNotSeen = auto(), "The drill saw no damage from a fault."
    DamageNotDated = auto(), "The time at which the damage was seen is not recorded."
    ExpectedFindingMissing = auto(), "No check made the finding that the scenario expects."
    ExpectedFindingUnclear = auto(), "It is unknown whether the expected finding was made."
    PacketEscaped = auto(), "A packet left the isolated network."
    EgressNotMeasured = auto(), "Packets that left the isolated network were not counted."

    # The backup.
    BackupNotStored = auto(), "The bucket holds nothing of this backup."
    BackupFailed = auto(), "The backup is Failed."
    BackupPartiallyFailed = auto(), "The backup is PartiallyFailed."
    BackupRefused = auto(), "The backup tool rejected the backup (FailedValidation)."
    BackupHadErrors = auto(), "The backup is Completed, with errors."
    BackupNotCompleted = auto(), "The backup is in a phase that is not final."
    NewerBackupUnreadable = auto(), "A newer backup than the proved one is in the bucket and cannot be read."
    RepositoryDamaged = auto(), "The repository's own full check found damage."
    RepositoryNotChecked = auto(), "The repository check did not run, or did not finish."
    LeftOutByDefinition = auto(), "The definition of the backup leaves out a part of the application."
    VolumeNotProtected = auto(), "No volume of the store is annotated for the backup."
    VolumeNotBackedUp = auto(), "The backup has no copy of a volume that it should contain."
    VolumeNotRestorable = auto(), "The backup has a copy of a volume that drillproof cannot restore."
    VolumeBackupFailed = auto(), "The copy of a volume is not Completed."
    VolumeBackedUpEmpty = auto(), "The copy of a volume is empty."
    VolumePartlyBackedUp = auto(), "The copy of a volume has fewer bytes than the volume had."
    HookFailed = auto(), "A hook of the backup or of the restore failed."
    HookDidNotRun = auto(), "Fewer hooks ran than the pods ask for."
    HookUnexpected = auto(), "More hooks ran than the pods ask for."

    # The restore.
    RecoveryFailed = auto(), "The recovery failed or timed out while the cluster answered."
    RestoreFailed = auto(), "The restore is Failed."
    RestorePartiallyFailed = auto(), "The restore is PartiallyFailed."
    RestoreRefused = auto(), "The backup tool rejected the restore (FailedValidation)."
    RestoreHadErrors = auto(), "The restore is Completed, with errors."
    RestoreNotCompleted = auto(), "The restore is in a phase that is not final."
    WrongBackupRestored = auto(), "The backup tool restored another backup than requested."
    VolumeNotRestored = auto(), "A volume is in the backup and was not restored."
    VolumeRestoreFailed = auto(), "The restore of a volume is not Completed."
    VolumeRestoreNotFinished = auto(), "The restore of a volume is still in progress, or has not started."
    VolumePartlyRestored = auto(), "Fewer bytes of a volume were restored than were backed up."
    ClaimMissing = auto(), "A persistent volume claim was not restored, or has no volume."
    VolumeSurvived = auto(), "A volume that should be lost still exists, so the restore is not proved."
    VolumeReplaced = auto(), "A volume that was not lost was replaced."
    NothingLost = auto(), "Nothing that should be lost is lost, so the restore is not proved."
    MemberNotRestarted = auto(), "A pod was not restarted before it was read, so the answer may come from memory."

    # Provenance and health.
    NotReadBack = auto(), "The data to compare were not read after the restore."
    ReadFailed = auto(), "One of several reads failed, or a part could not be read."
    AnsweredByAnother = auto(), "Another server answered than the one that was queried."
    IdentityUnknown = auto(), "A member answered without its identity."
    NotHealthyBefore = auto(), "A member was not seen healthy before the fault."
    NotAnswering = auto(), "A member does not answer, or refuses the connection."
    WaitsForRestore = auto(), "A member accepts no clients until it is restored."
    DuplicateServerIdentity = auto(), "Two servers have the same identity."
    ForeignCluster = auto(), "A replica belongs to another database cluster than its primary."
    TimelineDiffers = auto(), "A standby is on another timeline than its primary."
    AheadOfPrimary = auto(), "A replica has transactions that its primary lacks."
    ReplicationStopped = auto(), "Replication between two members is stopped."
    ReplicationFailed = auto(), "Replication reports an error."
    FollowsAnother = auto(), "A member replicates from the wrong server, or from none."
    VotersDiffer = auto(), "The quorum's voters are not the store's members."
    ServerNotVoting = auto(), "A server of the quorum has no vote."
    LeaderMissing = auto(), "The quorum has no leader, or more than one."
    RoleDiffers = auto(), "A member has another role than it should have."
    ClosedToWrites = auto(), "The primary refuses writes."
    OpenToWrites = auto(), "A replica takes writes."
    ReplicationPaused = auto(), "A standby's replay is paused."
    ReplicationFiltered = auto(), "A member excludes data from its replication."
    ReplicationDelayed = auto(), "A replica is configured to lag behind."
    ReplicationLagging = auto(), "A replica has not applied what its primary had."
    ExtraChannels = auto(), "A replica has more than one replication channel."
    TransactionLeftOpen = auto(), "A transaction without a session holds locks."
    EventDisabled = auto(), "A scheduled event of the database is disabled, as on a replica."
    CheckFailing = auto(), "One of the member's own health checks fails."
    AutopilotUnhealthy = auto(), "Consul's autopilot reports the servers as unhealthy."
    CatalogOutdated = auto(), "Consul's catalog has an outdated identity, address or metadata of the member."
    MemberUnhealthy = auto(), "A member is unhealthy; no specific reason is known."
    DatabaseEmpty = auto(), "A database answers and holds no user data."
    DatabaseNotJudged = auto(), "What looks like a database was not judged."
    NotFromBackup = auto(), "A database answers, and the backup has no copy of a volume of its pod."

    # The data.
    DataCorrupted = auto(), "The database reports that its own data are damaged."
    IntegrityNotChecked = auto(), "The database's integrity check did not run, or not on all parts."
    NoReference = auto(), "There is no consistent earlier state to compare with."
    NoFingerprint = auto(), "No fingerprint of the data was taken with the backup."
    FingerprintUnreadable = auto(), "The fingerprint of the data could not be read."
    FingerprintStale = auto(), "The fingerprint was not taken with this backup."
    DatabaseReinitialised = auto(), "A database was initialised again: nothing that it held before is there."
    OlderStateRestored = auto(), "A database holds the state of a moment before the recovery point."
    PartMissing = auto(), "A table, definition or other part of the data is missing."
    PartEmptied = auto(), "A part that had rows is empty."
    RowsMissing = auto(), "A part has fewer rows than before."
    RowsUnexpected = auto(), "A part has more rows than before."
    RowsDiffer = auto(), "A part has the same number of rows, with different content."
    PartUnexpected = auto(), "A table, definition or other part exists that did not exist before."
    DefinitionDiffers = auto(), "A definition, privilege, account, setting or sequence changed."
    IndexDamaged = auto(), "An index, or the check of its table, reports damage."
    IndexIncomplete = auto(), "An index lacks an entry for a row of its table."
    IndexEntryUnexpected = auto(), "An index has more entries than its table has rows."
    IndexStale = auto(), "An index has entries that match no row of its table."
    IndexNotChecked = auto(), "No index was checked against its table."
    ObjectMissing = auto(), "An object of the namespace is missing."
    ObjectUnexpected = auto(), "The namespace has an object that it did not have before."
    ObjectDiffers = auto(), "An object of the namespace changed."

    # The writes.
    AcknowledgedWriteLost = auto(), "A write acknowledged before the recovery point is missing."
    LedgerMissing = auto(), "A database answers, and has no table of the drill's writes."
    AllWritesLost = auto(), "All acknowledged writes are missing."
    WriteLostAgain = auto(), "A write acknowledged after the restore is missing."
    WriteResurrected = auto(), "A deleted row exists again."
    WriteDuplicated = auto(), "A row exists more than once."
    WriteAltered = auto(), "A row has a value that was never written to it."
    WriteUnexpected = auto(), "A row exists that no client wrote."
    MembersDiverge = auto(), "The members of a store were restored to different moments."
    NoWriteAcknowledged = auto(), "No write was acknowledged before the fault, so there is nothing to check."
    AccountMissing = auto(), "An account is missing."
    AccountUnexpected = auto(), "An account exists that was never opened."
    BalanceSumDiffers = auto(), "The total of all balances is wrong."
    BalanceDiffers = auto(), "The total is right, and the balance of an account is wrong."
    WriteNotCommitted = auto(), "A new write was not committed after the restore."
    WriteNotReplicated = auto(), "A new write did not appear on a member."
    WriteNotTried = auto(), "No new write was tried after the restore."

    # Logging in.
    NotLoggedIn = auto(), "The known user received no token."
    WrongPasswordAccepted = auto(), "A wrong password was accepted."
    WrongPasswordUnclear = auto(), "A login with a wrong password got an answer other than a rejection."
    SigningKeyChanged = auto(), "Tokens are signed with another key than before."
    TokenRejected = auto(), "A token from before the fault is no longer accepted."
    TokenNotTried = auto(), "A token from before the fault was not tried."
    LoginNotSeenBefore = auto(), "No login succeeded before the fault."
    LoginNotTried = auto(), "No login was tried after the restore."

    # The figures.
    ObjectiveMissed = auto(), "A figure exceeds its objective."
    ObjectiveNotMeasured = auto(), "A figure that has an objective could not be measured."
    ObjectiveInvalid = auto(), "An objective is not a finite number."

    # Source and target of a proof or a migration.
    BucketChanged = auto(), "The bucket changed during the proof."
    SourceNotQuiesced = auto(), "The source of the migration was never quiesced."
    SourceResumed = auto(), "Writers of the source run again."
    SourceWritten = auto(), "The source received a write after it was quiesced."
    SourceNotRead = auto(), "The source was not read at the end."
    PeerUnexpected = auto(), "A database replicates with a pod of the other end."
    PeersUnknown = auto(), "The replication peers of a database are unknown."

    # Causes that tools name (see `harness.checks.tool_messages`), and what a wait was for.
    PodsNotReady = auto(), "Pods did not become Ready."
    BackupNotFound = auto(), "The backup tool cannot find the backup."
    RestoreNotFinished = auto(), "The restore did not finish in time."
    RepositoryLocked = auto(), "The repository is locked."
    RepositoryPasswordRejected = auto(), "The repository rejects the password."
    RepositoryNotOpened = auto(), "The repository has no key for this password, or cannot be opened."
    SnapshotMissing = auto(), "The repository lacks a snapshot that the backup refers to."
    CredentialsRejected = auto(), "The object store or the database rejects the credentials."
    ClientMissing = auto(), "The image of a database has no client, or no shell, to ask it with."
    ObjectStoreUnreachable = auto(), "The object store cannot be reached."
    BackupNotDownloaded = auto(), "The backup tool cannot download the backup."
    DataPathFailed = auto(), "The backup tool's data mover failed."
    VolumeRestoreInterrupted = auto(), "The node agent stopped while it restored a volume."
    DiskFull = auto(), "No space is left on the device."
    VolumeUnbound = auto(), "A pod waits for a persistent volume claim that is not bound."
    NodeUnavailable = auto(), "The scheduler finds no node for a pod."
    ImageNotPulled = auto(), "An image cannot be pulled."
    OutOfMemory = auto(), "A container was killed because it ran out of memory."
    CrashLooping = auto(), "A container crashes repeatedly."
    ConnectionRefused = auto(), "The connection was refused."
    SnapshotCorrupted = auto(), "A server refuses to start from a snapshot with a wrong checksum."
    PageCorrupted = auto(), "A page of a data file has a wrong checksum or is otherwise invalid."
    TreeCorrupted = auto(), "The pages of an index tree are inconsistent."
    FileMissing = auto(), "A data file is missing or cannot be opened."


def from_name(value: object) -> Reason | None:
    """The reason of that name; None for anything else, such as a reason of a newer version."""
    return Reason.__members__.get(value) if isinstance(value, str) else None


def by_precedence(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each of the reasons once, by precedence."""
    found = set(reasons)
    return tuple(reason for reason in Reason if reason in found)
