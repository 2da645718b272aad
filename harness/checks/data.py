"""Is the data equal?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.tool_messages import causes
from harness.core.model import OWN, Event, Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run

Parts = Mapping[str, Json]
Whose = tuple[str, str]
"""A store and a member of it."""

_OF_ROWS = re.compile(rf"({OWN})?(.*: )?(table |kv |large objects$|keys$)")
"""The names of parts that are rows; all else is a definition, a right, an account or a setting."""


@dataclass(frozen=True)
class Difference:
    """What differs between two digests in one part."""

    part: str
    reason: Reason
    detail: str


class DataEqual:
    """For every part, the digest after equals the digest before, on every member, and nothing extra exists.

    The known data are not written to between the two digests (the ledger is, and has a check of its
    own), so the digest before the backup is the digest at the recovery point. Before the fault all
    members must agree among themselves: where they did not, the drill has nothing to compare with.
    A part of a member's own (`harness.core.model.OWN`) is held against the same member's of before.
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
                no = Reason.NoReference
                findings += [Finding(self.name, Verdict.UNKNOWN, no, detail, "", store, m, odd) for m in members]
                continue
            findings += [self._member(run, store, member, before[member]) for member in members]
        return tuple(findings)

    def _member(self, run: Run, store: str, member: str, reference: Parts) -> Finding:
        if damaged := corrupted(run, self.name, "digest", store=store, member=member):
            return damaged
        readings = run.of("digest", when="after", store=store, member=member)
        if not readings:
            detail = "was not read back after the restore"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotReadBack, detail, "", store, member)
        for reading in (*run.of("digest", when="before", store=store, member=member)[-1:], *readings):
            if reading.data.get("answered_by") != member:
                who = reading.data.get("answered_by") or "nobody"
                detail = f"when it was asked {reading.data.get('when')} the fault, {who} answered in its place"
                by = Reason.AnsweredByAnother
                return Finding(self.name, Verdict.UNKNOWN, by, detail, "", store, member, (str(who),))
        for reading in readings:
            if found := differences(reference, _of(reading) or {}):
                more = f"; and {len(found) - 5} more" if len(found) > 5 else ""  # noqa: PLR2004 # enough to begin with
                return differing(self.name, found, told(found[:5]) + more, whose=(store, member))
        if missed := run.of("unread", what="digest", store=store, member=member):
            detail = f"could not be read every time that it was asked: {missed[-1].data.get('message')}"
            why = causes(missed[-1].data.get("message"))
            return Finding(self.name, Verdict.UNKNOWN, Reason.ReadFailed, detail, "", store, member, (), why)
        rows = sum(_rows(part) for part in reference.values())
        detail = f"{len(reference)} parts, {rows} rows equal"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail, "", store, member)


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


def differences(before: Parts, after: Parts) -> list[Difference]:
    """What differs between two digests, part by part."""
    return [
        *(
            _difference(part, _rows(before[part]), _rows(after[part]))
            for part in before
            if _differs(part, before, after)
        ),
        *(Difference(part, Reason.PartMissing, f"{part} is missing") for part in before if part not in after),
        *(Difference(part, Reason.PartUnexpected, f"{part} is extra") for part in after if part not in before),
    ]


def _differs(part: str, before: Parts, after: Parts) -> bool:
    return part in after and after[part] != before[part]


def _difference(part: str, rows: int, now: int) -> Difference:
    if not _OF_ROWS.match(part):
        reason = Reason.DefinitionDiffers
    elif now == rows:
        reason = Reason.RowsDiffer
    elif now > rows:
        reason = Reason.RowsUnexpected
    else:
        reason = Reason.RowsMissing if now else Reason.PartEmptied
    return Difference(part, reason, f"{part} differs ({rows} rows before, {now} after)")


def told(found: Iterable[Difference]) -> str:
    """Differences in words."""
    return "; ".join(each.detail for each in found)


def differing(check: str, found: Sequence[Difference], detail: str, hint: str = "", whose: Whose = ("", "")) -> Finding:
    """The FAIL of what differs: the first reason by precedence, the others as causes, and every part."""
    first, *others = by_precedence(each.reason for each in found)
    parts = tuple(each.part for each in found)
    return Finding(check, Verdict.FAIL, first, detail, hint, *whose, parts, tuple(others))


def corrupted(run: Run, check: str, what: str, *, store: str, member: str) -> Finding | None:
    """The FAIL of a member that said of its data, when asked `what`, that they are damaged; None if it did not."""
    damaged = run.of("corrupt", what=what, store=store, member=member)
    if not damaged:
        return None
    message, named = damaged[-1].data.get("message"), damaged[-1].data.get("objects")
    objects = tuple(map(str, named)) if isinstance(named, list | tuple) else ()
    detail = f"says that its data are damaged: {message}"
    return Finding(check, Verdict.FAIL, Reason.DataCorrupted, detail, "", store, member, objects, causes(message))


def _before(run: Run, store: str, member: str) -> Parts:
    readings = run.of("digest", when="before", store=store, member=member)
    return (_of(readings[-1]) if readings else None) or {}


def _of(reading: Event) -> Parts | None:
    parts = reading.data.get("parts")
    return parts if isinstance(parts, Mapping) else None


def _rows(part: Json) -> int:
    rows = part.get("rows") if isinstance(part, Mapping) else None
    return rows if isinstance(rows, int) else 0
