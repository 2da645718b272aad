"""Whether the backup is complete, and everything in it was restored, whatever the backup tool reports."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.checks.check import EVERY, about, check, failed, few, latest, objects_of, passed, recorded, texts, unknown
from harness.checks.tool_messages import causes
from harness.core.json import items, mapping, text
from harness.core.model import DONE, STEPS, Finding, Json, Verdict, of_phase
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, PROOF, Run

Report = Mapping[str, Json]
"""What the backup tool reports of one backup, restore or volume."""

_IN_PROGRESS = frozenset({"", "New", "Accepted", "Prepared", "InProgress"})
"""Phases of a volume's restore that may still end well."""


@check("backup-complete")
def backup_complete(run: Run) -> Iterator[Finding]:
    """The tool reports Completed, and every volume that should be backed up has a copy that is not empty.

    Velero reports Completed for a backup without a volume that it cannot read (hostPath, or its pod was not running).
    So the volumes and hooks that the pods request are compared with those in the backup. The repository must pass its
    own check of all data.
    """
    report, protected, stored = (latest(run, kind) for kind in ("backup", "protected", "stored"))
    if any(event.data.get("step") in STEPS[: STEPS.index("restore")] for event in run.of("error")):
        # What broke the drill may have broken the backup: `drill-finished` names it.
        yield unknown(Reason.NotRecorded, "the drill broke off before the restore, so its backup is not judged")
        return
    if report is None or protected is None or stored is None:
        yield unknown(Reason.NotRecorded, "no finished backup is recorded")
        return
    yield from _definition(run, protected)
    yield _whole_report("backup", report)
    yield _stored(stored)
    yield _repository(stored)
    yield _hooks(_wanted_hooks(protected), report, exact=True)
    yield from _volumes(run, protected, report)


@check("backup-complete", PROOF)
def proved_backup_complete(run: Run) -> Iterator[Finding]:
    """Of an existing backup: the tool reports Completed, no hook failed, and each copy has all its bytes."""
    report, backup = latest(run, "backup"), mapping(run.facts, "backup")
    if report is None:
        yield unknown(Reason.NotRecorded, "the backup is not recorded")
        return
    missed, found = backup.get("missed"), _copies(report)
    yield _whole_report("backup", report)
    yield _proved_hooks(backup, report)
    if idle := texts(backup.get("idle_hooks")):
        hint = "fix the selector in the hooks of the Schedule or Backup, or remove the hook"
        detail = f"hooks of the backup's definition ran in no pod: {few(idle)}"
        yield failed(Reason.HookDidNotRun, detail, hint, objects=idle)
    if newer := texts(backup.get("newer")):
        detail = f"newer backups are in the bucket, and cannot be read: {few(newer)}"
        yield unknown(Reason.NewerBackupUnreadable, detail, objects=newer)
    if not isinstance(missed, list):
        yield unknown(Reason.NotRecorded, "which volumes should be backed up is not recorded")
    elif missed:
        hint = "check that their pods ran at backup time, and that no volume is a hostPath"
        detail = f"requested, and not in the backup: {few(missed)}"
        yield failed(Reason.VolumeNotBackedUp, detail, hint, objects=texts(missed))
    if lacking := texts(backup.get("absent")):
        hint = (
            "correct the filters of the Schedule or Backup, so that it includes them; what refers to them cannot start"
        )
        detail = f"the backup lacks what it was asked for, or what its own pods need: {few(lacking)}"
        yield failed(Reason.LeftOutByDefinition, detail, hint, objects=lacking)
    if not found:
        hint = "annotate the volumes for file-system backup; drillproof cannot prove volume snapshots"
        if others := (*texts(backup.get("moved")), *texts(backup.get("elsewhere"))):
            detail = f"the backup has snapshots, which this version of drillproof cannot restore: {few(others)}"
            yield unknown(Reason.VolumeNotRestorable, detail, hint, objects=others)
        else:
            yield failed(Reason.VolumeNotBackedUp, "the backup has no copy of any volume", hint)
    for (pod, volume), copy in found.items():
        yield about(_backed_up(volume, copy), "", pod)


@check("backup-complete", MOVE)
def migration_backup_complete(run: Run) -> Iterator[Finding]:
    """The tool reports Completed, every hook ran, and every volume that a pod requests was backed up completely."""
    report, protected = latest(run, "backup"), latest(run, "protected")
    if report is None or protected is None:
        yield unknown(Reason.NotRecorded, "no finished backup is recorded")
        return
    yield _whole_report("backup", report)
    yield _hooks(_wanted_hooks(protected), report, exact=False)
    wanted, found = _copies(protected), _copies(report)
    if not wanted:
        hint = "annotate the volumes to migrate with backup.velero.io/backup-volumes"
        yield failed(Reason.VolumeNotProtected, "no volume was requested; the backup holds no data", hint)
    for pod, volume in wanted:
        yield about(_backed_up(volume, found.get((pod, volume))), "", pod)


