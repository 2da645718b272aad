"""Velero with its file-system backup: what it is asked, what it reports, and what the bucket holds.

No exit code of its CLI is trusted (`--wait` ends with 0 whatever the phase): backups and restores are objects
that we create and read.
"""

import contextlib
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups import archive, data_mover, repository_check, velero_install
from harness.backups.backup_definition import Definition
from harness.backups.backup_selection import Selection
from harness.backups.data_mover import Snapshots
from harness.backups.hook_requests import hook_requests
from harness.backups.object_store import LAYOUTS, ObjectStore, empty
from harness.backups.repository_check import CheckResult
from harness.backups.velero_install import NAMESPACE, Release
from harness.core import timeouts
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import at, integer, items, keys, text
from harness.core.kubernetes import Object, RunsKubectl, changes, find, name_of, objects
from harness.core.model import Json, Protected, Stored, ToolReport, VolumeCopy
from harness.core.objects import made
from harness.core.reason import Reason, by_precedence
from harness.core.wait import NotYet, until

RUNNING = frozenset(
    {
        *("", "New", "Queued", "ReadyToStart", "InProgress", "Finalizing", "FinalizingPartiallyFailed"),
        *("WaitingForPluginOperations", "WaitingForPluginOperationsPartiallyFailed"),
    }
)
"""Phases of a backup or a restore after which another one comes."""

ENDED = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
"""Final phases. A phase in neither set is unknown to this module: an error."""

STORE_LABEL = "app.kubernetes.io/name"

MAX_MESSAGES = 200
UNREADABLE = (BotoCoreError, ClientError, OSError, EOFError, zlib.error, ValueError)
"""What reading a zipped file from the bucket may raise: no bucket, no such file, truncated, damaged, not JSON."""

_DEFAULT: Mapping[str, Json] = {"defaultVolumesToFsBackup": False, "snapshotVolumes": False}
"""Of the spec of a backup that no user defines."""

_OF_BACKUPS = ("backups", "restores", "podvolumebackups", "podvolumerestores", "backuprepositories")
_LOCATIONS = "backupstoragelocations"

_MOVED: Mapping[str, Json] = {
    "snapshotVolumes": True,
    "snapshotMoveData": True,
    "resourcePolicy": {"kind": "configmap", "name": "snapshots"},
}
"""What a backup asks for where the data mover copies. The policy takes snapshots where annotations ask for files."""


