"""What a bucket says of one of Velero's backups, before anything is restored."""

import base64
import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from harness.backups import archive, data_mover, unzip, velero_lane
from harness.backups.backup_selection import Selection, volumes_to_copy
from harness.backups.bucket_reader import BucketReader, Listing
from harness.backups.hook_requests import HookRequests, hook_requests
from harness.backups.object_store import LAYOUTS
from harness.backups.velero import RUNNING, tool_report, volume_copy
from harness.core.choices import choose, choose_all
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import at, integer, items, mapping, text
from harness.core.kubernetes import Object, address, claims_of, name_of, namespace_of
from harness.core.model import DONE, Json, ToolReport

NEWEST = "newest"
"""Stands for the backup that started last, whatever its result."""

FORMAT = (1, 1)
"""The newest format of a backup that the Velero here reads: major and minor."""

IN_PART = "PartiallyFailed"
FAILED = frozenset({"Failed", "FailedValidation"})
"""Phases of a backup that has ended and cannot be restored: there is nothing to try, and the proof fails."""

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "velero", "local-path-storage"})
"""Namespaces of a cluster itself. The one in which a backup is proved has its own; to restore them would break it."""

SECRET_NAME = re.compile(r"(?i)pass|token|secret|key|credential")
SHORTEST_SECRET = 8
"""Characters of the shortest secret that is hidden in the evidence: a shorter one would occur in ordinary words."""

_KINDS = {"pods": "Pod", "secrets": "Secret", "persistentvolumeclaims": "PersistentVolumeClaim"}
_BY_FILES = "PodVolumeBackup"
_SCHEDULE = ("metadata", "labels", "velero.io/schedule-name")
_STARTED = ("status", "startTimestamp")


@dataclass(frozen=True)
class Claim:
    """One persistent volume claim of the backup."""

    namespace: str
    name: str
    storage_class: str
    copied: bool  # whether the backup holds a copy of its files
    pods: tuple[str, ...]  # namespace/name of those that mount it

    @property
    def address(self) -> str:
        """Its namespace and name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class BackupRecord:
    """One backup, by its own record."""

    report: ToolReport
    format: str
    started: str  # ISO 8601
    completed: str
    uploader: str
    namespaces: tuple[str, ...]
    repositories: tuple[str, ...]  # how the keys begin of each repository that holds its volumes
    pods: tuple[Object, ...]
    claims: tuple[Claim, ...]
    secrets: frozenset[str]  # namespace/name
    elsewhere: tuple[str, ...]  # volumes that were backed up, and not into this bucket
    mover: bool  # whether the data mover copied snapshots into this bucket
    moved: tuple[str, ...]  # claims of which it did so, and whose DataUploads, without which none is restored, lack
    missed: tuple[str, ...]  # volumes that pods ask to have copied, and that were not
    hooks: HookRequests
    hooks_reported: bool  # False if a Velero before 1.13 took it, which does not count hooks
    schedule: str  # whose it is; "" for none
    others: tuple[str, ...]  # schedules whose newest backup is another one, where the newest of all was asked for
    unreadable: tuple[str, ...]  # backups without a readable description, and why
    newer: tuple[str, ...]  # those of them that were written later than this one, which should be the newest
    left_out: tuple[str, ...]  # namespaces of the cluster itself, which are not restored
    unasked: tuple[str, ...]  # namespaces that the user does not ask for
    spec: Mapping[str, Json] = field(repr=False)  # as it was asked for
    names: frozenset[tuple[str, str, str]] = field(
        repr=False
    )  # of all its objects: plural of the kind, namespace, name
    fields: frozenset[str] = field(repr=False)  # of its records, by which the Velero that made it is known
    secret_values: frozenset[str] = field(repr=False)  # what must be in no file of a run

    @property
    def failed(self) -> bool:
        """Whether Velero says that there is nothing to restore."""
        return self.report.phase in FAILED

    @property
    def copied_with(self) -> str:
        """The uploader, or the data mover if that copied any of the volumes."""
        return data_mover.NAME if self.mover else self.uploader

    def keys(self, listing: Listing) -> tuple[str, ...]:
        """Every object of the bucket that it takes to restore this backup."""
        beginnings = (f"backups/{self.report.name}/", *self.repositories)
        return tuple(key for key in listing if key.startswith(beginnings))

    def touched(self, before: Listing, after: Listing) -> Iterator[str]:
        """The objects of this backup that changed in a way that no maintenance of its repositories explains.

        Other backups write to the same repositories, and maintenance compacts and deletes what nothing refers to. But
        packs and indexes never change, and none is deleted before something is written.
        """
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        for key in sorted(changed):
            repository = next((each for each in self.repositories if key.startswith(each)), "")
            if key.startswith(f"backups/{self.report.name}/"):
                yield key
            elif repository and key in before and key.startswith(tuple(self._fixed(repository))):
                maintained = any(other in after and other.startswith(repository) for other in changed)
                if key in after or not maintained:
                    yield key

    def _fixed(self, repository: str) -> Iterator[str]:
        """How the keys begin of a repository's objects that are written once."""
        namespace = repository.split("/")[1]
        return (LAYOUTS[self.uploader][part].format(namespace=namespace) for part in ("packs", "index", "keys"))


