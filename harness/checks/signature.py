"""Is the evidence what the drill left?"""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run
from harness.evidence.signing import attestation


class EvidenceSigned:
    """What is judged here is what was signed when the drill ended, so a journal written anew as a whole is found.

    Where there is no signature at all it says nothing, and whose the signature is it cannot know: `drillproof verify`
    asks for both.
    """

    name = "evidence-signed"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding where there is a signature."""
        if not attestation.is_signed(run.path):
            return ()
        found = attestation.verify_judged(run.path)
        if found.evidence is None or found.problems:
            hint = "`drillproof verify` names all that was changed; take the run from where it was signed"
            reason, *others = by_precedence(problem.reason for problem in found.problems) or (Reason.SignatureInvalid,)
            files = tuple(problem.file for problem in found.problems)
            said = "; ".join(map(str, found.problems[:3]))
            return (Finding(self.name, Verdict.UNKNOWN, reason, said, hint, objects=files, causes=tuple(others)),)
        detail = f"as signed when the drill ended, by key {found.evidence.key}"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)