class VeleroEngine:
    """Velero and its node agents. Implements `harness.core.ports.BackupEngine`."""

    def __init__(
        self,
        kubectl: RunsKubectl,
        store: Callable[[], ObjectStore],
        release: Release,
        *,
        uploader: str = "restic",
        snapshots: Snapshots | None = None,
        item_block_workers: int = 1,
        namespace: str = NAMESPACE,
        with_namespace: bool = False,
    ) -> None:
        """`store` gives the object store when the cluster is up; `uploader` is restic or kopia.

        With `snapshots` the data mover copies these, by kopia. `item_block_workers` is how many item blocks (a pod
        with its claims) are backed up at once. `namespace` is Velero's own. `with_namespace`: reports name pods as
        `NAMESPACE/POD`.
        """
        self.name = data_mover.ENGINE if snapshots else f"velero-{uploader}"
        self._kubectl = kubectl
        self._store = store
        self._release = release
        self._uploader = uploader
        self._snapshots = snapshots
        self._item_block_workers = item_block_workers
        self._namespace = namespace
        self._with_namespace = with_namespace
        self._here = f"--namespace={namespace}"
        self._namespaces: Mapping[str, str] = {}
        self._storage_classes: Mapping[str, str] = {}
        self._definition: Definition | None = None
        self._own, self._drilled = "", ""  # the application's namespace in the definition, and in the drill

    def rename(self, *, namespaces: Mapping[str, str], storage_classes: Mapping[str, str]) -> None:
        """Map names at every restore; called before `install`."""
        self._namespaces, self._storage_classes = namespaces, storage_classes

    def follow(self, definition: Definition, own: str, drilled: str) -> None:
        """Back up and restore as a user's `definition` has it, whose `own` namespace `drilled` stands for."""
        self._definition, self._own, self._drilled = definition, own, drilled

    def install(self) -> None:
        """Install it, or update an earlier installation; return when it can take backups."""
        if self._uploader == repository_check.KOPIA:
            with contextlib.suppress(Misconfigured):  # reported where it is needed; everything else can be judged
                self._release.kopia_check()  # built now, and not while a backup is timed
        more = [f"--item-block-worker-count={self._item_block_workers}"]
        if self._snapshots:
            self._snapshots.install()
            more.append(data_mover.OPTION)
        velero_install.install(self._kubectl, self._store(), self._release, self._uploader, *more)
        if self._snapshots:
            policy = made("snapshot-policy", namespace=self._namespace, policy=_policy(self._snapshots.storage_class))
            self._kubectl("apply", "-f", "-", stdin=json.dumps(policy))
        if self._storage_classes:
            velero_install.map_storage_classes(self._kubectl, self._storage_classes)
        for config in self._definition.config_maps if self._definition else ():
            metadata: Json = {"name": name_of(config), "namespace": self._namespace}
            self._kubectl("apply", "-f", "-", stdin=json.dumps({**config, "metadata": metadata}))

    def forget(self) -> None:
        """Empty the bucket, then remove Velero's records of what was in it. HarnessError if one cannot be removed."""
        empty(self._store())
        # The bucket first: Velero recreates its records from it.
        # A restore that does not end has a finalizer, and is never deleted.
        self._kubectl("delete", ",".join(f"{kind}.velero.io" for kind in _OF_BACKUPS), "--all", self._here)

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        """Every volume that a backup taken now should copy: by its spec, and by the annotations of its pods."""
        here = f"--namespace={namespace}"
        found = objects(self._kubectl, "pods,pvc,pv" if self._definition else "pods", here)
        pods, claims, volumes = (
            [each for each in found if text(each, "kind") in kinds]
            for kinds in ({"Pod", ""}, {"PersistentVolumeClaim"}, {"PersistentVolume"})
        )
        selection = self._definition.selection(claims, volumes) if self._definition else Selection(_DEFAULT)
        return tuple(
            Protected(text(pod, "metadata", "labels", STORE_LABEL), name_of(pod), each.volume, not each.by_name)
            for pod in pods
            if not selection.why_no_pod(pod)
            for each in selection.choices(pod)
            if each.copied
        )

    def hooks(self, namespace: str) -> Mapping[str, int]:
        """The hooks that a backup taken now should run, by pod: by its spec, and by the annotations of its pods."""
        backup, found = self.wanted_backup("", namespace), objects(self._kubectl, "pods", f"--namespace={namespace}")
        selection = Selection(at(backup, "spec"))
        pods = [pod for pod in found if not selection.why_no_pod(pod)]
        return {pod.rpartition("/")[2]: count for pod, count in hook_requests(backup, pods).by_pod.items()}

    def backup(self, name: str, namespace: str) -> ToolReport:
        """Take a backup of the namespace, copying the volumes that its pods' annotations name."""
        done = self._run(self.wanted_backup(name, namespace), timeouts.BACKUP_S)
        copies = self._records("backup", name)
        return self._report(done, copies, f"backups/{name}/{name}-results.gz")

    def restore(
        self, name: str, backup: str, namespaces: Sequence[str] = (), *, within_s: float = timeouts.RESTORE_S
    ) -> ToolReport:
        """Restore `backup`, volumes included, once Velero has found it in the bucket: all, or these namespaces."""
        self._until_known(backup)
        done = self._run(self.wanted_restore(name, backup, namespaces), within_s)
        copies = self._records("restore", name)
        return self._report(done, copies, f"restores/{name}/restore-{name}-results.gz")

    def resync(self, backup: str) -> None:
        """Make it sync with its bucket now, and not within a minute; returns when it has the backup.

        Waits for the end of the old server: two at once called a volume Completed that was not restored yet.
        """
        self._kubectl("delete", "pods", "--selector=deploy=velero", self._here, within_s=velero_install.READY_S)
        self._until_known(backup)

    def _until_known(self, backup: str) -> None:
        def found() -> None:
            if not find(self._kubectl, "backups.velero.io", backup, self._namespace):
                raise NotYet("no such backup")

        # A new Velero syncs with its bucket once a minute.
        what = f"Velero to find the backup {backup}"
        until(found, waited_for=what, within_s=timeouts.SYNC_S, reason=Reason.BackupNotFound)

    def wanted_backup(self, name: str, namespace: str) -> Object:
        """A backup as it is asked for."""
        asked = self._asked()
        spec = {"includedNamespaces": [namespace], **_DEFAULT, **(_MOVED if self._snapshots else {}), **asked}
        if self._definition:
            location = text(asked, "storageLocation")
            spec = {**self._definition.asked(self._own, namespace, location, shared=bool(self._marks())), **asked}
        return self._wanted("Backup", name, spec)

    def wanted_restore(self, name: str, backup: str, namespaces: Sequence[str] = ()) -> Object:
        """A restore as it is asked for."""
        only: dict[str, Json] = {"includedNamespaces": list(namespaces)} if namespaces else {}
        if self._namespaces:
            only["namespaceMapping"] = dict(self._namespaces)
        own = self._definition.restore if self._definition else None
        asked = own.asked(self._own, self._drilled) if own else {}
        return self._wanted("Restore", name, {"backupName": backup, "restorePVs": True, **asked, **only})

    def _wanted(self, kind: str, name: str, spec: Json) -> Object:
        metadata: Json = {"name": name, "namespace": self._namespace, **self._marks()}
        return {"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata, "spec": spec}

    def _asked(self) -> Mapping[str, Json]:
        """What else a backup asks for."""
        return {"storageLocation": "default"}

    def _marks(self) -> Mapping[str, Json]:
        """What tells our backups and restores from others'; on a cluster of our own all of them are ours."""
        return {}

    def stored(self, name: str) -> Stored:
        """The objects of this backup and of the repositories that its own list of volume copies names.

        Nothing is counted while the backup's own description is not there.
        """
        listed = self._objects(name)
        return Stored(len(listed), sum(listed.values()))

    def check(self, name: str, stored: Stored) -> Stored:
        """`stored`, with what a full check of the repositories and of the backed-up objects says of their data."""
        if not stored.objects:
            return stored
        copies = self._copies(name)
        answer = self._checked(copies)
        # Listed after the check: if the bucket was out of reach, this fails, and the check's word of damage counts not.
        lost = tuple(repository_check.missing_snapshots(copies, self._objects(name)))
        archive = self._unreadable(f"backups/{name}/{name}.tar.gz")
        damage = (*archive, *lost, *answer.damage)[: repository_check.MAX_LINES]
        reasons = by_precedence((*answer.reasons, *((Reason.SnapshotMissing,) if lost else ())))
        return replace(stored, damage=damage, checked=answer.checked, reasons=reasons)

    def _checked(self, copies: tuple[Object, ...]) -> CheckResult:
        ended = any(text(copy, "status", "snapshotID") for copy in copies)
        if copies and not ended and not any(self._listed(f"{self._uploader}/")):
            return CheckResult(checked=False, damage=("no copy of a volume ended, so no repository was created",))
        if self._uploader == repository_check.KOPIA:
            program = self._release.kopia_check
            return repository_check.check_kopia(self._kubectl, program, self._store(), copies, self._namespace)
        return repository_check.check_restic(
            self._restic_check, {text(copy, "spec", "repoIdentifier") for copy in copies}
        )

    def _restic_check(self, repository: str) -> str:
        return repository_check.restic(self._kubectl, repository, *repository_check.CHECK)

    def _objects(self, name: str) -> dict[str, int]:
        listed = dict(self._listed(f"backups/{name}/"))
        if f"backups/{name}/velero-backup.json" not in listed:
            return {}
        for namespace in {text(copy, "spec", "pod", "namespace") for copy in self._copies(name)}:
            listed |= dict(self._listed(f"{self._uploader}/{namespace}/"))
        return listed

    def layout(self, namespace: str) -> Mapping[str, str]:
        """As the uploader lays its repository out."""
        return {part: prefix.format(namespace=namespace) for part, prefix in LAYOUTS[self._uploader].items()}

    def collect(self, into: Path) -> None:
        """Write Velero's records, and the logs that it keeps in the bucket; never raises for what is not available."""
        into.mkdir(parents=True, exist_ok=True)
        for kind in (*_OF_BACKUPS, *(("datauploads", "datadownloads") if self._snapshots else ()), _LOCATIONS):
            with contextlib.suppress(HarnessError):
                listing = self._kubectl("get", f"{kind}.velero.io", self._here, "-o", "yaml")
                (into / f"{kind}.yaml").write_text(listing)
        with contextlib.suppress(HarnessError, BotoCoreError, ClientError):
            for folder in ("backups/", "restores/"):
                self._copy_logs(folder, into)

    def _copy_logs(self, folder: str, into: Path) -> None:
        for key, size in self._listed(folder):
            if key.endswith(("-logs.gz", "-results.gz")) and size < velero_install.MAX_LOG_BYTES:
                with contextlib.suppress(*UNREADABLE):  # a damaged one does not keep the others away
                    (into / Path(key).name.removesuffix(".gz")).write_bytes(self._end_of(key))

    def _run(self, wanted: Object, within_s: float) -> Object:
        """Create a Backup or Restore and return it when its phase is one that stays."""
        kind, name = text(wanted, "kind"), name_of(wanted)
        self._kubectl("create", "-f", "-", stdin=json.dumps(wanted))

        def ended() -> Object:
            found = find(self._kubectl, f"{kind.lower()}s.velero.io", name, self._namespace)
            phase = text(found, "status", "phase")
            if phase in RUNNING:
                raise NotYet(f"phase {phase or 'not set'}")
            if phase not in ENDED:
                raise HarnessError(f"{kind} {name} is in the phase {phase!r}, which drillproof does not know")
            return found

        reason = Reason.RestoreNotFinished if kind == "Restore" else Reason.BackupNotCompleted
        what = f"Velero's {kind.lower()} {name}"
        with changes(self._kubectl, f"{kind.lower()}s.velero.io", self._namespace, name) as alarm:
            return until(ended, waited_for=what, within_s=within_s, every_s=1, reason=reason, alarm=alarm)

    def _report(self, done: Object, volumes: tuple[VolumeCopy, ...], results: str) -> ToolReport:
        return tool_report(done, (*_said(done), *self._results(results))[:MAX_MESSAGES], volumes)

    def _records(self, what: str, name: str) -> tuple[VolumeCopy, ...]:
        """The volumes of a `backup` or `restore`, in order."""
        asked = (self._here, f"--selector=velero.io/{what}-name={name}")
        found = objects(self._kubectl, f"podvolume{what}s.velero.io", *asked)
        if self._snapshots:
            used = data_mover.mounts(objects(self._kubectl, "pods", "--all-namespaces"))
            kind = data_mover.UPLOADS if what == "backup" else data_mover.DOWNLOADS
            found = (*found, *(data_mover.as_copy(each, used) for each in objects(self._kubectl, kind, *asked)))
        copies = (volume_copy(each, with_namespace=self._with_namespace) for each in found)
        return tuple(sorted(copies, key=lambda copy: (copy.pod, copy.volume)))

    def _results(self, key: str) -> Iterator[str]:
        """The errors and warnings that Velero keeps in the bucket, errors first."""
        try:
            kept = json.loads(self._read(key))
        except UNREADABLE as error:
            yield f"{key} cannot be read: {error}"
            return
        for level in ("errors", "warnings"):
            for where in ("velero", "cluster"):
                yield from (f"{level}: {where}: {line}" for line in items(kept, level, where))
            for namespace in keys(kept, level, "namespaces"):
                yield from (f"{level}: {namespace}: {line}" for line in items(kept, level, "namespaces", namespace))

    def _copies(self, name: str) -> tuple[Object, ...]:
        """The volume copies of this backup, as its own files in the bucket say."""
        key = f"backups/{name}/{name}-podvolumebackups.json.gz"
        try:
            copies = tuple(json.loads(self._read(key)) or ())
            if self._snapshots:
                key = f"backups/{name}/{name}.tar.gz"
                held = tuple(archive.objects_in(self._packed(key), {"pods", data_mover.UPLOADS}))
                used = data_mover.mounts(thing for kind, _, _, thing in held if kind == "pods")
                copies += tuple(
                    data_mover.as_copy(thing, used) for kind, _, _, thing in held if kind == data_mover.UPLOADS
                )
        except (*UNREADABLE, *archive.UNREADABLE) as error:
            raise HarnessError(f"{key} cannot be read: {error}") from error
        return copies

    def _unreadable(self, key: str) -> Iterator[str]:
        """What is wrong with a zipped file, to its last byte; nothing if it is whole."""
        try:
            self._read(key)
        except UNREADABLE as error:
            yield f"{key} cannot be read: {error}"

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        store = self._store()
        try:
            pages = store.client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=store.bucket, Prefix=store.folder + prefix):
                things = page.get("Contents", ())
                yield from ((thing["Key"].removeprefix(store.folder), thing["Size"]) for thing in things)
        except (BotoCoreError, ClientError) as error:
            raise HarnessError(f"the bucket cannot be listed: {error}") from error

    def _read(self, key: str) -> bytes:
        return gzip.decompress(self._packed(key))

    def _packed(self, key: str) -> bytes:
        store = self._store()
        return store.client().get_object(Bucket=store.bucket, Key=store.folder + key)["Body"].read()

    def _end_of(self, key: str) -> bytes:
        """The last MAX_LOG_BYTES of a zipped file, however much it unpacks to."""
        store = self._store()
        end = b""
        with gzip.open(store.client().get_object(Bucket=store.bucket, Key=store.folder + key)["Body"]) as file:
            while chunk := file.read(velero_install.MAX_LOG_BYTES):
                end = (end + chunk)[-velero_install.MAX_LOG_BYTES :]
        return end


