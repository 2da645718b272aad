"""Did anything of the drill leave the machine?"""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class NetworkIsolated:
    """No packet left the drill's network: a restored copy of production must never reach production.

    Around a cluster of others there is no fence, by what the drill wrote down before it began. Then nothing is judged,
    and the report says that nothing was.
    """

    name = "fence-held"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding; none where there was no fence."""
        if not run.fenced:
            return ()
        counts = run.of("fence")
        escaped = counts[-1].data.get("escaped") if counts else None
        if not isinstance(escaped, int):
            detail = "the packets at the fence were not counted; was a rule of it taken away?"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.EgressNotMeasured, detail),)
        if escaped:
            hint = "see which rules stand before drillproof's in the engine's firewall (iptables -S DOCKER-USER)"
            detail = f"{escaped} packets left the drill's network"
            return (Finding(self.name, Verdict.FAIL, Reason.PacketEscaped, detail, hint),)
        detail = f"no packet left; {counts[-1].data.get('stopped')} were stopped"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)