def read_backup(
    source: BucketReader, listing: Listing, name: str, schedule: str = "", namespaces: Collection[str] = ()
) -> BackupRecord:
    """The backup of this name, or the newest one: of all, or of one schedule. Of it, all `namespaces`, or only these.

    Of a backup that failed, the objects are not read. Misconfigured if it is still running, or of a newer format;
    HarnessError where its own files are damaged.
    """
    backup, others, unreadable = _chosen(source, listing, name, schedule)
    newer = tuple(_newer(listing, name_of(backup), schedule, unreadable))
    failed = text(backup, "status", "phase") in FAILED
    if not failed:
        _can_be_restored(backup)
    name = name_of(backup)
    folder = f"backups/{name}/{name}"
    # The items of a list do not name their kind; the folder does.
    wanted = {*_KINDS, data_mover.UPLOADS}
    listed = () if failed else tuple(archived(source, name, wanted))
    found = tuple((kind, thing) for kind, _, _, thing in listed if thing)
    held = tuple({**thing, "kind": _KINDS[kind]} for kind, thing in found if kind in _KINDS)
    uploads = tuple(thing for kind, thing in found if kind == data_mover.UPLOADS)
    used = data_mover.mounts(filter(_may_run, (thing for thing in held if thing["kind"] == "Pod")))
    by_files = _list(source, listing, f"{folder}-podvolumebackups.json.gz")
    copies = (*by_files, *(data_mover.as_copy(each, used) for each in uploads))
    every = {namespace_of(thing) for thing in held} - SYSTEM
    asked = every if failed else frozenset(choose_all("namespace", tuple(namespaces), sorted(every))) or every
    kept = tuple(
        copy
        for copy in copies
        if text(copy, "spec", "pod", "namespace") in asked
        # Velero calls the copy of a volume without files Completed, and keeps no snapshot.
        and (
            text(copy, "status", "snapshotID")
            or text(copy, "status", "phase") != DONE
            or integer(copy, "status", "progress", "totalBytes")
        )
    )
    objects = tuple(thing for thing in held if namespace_of(thing) in asked)
    all_pods = tuple(thing for thing in objects if thing.get("kind") == "Pod")
    # Velero does not restore ended pods.
    pods = tuple(filter(_may_run, all_pods))
    # Where nothing was copied, nothing of a repository is needed; kopia is what Velero itself would take.
    uploaders = sorted({text(copy, "spec", "uploaderType") or "restic" for copy in kept}) or ["kopia"]
    if len(uploaders) > 1 or uploaders[0] not in LAYOUTS:
        raise Misconfigured(f"the backup {name} was made with {' and '.join(uploaders)}; one of {', '.join(LAYOUTS)}")
    claims = tuple(_claims(objects, pods, kept))
    # Unknown, so False, with a policy that may leave some volumes out.
    asks_for_all = Selection(at(backup, "spec")).copies_all and not at(backup, "spec", "resourcePolicy")
    infos = tuple(
        each for each in _list(source, listing, f"{folder}-volumeinfo.json.gz") if text(each, "pvcNamespace") in asked
    )
    elsewhere, moved = tuple(_elsewhere(infos)), set(_moved(infos))
    if not infos and at(backup, "spec", "snapshotMoveData") is True:  # a Velero before 1.13 lists no volumes
        moved = {claim.address for claim in claims if not claim.copied}
    moved -= {f"{text(each, 'spec', 'sourceNamespace')}/{text(each, 'spec', 'sourcePVC')}" for each in uploads}
    return BackupRecord(
        report=tool_report(
            backup,
            tuple(
                filter(
                    None,
                    (text(backup, "status", "failureReason"), *map(str, items(backup, "status", "validationErrors"))),
                )
            ),
            tuple(volume_copy(copy, with_namespace=True) for copy in kept),
        ),
        format=text(backup, "status", "formatVersion"),
        started=text(backup, *_STARTED),
        completed=text(backup, "status", "completionTimestamp"),
        uploader=uploaders[0],
        namespaces=tuple(sorted({namespace_of(thing) for thing in objects})),
        repositories=tuple(sorted({f"{uploaders[0]}/{text(copy, 'spec', 'pod', 'namespace')}/" for copy in kept})),
        pods=pods,
        claims=claims,
        secrets=frozenset(address(thing) for thing in objects if thing.get("kind") == "Secret"),
        elsewhere=elsewhere,
        mover=any(text(each, "spec", "sourceNamespace") in asked for each in uploads),
        moved=tuple(sorted(moved)),
        missed=(
            *_missed(pods, copies),
            *(_passed_over(all_pods, copies, (*elsewhere, *moved)) if asks_for_all else _ended_amiss(all_pods, claims)),
        ),
        # Also in the cluster's own namespaces, which are not restored; no command runs in a pod that has ended.
        hooks=hook_requests(backup, tuple(filter(_may_run, (thing for thing in held if thing.get("kind") == "Pod")))),
        hooks_reported=at(backup, "status", "hookStatus") is not None,
        schedule=text(backup, *_SCHEDULE),
        others=others,
        unreadable=tuple(f"{each} ({error})" for each, error in unreadable.items()),
        newer=newer,
        left_out=tuple(sorted({namespace_of(thing) for thing in held} & SYSTEM)),
        unasked=tuple(sorted(every - asked)),
        spec=mapping(backup, "spec"),
        names=frozenset(each[:3] for each in listed),
        fields=velero_lane.fields_of(backup, by_files, uploads),
        secret_values=frozenset(secret_values(objects)),
    )