@check("restore-complete", *EVERY)
def restore_complete(run: Run) -> Iterator[Finding]:
    """The tool reports Completed, restored every volume of the backup to the last byte, and no hook failed.

    Velero itself continues after a failed hook, and such a hook may be what loads the dump. There is no finding if the
    plan restores nothing.
    """
    if not run.plan.restore:
        return
    backup, restore = latest(run, "backup"), latest(run, "restore")
    if backup is None or restore is None:
        yield unknown(Reason.NotRecorded, "no finished restore is recorded")
        return
    yield _whole_report("restore", restore)
    if backup.get("name") != restore.get("of"):
        detail = f"the tool restored {restore.get('of') or 'an unnamed backup'} instead of {backup.get('name')}"
        yield failed(Reason.WrongBackupRestored, detail)
    if hooks := restore.get("hooks_failed"):
        detail = f"{hooks} of {restore.get('hooks_attempted')} restore hooks failed"
        yield failed(Reason.HookFailed, detail, "see which in the restore's log; what the hook should do was not done")
    restored, empty = _copies(restore), _may_be_empty(latest(run, "protected"))
    for (pod, volume), copy in _copies(backup).items():
        if (pod, volume) in empty and copy.get("phase") == DONE and copy.get("bytes_total") == 0:
            continue  # Velero keeps no snapshot of it
        # The data of drills have no hard links; the data of others may.
        yield about(_restored(volume, copy, restored.get((pod, volume)), own=run.kind in {PROOF, MOVE}), "", pod)


def _whole_report(what: str, report: Report) -> Finding:
    """The finding of what the tool reports of its `backup` or `restore`: only Completed without errors passes."""
    phase, errors, messages = report.get("phase"), report.get("errors"), report.get("messages")
    if phase == DONE and errors == 0:
        return passed(f"the tool reports the {what} as {phase}, without errors")
    detail = f"the tool reports the {what} as {phase}, with {errors} errors. {few(items(messages), 3)}".strip()
    return failed(of_phase(what, phase), detail, causes=causes(messages))


def _stored(stored: Report) -> Finding:
    objects, size = stored.get("objects"), stored.get("bytes")
    if not isinstance(objects, int) or not isinstance(size, int) or objects < 1 or size < 1:
        return failed(Reason.BackupNotStored, "the bucket holds nothing of this backup")
    return passed(f"{objects} objects, {size} bytes found in the bucket")


def _repository(stored: Report) -> Finding:
    damage = stored.get("damage")
    shown = few(items(damage), 3)
    if stored.get("checked") is not True:
        detail = f"the repository was not checked. {shown}".strip()
        return unknown(Reason.RepositoryNotChecked, detail, causes=causes(damage))
    if damage:
        why = (*recorded(stored, "damage"), *causes(damage))
        return failed(Reason.RepositoryDamaged, f"the repository is damaged: {shown}", causes=why)
    return passed("the repository passed its own check of all data")


def _wanted_hooks(protected: Report) -> int | None:
    counts = protected.get("hooks")
    return sum(n for n in counts.values() if isinstance(n, int)) if isinstance(counts, Mapping) else None


def _hooks(wanted: int | None, report: Report, *, exact: bool) -> Finding:
    """Whether all `wanted` hooks ran, and none failed; with `exact`, no more than these."""
    ran, bad = report.get("hooks_attempted"), report.get("hooks_failed")
    if wanted is None or not (exact or isinstance(ran, int)):
        return unknown(Reason.NotRecorded, "how many hooks should run, or ran, is not recorded")
    if bad == 0 and isinstance(ran, int) and (ran == wanted if exact else ran >= wanted):
        return passed(f"{ran} hooks ran, none failed")
    wrong = {Reason.HookDidNotRun: True}
    if isinstance(ran, int) and isinstance(bad, int):
        wrong = {Reason.HookFailed: bad != 0, Reason.HookDidNotRun: ran < wanted, Reason.HookUnexpected: ran > wanted}
    reason, *others = [each for each, is_so in wrong.items() if is_so]
    detail = f"{wanted} hooks requested, {ran} ran, {bad} failed"
    return failed(reason, detail, causes=others)


def _proved_hooks(backup: Report, report: Report) -> Finding:
    wanted = backup.get("hooks")
    if wanted and backup.get("hooks_reported") is False:
        detail = (
            f"{wanted} hooks requested; Velero before 1.13, which took this backup, does not report whether they ran"
        )
        return unknown(Reason.NotRecorded, detail, "look for the hooks in the backup's log, and upgrade Velero")
    # Runs from before `idle_hooks` counted the hooks of annotations only.
    found = _hooks(wanted if isinstance(wanted, int) else None, report, exact="idle_hooks" in backup)
    # One too many may have run in a pod that ended since, or stand in for one that did not run.
    return replace(found, verdict=Verdict.UNKNOWN) if found.reason is Reason.HookUnexpected else found


