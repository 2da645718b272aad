"""Are the objects around the databases the same?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.data import differences
from harness.model import Finding, Json, Verdict
from harness.rundir import Run


class ObjectsAreEqual:
    """Every object of the namespace came back as it was, none is extra, and the same pods stand behind every Service.

    What may differ is listed in `harness.objects`.
    """

    name = "objects-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        before, after = _parts(run, "before"), _parts(run, "after")
        if not before or after is None:
            detail = (
                f"the objects of the namespace were not read {'after the restore' if before else 'before the fault'}"
            )
            return (Finding(self.name, Verdict.UNKNOWN, detail),)
        if said := differences(before, after):
            hint = "bundle/ has the objects as they were at the end"
            return (Finding(self.name, Verdict.FAIL, "; ".join(said), hint),)
        return (Finding(self.name, Verdict.PASS, f"{len(after)} objects are equal"),)


def _parts(run: Run, when: str) -> Mapping[str, Json] | None:
    events = run.of("objects", when=when)
    parts = events[-1].data.get("parts") if events else None
    return parts if isinstance(parts, Mapping) else None
