"""Every scenario of this folder as a test. `drillproof_drill` is a fixture that installing drillproof brings."""

from harness.core.model import Verdict
from harness.reports import RunView, summary


def test_drill(drillproof_drill: RunView) -> None:
    assert drillproof_drill.verdict is Verdict.PASS, "\n".join(summary.lines(drillproof_drill))