def tool_report(record: Object, messages: tuple[str, ...], volumes: tuple[VolumeCopy, ...]) -> ToolReport:
    """What the record of a Backup or Restore says, with what was found elsewhere."""
    return ToolReport(
        name=name_of(record),
        phase=text(record, "status", "phase"),
        errors=integer(record, "status", "errors"),
        warnings=integer(record, "status", "warnings"),
        messages=messages,
        volumes=volumes,
        of=text(record, "spec", "backupName"),
        hooks_attempted=integer(record, "status", "hookStatus", "hooksAttempted"),
        hooks_failed=integer(record, "status", "hookStatus", "hooksFailed"),
    )


def volume_copy(record: Object, *, with_namespace: bool = False) -> VolumeCopy:
    """A PodVolumeBackup or PodVolumeRestore in reports."""
    namespace = f"{text(record, 'spec', 'pod', 'namespace')}/" if with_namespace else ""
    return VolumeCopy(
        pod=namespace + text(record, "spec", "pod", "name"),
        volume=text(record, "spec", "volume"),
        phase=text(record, "status", "phase"),
        bytes_done=integer(record, "status", "progress", "bytesDone"),
        bytes_total=integer(record, "status", "progress", "totalBytes"),
        message=text(record, "status", "message"),
        uploader=text(record, "spec", "uploaderType"),
    )


def _policy(storage_class: str) -> str:
    """What Velero does with volumes: JSON is YAML. Without a policy an annotation of a pod would ask for its files."""
    wanted: Json = {"conditions": {"storageClass": [storage_class]}, "action": {"type": "snapshot"}}
    return json.dumps({"version": "v1", "volumePolicies": [wanted]})


def _said(done: Object) -> Iterator[str]:
    """What a Backup or Restore reports in addition to its phase; hooks are counted even where none failed."""
    if reason := text(done, "status", "failureReason"):
        yield f"errors: {reason}"
    yield from (f"errors: {error}" for error in items(done, "status", "validationErrors"))
    attempted, failed = (integer(done, "status", "hookStatus", count) for count in ("hooksAttempted", "hooksFailed"))
    if attempted or failed:
        yield f"hooks: {attempted} attempted, {failed} failed"
