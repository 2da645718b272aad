"""Who answered?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.checks.health import recorded
from harness.checks.tool_messages import causes
from harness.core.model import Event, Finding, Json, Verdict, lost_claims
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run

Volumes = Mapping[str, tuple[str, str]]
"""The UIDs of each claim and its volume, by the claim's name."""


class AnswersFromRestored:
    """No volume that was there before the fault is there after it, so nobody answers from a survivor.

    Where the plan leaves volumes as they are, those that were not lost are the same ones still. And every member was
    made anew before it was read, so nobody answers from memory. Where the service moved to another cluster, the old one
    runs on and knows nothing of the new one.
    """

    name = "answers-from-restored"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the volumes, one for the members, one for each member that was moved away from."""
        return (self._volumes(run), self._members(run), *self._source(run))

    def _source(self, run: Run) -> Iterator[Finding]:
        for store, member in run.each_member() if run.plan.move else ():
            seen = run.of("source", store=store, member=member)
            written = run.of("write", store=store, committed=True)
            verdict = Verdict.UNKNOWN
            reasons: tuple[Reason, ...] = (Reason.NotRecorded,)
            detail = "was not looked at after a write to the new one"
            if seen and written and seen[-1].seq > written[-1].seq:
                verdict, reasons, detail = _left_alone(seen[-1], written[-1].data.get("n"))
            said = f"in the cluster that was left: {detail}"
            yield Finding(self.name, verdict, reasons[0], said, "", store, member, causes=reasons[1:])

    def _members(self, run: Run) -> Finding:
        members = [member for _, member in run.each_member()]
        same = [member for member in members if not _was_read_anew(run, member)]
        if same:
            hint = "what a server still holds in memory may be on its disk no more"
            detail = f"not restarted before they were read: {', '.join(same)}"
            reason = Reason.MemberNotRestarted
            return Finding(self.name, Verdict.UNKNOWN, reason, detail, hint, objects=tuple(same))
        detail = f"all {len(members)} members were restarted before they were read"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)

    def _volumes(self, run: Run) -> Finding:
        before, after = run.of("volumes", when="before"), run.of("volumes", when="after")
        old = _uids(before[-1]) if before else {}
        new = _uids(after[-1]) if after else {}
        if not old or not new:
            detail = "the drill did not note which volumes there were before and after"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail)
        if run.plan.volumes_stay:
            return self._stayed(old, new)
        if not run.plan.restore:
            return self._mended(run, old, new)
        kept = sorted(claim for claim, uids in new.items() if set(uids) & set(old.get(claim, ())))
        lacking = sorted(set(old) - set(new))
        if kept:
            hint = "what was read back may never have been lost, so it proves no restore"
            detail = f"still the same after the fault: {', '.join(kept)}"
            return Finding(self.name, Verdict.UNKNOWN, Reason.VolumeSurvived, detail, hint, objects=_claims(kept))
        if lacking:
            return self._lacking(lacking)
        detail = f"all {len(new)} claims and their volumes are new ones"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)

    def _lacking(self, claims: Sequence[str]) -> Finding:
        detail = f"did not come back: {', '.join(claims)}"
        return Finding(self.name, Verdict.FAIL, Reason.ClaimMissing, detail, objects=_claims(claims))

    def _odd(self, claims: Sequence[str]) -> Finding:
        detail = f"became another, though it was not lost: {', '.join(claims)}"
        return Finding(self.name, Verdict.FAIL, Reason.VolumeReplaced, detail, objects=_claims(claims))

    def _stayed(self, old: Volumes, new: Volumes) -> Finding:
        """Where only what stands on the volumes was lost, they are what they were."""
        if lacking := sorted(set(old) - set(new)):
            return self._lacking(lacking)
        if odd := sorted(claim for claim in new if new[claim] != old.get(claim)):
            return self._odd(odd)
        detail = f"all {len(new)} claims and their volumes are what they were"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)

    def _mended(self, run: Run, old: Volumes, new: Volumes) -> Finding:
        """Where the members left mend the rest: what was lost is new, and all else is what it was.

        A fault that takes no volume is none the less one, if its damage was seen.
        """
        lost = {claim for event in run.of("damage") for claim in _lost_claims(event)}
        same = sorted(claim for claim in lost if set(new.get(claim, ())) & set(old.get(claim, ())))
        if same or not run.of("damage"):
            detail = f"these claims were to be lost: {', '.join(sorted(lost))}; still the same: {', '.join(same)}"
            hint = "nothing was lost, so nothing was proved"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NothingLost, detail, hint, objects=_claims(same))
        if lacking := sorted(set(old) - set(new)):
            return self._lacking(lacking)
        if odd := sorted(claim for claim in set(new) - lost if new[claim] != old.get(claim)):
            return self._odd(odd)
        detail = f"new: {', '.join(sorted(lost)) or 'none'}; the others are what they were"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)


def _claims(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"claim {name}" for name in names)


def _lost_claims(event: Event) -> tuple[str, ...]:
    what = event.data.get("what")
    return lost_claims(what) if isinstance(what, Mapping) else ()


def _left_alone(seen: Event, written: Json) -> tuple[Verdict, tuple[Reason, ...], str]:
    """Whether a member of the cluster that was left is well, and without what was `written` to the new one."""
    newest, detail = seen.data.get("newest"), seen.data.get("detail")
    if not isinstance(newest, int) or not isinstance(written, int):
        said = f"shows write {newest}, and the new one took write {written}"
        return Verdict.UNKNOWN, (Reason.NotRecorded,), said
    if newest >= written:
        return Verdict.FAIL, (Reason.SourceWritten,), f"shows write {newest}, which was made after the move"
    said = f"stays at write {newest}: {detail}"
    if seen.data.get("ok") is True:
        return Verdict.PASS, (Reason.AsExpected,), said
    why = recorded(seen.data, "detail") or (Reason.MemberUnhealthy,)
    return Verdict.FAIL, by_precedence({*why, *causes(detail)}), said


def _was_read_anew(run: Run, member: str) -> bool:
    """Whether a member was made anew, and its data asked for after that."""
    restarts = run.of("restart", member=member)
    old, new = (restarts[-1].data.get(when) for when in ("before", "after")) if restarts else (None, None)
    reads = [
        *run.of("digest", when="after", member=member),
        *run.of("unread", what="digest", member=member),
        *run.of("corrupt", what="digest", member=member),
    ]
    return bool(new) and old != new and any(read.seq > restarts[-1].seq for read in reads)


def _uids(event: Event) -> dict[str, tuple[str, str]]:
    volumes = event.data.get("volumes")
    return {
        str(volume.get("claim")): (str(volume.get("claim_uid")), str(volume.get("volume_uid")))
        for volume in (volumes if isinstance(volumes, list | tuple) else ())
        if isinstance(volume, Mapping)
    }
