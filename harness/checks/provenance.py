"""Whether restored members answered, and not survivors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.checks.check import RUN_AGAIN, Check, latest, objects_of, recorded
from harness.checks.tool_messages import causes
from harness.core.json import mapping
from harness.core.model import Event, Finding, Json, lost_claims
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

Volumes = Mapping[str, tuple[str, str]]
"""The UIDs of each claim and its volume, by the claim's name."""


class AnswersFromRestored(Check):
    """No volume from before the fault exists after it, so no survivor answers.

    Where the plan keeps volumes, those that were not lost are unchanged. Every member was restarted before it was read,
    so none answers from memory. Where the service moved to another cluster, the old one keeps running and receives
    none of the new one's writes.
    """

    name = "answers-from-restored"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the volumes, one for the members, one for each member of the old cluster after a move."""
        return (self._volumes(run), self._members(run), *self._source(run))

    def _source(self, run: Run) -> Iterator[Finding]:
        for store, member in run.each_member() if run.plan.move else ():
            seen = run.of("source", store=store, member=member)
            written = run.of("write", store=store, committed=True)
            if seen and written and seen[-1].seq > written[-1].seq:
                yield self._old_member(seen[-1].data, written[-1].data.get("n"), store, member)
            else:
                detail = "in the old cluster: was not read after a write to the new one"
                yield self.unknown(Reason.NotRecorded, detail, RUN_AGAIN, store, member)

    def _old_member(self, seen: Mapping[str, Json], written: Json, store: str, member: str) -> Finding:
        """Whether a member of the old cluster is healthy, and without what was `written` to the new one."""
        newest, detail = seen.get("newest"), seen.get("detail")
        if not isinstance(newest, int) or not isinstance(written, int):
            said = f"in the old cluster: shows write {newest}; the new cluster has write {written}"
            return self.unknown(Reason.NotRecorded, said, RUN_AGAIN, store, member)
        if newest >= written:
            said = f"in the old cluster: shows write {newest}, which was made after the move"
            hint = "separate the clusters: the new one still writes to, or replicates with, the old one"
            return self.failed(Reason.SourceWritten, said, hint, store, member)
        said = f"in the old cluster: stays at write {newest}: {detail}"
        if seen.get("ok") is True:
            return self.passed(said, store, member)
        reason, *others = recorded(seen, "detail") or (Reason.MemberUnhealthy,)
        why = (*others, *causes(detail))
        return self.failed(reason, said, "check the old cluster; the move disturbed it", store, member, causes=why)

    def _members(self, run: Run) -> Finding:
        members = [member for _, member in run.each_member()]
        running = [member for member in members if not _was_read_after_restart(run, member)]
        if running:
            hint = "drill again; data in a server's memory say nothing about its disk"
            detail = f"not restarted before they were read: {', '.join(running)}"
            return self.unknown(Reason.MemberNotRestarted, detail, hint, objects=running)
        return self.passed(f"all {len(members)} members were restarted before they were read")

    def _volumes(self, run: Run) -> Finding:
        old, new = (_uids(latest(run, "volumes", when=when)) for when in ("before", "after"))
        if not old or not new:
            detail = "which volumes existed before and after is not recorded"
            return self.unknown(Reason.NotRecorded, detail, RUN_AGAIN)
        if run.plan.volumes_stay:  # only what uses the volumes was lost
            return self._missing(old, new) or self._replaced(old, new, new) or self._unchanged(new)
        if not run.plan.restore:
            return self._repaired(run, old, new)
        if survived := _same(new, old, new):
            hint = "check that the fault deletes these volumes; a volume that survived proves no restore"
            detail = f"survived the fault: {', '.join(survived)}"
            return self.unknown(Reason.VolumeSurvived, detail, hint, objects=_claims(survived))
        return self._missing(old, new) or self.passed(f"all {len(new)} claims and their volumes are new")

    def _unchanged(self, new: Volumes) -> Finding:
        return self.passed(f"all {len(new)} claims and their volumes are unchanged")

    def _missing(self, old: Volumes, new: Volumes) -> Finding | None:
        claims = sorted(set(old) - set(new))
        detail, hint = f"not restored: {', '.join(claims)}", "check that the backup includes these claims"
        return self.failed(Reason.ClaimMissing, detail, hint, objects=_claims(claims)) if claims else None

    def _replaced(self, old: Volumes, new: Volumes, kept: Iterable[str]) -> Finding | None:
        claims = sorted(claim for claim in kept if new[claim] != old.get(claim))
        detail = f"replaced, although not lost: {', '.join(claims)}"
        hint = "check what deleted these claims; the recovery must leave healthy volumes as they are"
        return self.failed(Reason.VolumeReplaced, detail, hint, objects=_claims(claims)) if claims else None

    def _repaired(self, run: Run, old: Volumes, new: Volumes) -> Finding:
        """Where the surviving members repair the rest: what was lost is new, and all else is unchanged.

        A fault that takes no volume still counts, if its damage was seen.
        """
        lost = {claim for event in run.of("damage") for claim in lost_claims(mapping(event.data, "what"))}
        survived = _same(lost, old, new)
        if survived or not run.of("damage"):
            detail = f"these claims should be lost: {', '.join(sorted(lost))}; unchanged: {', '.join(survived)}"
            hint = "check that the fault deletes these claims; a recovery proves nothing if nothing was lost"
            return self.unknown(Reason.NothingLost, detail, hint, objects=_claims(survived))
        detail = f"new: {', '.join(sorted(lost)) or 'none'}; all others are unchanged"
        return self._missing(old, new) or self._replaced(old, new, set(new) - lost) or self.passed(detail)


def _same(claims: Iterable[str], old: Volumes, new: Volumes) -> list[str]:
    """Those of the claims that share a UID before and after."""
    return sorted(claim for claim in claims if set(new.get(claim, ())) & set(old.get(claim, ())))


def _claims(names: Iterable[str]) -> list[str]:
    return [f"claim {name}" for name in names]


def _was_read_after_restart(run: Run, member: str) -> bool:
    restarts = run.of("restart", member=member)
    old, new = (restarts[-1].data.get(when) for when in ("before", "after")) if restarts else (None, None)
    reads: tuple[Event, ...] = (
        *run.of("digest", when="after", member=member),
        *run.of("unread", what="digest", member=member),
        *run.of("corrupt", what="digest", member=member),
    )
    return bool(new) and old != new and any(read.seq > restarts[-1].seq for read in reads)


def _uids(event: Json) -> dict[str, tuple[str, str]]:
    volumes = objects_of(event, "volumes")
    return {str(each.get("claim")): (str(each.get("claim_uid")), str(each.get("volume_uid"))) for each in volumes}
