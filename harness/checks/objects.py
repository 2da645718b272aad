"""Are the objects around the databases the same?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.data import Difference, differences, differing, told
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

_OF_OBJECTS = {Reason.PartMissing: Reason.ObjectMissing, Reason.PartUnexpected: Reason.ObjectUnexpected}


class ObjectsEqual:
    """Every object of the namespace came back as it was, none is extra, and the same pods stand behind every Service.

    What may differ is listed in `harness.workloads.object_digest`.
    """

    name = "objects-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        before, after = _parts(run, "before"), _parts(run, "after")
        if not before or after is None:
            detail = (
                f"the objects of the namespace were not read {'after the restore' if before else 'before the fault'}"
            )
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotReadBack, detail),)
        if found := differences(before, after):
            hint = "bundle/ has the objects as they were at the end"
            objects = [Difference(d.part, _OF_OBJECTS.get(d.reason, Reason.ObjectDiffers), d.detail) for d in found]
            return (differing(self.name, objects, told(objects), hint),)
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, f"{len(after)} objects are equal"),)


def _parts(run: Run, when: str) -> Mapping[str, Json] | None:
    events = run.of("objects", when=when)
    parts = events[-1].data.get("parts") if events else None
    return parts if isinstance(parts, Mapping) else None