def archived(source: BucketReader, name: str, kinds: Collection[str]) -> Iterator[tuple[str, str, str, Object]]:
    """Each object of a backup: the plural of its kind, namespace, name, and content, {} for other kinds than these.

    HarnessError if the backup's file is damaged.
    """
    key = f"backups/{name}/{name}.tar.gz"
    try:
        yield from archive.objects_in(source.read(key), kinds)
    except archive.UNREADABLE as error:
        raise HarnessError(f"{key} cannot be read: {error}; this backup cannot be restored") from error


def _chosen(
    source: BucketReader, listing: Listing, name: str, schedule: str
) -> tuple[Object, tuple[str, ...], Mapping[str, HarnessError]]:
    """The backup that is meant, the schedules of which that says nothing, and the backups that cannot be read."""
    found = _described_in(listing)
    if not found:
        folders = ", ".join(sorted({key.partition("/")[0] for key in listing})[:5]) or "nothing"
        raise Misconfigured(
            f"{source.place.name} holds no backup of Velero's: no backups/*/velero-backup.json, but {folders}; "
            "name its bucket and --prefix as Velero's BackupStorageLocation does"
        )
    if name != NEWEST:
        return _backup(source, choose("backup", name, sorted(found))), (), {}
    read, problems = descriptions(source, listing)
    if not read:
        raise next(iter(problems.values()))
    # Whatever its result: last night's failure must not hide behind the success of the night before.
    every = sorted(read, key=lambda each: text(each, *_STARTED))
    newest = {text(backup, *_SCHEDULE): backup for backup in every}
    if schedule:
        return newest[choose("schedule", schedule, sorted(filter(None, newest)))], (), problems
    others = (each for each, backup in newest.items() if each and backup is not every[-1])
    named = tuple(f"{each} (the newest is {_described(newest[each])})" for each in sorted(others))
    return every[-1], named, problems


