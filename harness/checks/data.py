"""Is the data equal?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.model import OWN, Event, Finding, Json, Verdict
from harness.rundir import Run

Parts = Mapping[str, Json]


class DataIsEqual:
    """For every part, the digest after equals the digest before, on every member, and nothing extra exists.

    The known data are not written to between the two digests (the ledger is, and has a check of its
    own), so the digest before the backup is the digest at the recovery point. Before the fault all
    members must agree among themselves: where they did not, the drill has nothing to compare with.
    A part of a member's own (`harness.model.OWN`) is held against the same member's of before.
    Members are read twice, before and after they are restarted; every reading must be
    equal, and none may be lacking: what was right in memory says nothing of what is on the disk.
    An answer counts only with its receipt: the server said by the same connection that it is this member.
    """

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member."""
        findings: list[Finding] = []
        for store, members in run.members.items():
            before = {member: _before(run, store, member) for member in members}
            if odd := disagreeing(before):
                detail = f"there is no agreed digest from before the fault (see {', '.join(odd)})"
                findings += [Finding(self.name, Verdict.UNKNOWN, detail, "", store, member) for member in members]
                continue
            findings += [self._member(run, store, member, before[member]) for member in members]
        return tuple(findings)

    def _member(self, run: Run, store: str, member: str, reference: Parts) -> Finding:
        if damaged := run.of("corrupt", what="digest", store=store, member=member):
            detail = f"says that its data are damaged: {damaged[-1].data.get('message')}"
            return Finding(self.name, Verdict.FAIL, detail, "", store, member)
        readings = run.of("digest", when="after", store=store, member=member)
        if not readings:
            detail = "was not read back after the restore"
            return Finding(self.name, Verdict.UNKNOWN, detail, "", store, member)
        for reading in (*run.of("digest", when="before", store=store, member=member)[-1:], *readings):
            if reading.data.get("answered_by") != member:
                who = reading.data.get("answered_by") or "nobody"
                detail = f"when it was asked {reading.data.get('when')} the fault, {who} answered in its place"
                return Finding(self.name, Verdict.UNKNOWN, detail, "", store, member)
        for reading in readings:
            if said := differences(reference, _of(reading) or {}):
                more = f"; and {len(said) - 5} more" if len(said) > 5 else ""  # noqa: PLR2004 # enough to begin with
                return Finding(self.name, Verdict.FAIL, "; ".join(said[:5]) + more, "", store, member)
        if missed := run.of("unread", what="digest", store=store, member=member):
            detail = f"could not be read every time that it was asked: {missed[-1].data.get('message')}"
            return Finding(self.name, Verdict.UNKNOWN, detail, "", store, member)
        rows = sum(_rows(part) for part in reference.values())
        return Finding(self.name, Verdict.PASS, f"{len(reference)} parts, {rows} rows equal", "", store, member)


def disagreeing(before: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """The members, of all by name with their parts, that had nothing before the fault, or other than the first had.

    A part of a member's own takes no part in this.
    """
    shared = {
        member: {name: part for name, part in parts.items() if not name.startswith(OWN)}
        for member, parts in before.items()
    }
    reference = next(iter(shared.values()))
    return tuple(member for member, parts in shared.items() if not parts or parts != reference)


def differences(before: Parts, after: Parts) -> list[str]:
    """What differs between two digests, part by part, in words."""
    return [
        *(
            f"{part} differs ({_rows(before[part])} rows before, {_rows(after[part])} after)"
            for part in before
            if part in after and after[part] != before[part]
        ),
        *(f"{part} is missing" for part in before if part not in after),
        *(f"{part} is extra" for part in after if part not in before),
    ]


def _before(run: Run, store: str, member: str) -> Parts:
    readings = run.of("digest", when="before", store=store, member=member)
    return (_of(readings[-1]) if readings else None) or {}


def _of(reading: Event) -> Parts | None:
    parts = reading.data.get("parts")
    return parts if isinstance(parts, Mapping) else None


def _rows(part: Json) -> int:
    rows = part.get("rows") if isinstance(part, Mapping) else None
    return rows if isinstance(rows, int) else 0