def _volumes(run: Run, protected: Report, report: Report) -> Iterator[Finding]:
    """A drill's volumes: each store has one in the backup, and each that should be in it is, and is not empty."""
    wanted, found = objects_of(protected, "volumes"), _copies(report)
    for store in run.members:
        if store not in {text(each, "store") for each in wanted}:
            yield about(failed(Reason.VolumeNotProtected, "no volume of this store is in the backup"), store)
    sizes: dict[str, int] = {}
    for each in wanted:
        size = found.get((text(each, "pod"), text(each, "volume")), {}).get("bytes_done")
        sizes[text(each, "store")] = sizes.get(text(each, "store"), 0) + (size if isinstance(size, int) else 0)
    for each in wanted:
        store, pod, volume = (text(each, name) for name in ("store", "pod", "volume"))
        # Where all volumes are asked for, one may be empty, but not all of a store's.
        may_be_empty = each.get("unnamed") is True and (store not in run.members or sizes[store])
        yield about(_backed_up(volume, found.get((pod, volume)), least=0 if may_be_empty else 1), store, pod)


def _definition(run: Run, protected: Report) -> Iterator[Finding]:
    """What of the application the user's own definition of the backup leaves out; nothing without a definition."""
    asked = mapping(run.facts, "backup_definition")
    if not asked:
        return
    called = f"the {text(asked, 'kind')} {text(asked, 'name')}"
    if not isinstance(protected.get("left_out"), list):
        yield unknown(Reason.NotRecorded, f"what {called} leaves out is not recorded")
        return
    left = objects_of(protected, "left_out")
    missing = [each for each in left if each.get("judged") is not False]
    for store in sorted({text(each, "store") for each in missing}):
        mine = [each for each in missing if text(each, "store") == store]
        said = few(f"{text(each, 'what')} ({text(each, 'why')})" for each in mine)
        objects = [text(each, "what") for each in mine]
        yield about(failed(Reason.LeftOutByDefinition, f"{called} leaves out {said}", objects=objects), store)
    if not missing:
        others = few(text(each, "what") for each in left)
        yield passed(f"{called} includes the application" + (f"; not copied: {others}" if others else ""))


def _may_be_empty(protected: Report | None) -> frozenset[tuple[str, str]]:
    """The volumes that were asked for only because all are."""
    listed = objects_of(protected, "volumes")
    return frozenset((text(each, "pod"), text(each, "volume")) for each in listed if each.get("unnamed") is True)


def _backed_up(volume: str, copy: Report | None, *, least: int = 0) -> Finding:
    """Whether a volume was backed up completely, with at least so many bytes."""
    objects = [f"volume {volume}"]
    if not copy:
        return failed(Reason.VolumeNotBackedUp, f"volume {volume} is not in the backup", objects=objects)
    done, total, message = copy.get("bytes_done"), copy.get("bytes_total"), copy.get("message") or ""
    if copy.get("phase") != DONE:
        reason = Reason.VolumeBackupFailed
    elif not isinstance(done, int) or done != total:
        reason = Reason.VolumePartlyBackedUp
    elif done < least:
        reason = Reason.VolumeBackedUpEmpty
    else:
        return passed(f"volume {volume}: {done} bytes backed up", objects=objects)
    detail = f"volume {volume}: {copy.get('phase')}, {done} of {total} bytes. {message}".strip()
    return failed(reason, detail, objects=objects, causes=causes(message))


def _restored(volume: str, copy: Report, restored: Report | None, *, own: bool) -> Finding:
    """Whether all bytes of a volume's copy were restored; with `own`, by the restore's own total, too.

    The tool counts a file with hard links once in one direction, and once for each link in the other.
    """
    objects = [f"volume {volume}"]
    if restored is None:
        detail = f"volume {volume} is in the backup and was not restored"
        return failed(Reason.VolumeNotRestored, detail, objects=objects)
    phase, done, message = (restored.get(name) for name in ("phase", "bytes_done", "message"))
    total = copy.get("bytes_done")
    if phase == DONE and done == total:
        return passed(f"volume {volume}: {done} bytes restored", objects=objects)
    if phase == DONE and own and done and done == restored.get("bytes_total"):
        detail = f"volume {volume}: {done} bytes restored, all by the restore's own count; the backup counted {total}"
        return passed(detail, objects=objects)
    if phase == DONE:
        reason = Reason.VolumePartlyRestored
    else:
        reason = Reason.VolumeRestoreNotFinished if phase in _IN_PROGRESS else Reason.VolumeRestoreFailed
    detail = f"volume {volume}: {phase}, {done} of {total} bytes restored. {message or ''}".strip()
    return failed(reason, detail, objects=objects, causes=causes(message))


def _copies(report: Report) -> dict[tuple[str, str], Report]:
    return {(text(each, "pod"), text(each, "volume")): each for each in objects_of(report, "volumes")}