def descriptions(source: BucketReader, listing: Listing) -> tuple[list[Object], dict[str, HarnessError]]:
    """Every backup of a bucket as it describes itself, and by name why others cannot be read."""
    found, read = _described_in(listing), list[Object]()
    every_folder = {key.split("/")[1] for key in listing if key.startswith("backups/")}
    problems = {each: HarnessError("it has no velero-backup.json") for each in sorted(every_folder - {*found})}
    for each in sorted(found):
        try:
            read.append(_backup(source, each))
        except HarnessError as error:  # empty, archived, or deleted meanwhile
            problems[each] = error
    return read, problems


def _described_in(listing: Listing) -> list[str]:
    return [key.split("/")[1] for key in listing if re.fullmatch(r"backups/[^/]+/velero-backup\.json", key)]


def _newer(listing: Listing, chosen: str, schedule: str, unreadable: Iterable[str]) -> Iterator[str]:
    """The unreadable backups that were written after the chosen one; of a schedule, if it may be theirs by its name."""
    written: dict[str, datetime] = {}
    for key, stored in listing.items():
        if key.startswith("backups/"):
            name = key.split("/")[1]
            written[name] = max(stored.modified, written.get(name, stored.modified))
    for name in unreadable:
        if name.startswith(f"{schedule}-" if schedule else "") and written[name] >= written[chosen]:
            yield name


def _described(backup: Object) -> str:
    return f"{name_of(backup)}, {text(backup, *_STARTED)}, {text(backup, 'status', 'phase')}"


def _backup(source: BucketReader, name: str) -> Object:
    key = f"backups/{name}/velero-backup.json"
    try:
        found: Json = json.loads(source.read(key))
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{key} is no JSON: {error}") from error
    if not isinstance(found, Mapping) or name_of(found) != name:
        raise HarnessError(f"{key} does not describe the backup {name}")
    return found


def _can_be_restored(backup: Object) -> None:
    name, phase = name_of(backup), text(backup, "status", "phase")
    if phase in RUNNING:
        raise Misconfigured(f"the backup {name} is still running ({phase or 'no phase yet'}); wait for its end")
    if phase not in {DONE, IN_PART}:
        raise Misconfigured(f"the backup {name} is in the phase {phase}, so it cannot be restored; name another backup")
    version = text(backup, "status", "formatVersion")
    form = re.match(r"(\d+)\.(\d+)", version)
    if not form or tuple(map(int, form.groups())) > FORMAT:
        raise Misconfigured(
            f"the backup {name} has the format {version or 'unknown'}, and the Velero here reads up to "
            f"{'.'.join(map(str, FORMAT))}; use a drillproof with a newer Velero"
        )


def _may_run(pod: Object) -> bool:
    return text(pod, "status", "phase") not in {"Succeeded", "Failed"}


def _missed(pods: tuple[Object, ...], copies: tuple[Object, ...]) -> Iterator[str]:
    """Velero says Completed where it left out a volume that it cannot read, or a pod that did not run."""
    copied = _copied(copies)
    for pod in pods:
        for volume in volumes_to_copy(pod):
            if (address(pod), volume) not in copied:
                yield f"{volume} of {address(pod)}"


def _ended_amiss(pods: tuple[Object, ...], claims: tuple[Claim, ...]) -> Iterator[str]:
    """The same of pods that had failed when the backup was taken, unless another one's copy has the claim.

    An evicted member of a StatefulSet is such a one: it comes back, and what it had does not.
    """
    copied = {claim.address for claim in claims if claim.copied}
    for pod in pods:
        mounts = claims_of(pod)
        for volume in volumes_to_copy(pod) if text(pod, "status", "phase") == "Failed" else ():
            if volume in mounts and f"{namespace_of(pod)}/{mounts[volume]}" not in copied:
                yield f"{volume} of {address(pod)}, which had failed"


