"""Whether restored members answered, and not survivors."""

from collections.abc import Iterable, Iterator, Mapping

from harness.checks.check import about, check, failed, latest, objects_of, passed, recorded, restarted_before, unknown
from harness.checks.tool_messages import causes
from harness.core.json import mapping
from harness.core.model import Finding, Json, lost_claims
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

Volumes = Mapping[str, tuple[str, str]]
"""The UIDs of each claim and its volume, by the claim's name."""


@check("answers-from-restored")
def answers_from_restored(run: Run) -> Iterator[Finding]:
    """No volume from before the fault exists after it, so no survivor answers.

    Where the plan keeps volumes, those that were not lost are unchanged. Every member was restarted before it was read,
    so none answers from memory. Where the service moved to another cluster, the old one keeps running and receives
    none of the new one's writes.
    """
    yield _volumes(run)
    yield _members(run)
    if run.plan.move:
        yield from (about(_source(run, store, member), store, member) for store, member in run.each_member())


def _source(run: Run, store: str, member: str) -> Finding:
    """Whether a member of the old cluster is healthy, and without what was written to the new one."""
    read, written = run.of("source", store=store, member=member), run.of("write", store=store, committed=True)
    if not read or not written or read[-1].seq < written[-1].seq:
        return unknown(Reason.NotRecorded, "in the old cluster: was not read after a write to the new one")
    seen, n = read[-1].data, written[-1].data.get("n")
    newest, detail = seen.get("newest"), seen.get("detail")
    if not isinstance(newest, int) or not isinstance(n, int):
        said = f"in the old cluster: shows write {newest}; the new cluster has write {n}"
        return unknown(Reason.NotRecorded, said)
    if newest >= n:
        said = f"in the old cluster: shows write {newest}, which was made after the move"
        hint = "separate the clusters: the new one still writes to, or replicates with, the old one"
        return failed(Reason.SourceWritten, said, hint)
    said = f"in the old cluster: stays at write {newest}: {detail}"
    if seen.get("ok") is True:
        return passed(said)
    reason, *others = recorded(seen, "detail") or (Reason.MemberUnhealthy,)
    return failed(reason, said, "check the old cluster; the move disturbed it", causes=(*others, *causes(detail)))


def _members(run: Run) -> Finding:
    members = [member for _, member in run.each_member()]
    if running := [member for member in members if not _was_read_after_restart(run, member)]:
        detail = f"not restarted before they were read: {', '.join(running)}"
        return unknown(Reason.MemberNotRestarted, detail, objects=running)
    return passed(f"all {len(members)} members were restarted before they were read")


def _volumes(run: Run) -> Finding:
    old, new = (_uids(latest(run, "volumes", when=when)) for when in ("before", "after"))
    if not old or not new:
        return unknown(Reason.NotRecorded, "which volumes existed before and after is not recorded")
    if run.plan.volumes_stay:  # only what uses the volumes was lost
        unchanged = passed(f"all {len(new)} claims and their volumes are unchanged")
        return _missing(old, new) or _replaced(old, new, new) or unchanged
    if not run.plan.restore:
        return _repaired(run, old, new)
    if survived := _same(new, old, new):
        detail = f"survived the fault: {', '.join(survived)}"
        return unknown(Reason.VolumeSurvived, detail, objects=_claims(survived))
    return _missing(old, new) or passed(f"all {len(new)} claims and their volumes are new")


def _missing(old: Volumes, new: Volumes) -> Finding | None:
    claims = sorted(set(old) - set(new))
    detail, hint = f"not restored: {', '.join(claims)}", "check that the backup includes these claims"
    return failed(Reason.ClaimMissing, detail, hint, objects=_claims(claims)) if claims else None


def _replaced(old: Volumes, new: Volumes, kept: Iterable[str]) -> Finding | None:
    claims = sorted(claim for claim in kept if new[claim] != old.get(claim))
    detail = f"replaced, although not lost: {', '.join(claims)}"
    return failed(Reason.VolumeReplaced, detail, objects=_claims(claims)) if claims else None


def _repaired(run: Run, old: Volumes, new: Volumes) -> Finding:
    """Where the surviving members repair the rest: what was lost is new, and all else is unchanged.

    A fault that takes no volume still counts, if its damage was seen.
    """
    lost = {claim for event in run.of("damage") for claim in lost_claims(mapping(event.data, "what"))}
    survived = _same(lost, old, new)
    if survived or not run.of("damage"):
        detail = f"these claims should be lost: {', '.join(sorted(lost))}; unchanged: {', '.join(survived)}"
        return unknown(Reason.NothingLost, detail, objects=_claims(survived))
    detail = f"new: {', '.join(sorted(lost)) or 'none'}; all others are unchanged"
    return _missing(old, new) or _replaced(old, new, set(new) - lost) or passed(detail)


def _same(claims: Iterable[str], old: Volumes, new: Volumes) -> list[str]:
    return sorted(claim for claim in claims if set(new.get(claim, ())) & set(old.get(claim, ())))


def _claims(names: Iterable[str]) -> list[str]:
    return [f"claim {name}" for name in names]


def _was_read_after_restart(run: Run, member: str) -> bool:
    reads = (
        *run.of("digest", when="after", member=member),
        *run.of("unread", what="digest", member=member),
        *run.of("corrupt", what="digest", member=member),
    )
    return any(restarted_before(run, member, read.seq) for read in reads)


def _uids(event: Json) -> dict[str, tuple[str, str]]:
    volumes = objects_of(event, "volumes")
    return {str(each.get("claim")): (str(each.get("claim_uid")), str(each.get("volume_uid"))) for each in volumes}
