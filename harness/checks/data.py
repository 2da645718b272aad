"""Is the data equal?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.model import Finding, Json, Verdict
from harness.rundir import Run

Parts = Mapping[str, Json]


class DataIsEqual:
    """For every part, the digest after equals the digest before, on every member, and nothing extra exists.

    The known data are not written to between the two digests (the ledger is, and has a check of its
    own), so the digest before the backup is the digest at the recovery point. Before the fault all
    members must agree among themselves: where they did not, the drill has nothing to compare with.
    """

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member."""
        findings: list[Finding] = []
        for store, members in run.members.items():
            before = {member: _parts(run, "before", store, member) for member in members}
            reference = before[members[0]]
            if not reference or any(before[member] != reference for member in members):
                odd = [m for m in members if before[m] != reference or not before[m]]
                detail = f"there is no agreed digest from before the fault (see {', '.join(odd)})"
                findings += [Finding(self.name, Verdict.UNKNOWN, detail, "", store, member) for member in members]
                continue
            findings += [self._member(run, store, member, reference) for member in members]
        return tuple(findings)

    def _member(self, run: Run, store: str, member: str, reference: Parts) -> Finding:
        after = _parts(run, "after", store, member)
        if after is None:
            detail = "was not read back after the restore"
            return Finding(self.name, Verdict.UNKNOWN, detail, "", store, member)
        differs = [part for part in reference if part in after and after[part] != reference[part]]
        missing = [part for part in reference if part not in after]
        extra = [part for part in after if part not in reference]
        said = [
            *(f"{part} differs ({_rows(reference[part])} rows before, {_rows(after[part])} after)" for part in differs),
            *(f"{part} is missing" for part in missing),
            *(f"{part} is extra" for part in extra),
        ]
        if said:
            more = f"; and {len(said) - 5} more" if len(said) > 5 else ""  # noqa: PLR2004 # enough to begin with
            return Finding(self.name, Verdict.FAIL, "; ".join(said[:5]) + more, "", store, member)
        rows = sum(_rows(part) for part in after.values())
        return Finding(self.name, Verdict.PASS, f"{len(after)} parts, {rows} rows equal", "", store, member)


def _parts(run: Run, when: str, store: str, member: str) -> Parts | None:
    events = run.of("digest", when=when, store=store, member=member)
    parts = events[-1].data.get("parts") if events else None
    return parts if isinstance(parts, Mapping) else None


def _rows(part: Json) -> int:
    rows = part.get("rows") if isinstance(part, Mapping) else None
    return rows if isinstance(rows, int) else 0