def _copied(copies: tuple[Object, ...]) -> frozenset[tuple[str, str]]:
    """Each volume that was copied: its pod, and what that calls it."""
    made = (volume_copy(copy, with_namespace=True) for copy in copies)
    return frozenset((each.pod, each.volume) for each in made)


def _passed_over(pods: tuple[Object, ...], copies: tuple[Object, ...], elsewhere: tuple[str, ...]) -> Iterator[str]:
    """Where all are asked for: those of claims that were copied by way of no pod, but for what a pod excludes."""
    asking = tuple(pod for pod in pods if text(pod, "status", "phase") != "Succeeded")
    copied = _copied(copies)
    done = {each.partition(" ")[0] for each in elsewhere}
    done |= {claim for claim, pod, volume in _mounts(asking) if (pod, volume) in copied}
    all_of_them = Selection({"defaultVolumesToFsBackup": True})
    excluded = {(address(pod), each.volume) for pod in asking for each in all_of_them.choices(pod) if each.opted_out}
    for claim, pod, volume in _mounts(asking):
        if claim not in done and (pod, volume) not in excluded:
            yield f"{volume} of {pod}"


def secret_values(objects: Iterable[Object]) -> Iterator[str]:
    """What of these Secrets must be in no file of a run."""
    for thing in objects:
        data = thing.get("data")
        if thing.get("kind") == "Secret" and isinstance(data, Mapping):
            for name, value in data.items():
                with contextlib.suppress(ValueError):
                    plain = base64.b64decode(str(value)).decode()
                    if SECRET_NAME.search(name) and len(plain) >= SHORTEST_SECRET:
                        yield plain


def _claims(objects: tuple[Object, ...], pods: tuple[Object, ...], copies: tuple[Object, ...]) -> Iterator[Claim]:
    copied = _copied(copies)
    mounts = tuple(_mounts(pods))
    for thing in objects:
        if thing.get("kind") == "PersistentVolumeClaim":
            mine = [(pod, volume) for claim, pod, volume in mounts if claim == address(thing)]
            yield Claim(
                namespace_of(thing),
                name_of(thing),
                text(thing, "spec", "storageClassName"),
                copied=any(mount in copied for mount in mine or [(f"{namespace_of(thing)}/", name_of(thing))]),
                pods=tuple(pod for pod, _ in mine),
            )


def _mounts(pods: tuple[Object, ...]) -> Iterator[tuple[str, str, str]]:
    """Each claim with the pod that mounts it, and what the pod calls it."""
    for pod in pods:
        for volume, claim in claims_of(pod).items():
            yield f"{namespace_of(pod)}/{claim}", address(pod), volume


def _elsewhere(infos: Iterable[Object]) -> Iterator[str]:
    for volume in infos:
        method = text(volume, "backupMethod")
        skipped, moved = (at(volume, name) is True for name in ("skipped", "snapshotDataMoved"))
        if method not in {"", _BY_FILES} and not skipped and not moved:
            yield f"{text(volume, 'pvcNamespace')}/{text(volume, 'pvcName')} ({method})"


def _moved(infos: Iterable[Object]) -> Iterator[str]:
    for volume in infos:
        if at(volume, "snapshotDataMoved") is True:
            yield f"{text(volume, 'pvcNamespace')}/{text(volume, 'pvcName')}"


def _list(source: BucketReader, listing: Listing, key: str) -> tuple[Object, ...]:
    """A zipped list of the backup; empty if it has none such."""
    if key not in listing:
        return ()
    try:
        found: Json = json.loads(unzip.Values().counted(unzip.unzip(source.read(key)))) or []
    except archive.UNREADABLE as error:
        raise HarnessError(f"{key} cannot be read: {error}; this backup cannot be restored") from error
    if not isinstance(found, list):
        raise HarnessError(f"{key} is no list; this backup cannot be restored")
    return tuple(each for each in found if isinstance(each, Mapping))
