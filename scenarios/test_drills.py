"""Every scenario of this folder as a test: `pytest scenarios/`, or one of them with `-k namespace_loss`.

A drill that did not finish, or has no findings, is an error. Each finding is a subtest.
"""

from __future__ import annotations

import pytest

from harness.core.model import Verdict
from harness.reports import RunView, label


def test_drill(drillproof_drill: RunView, subtests: pytest.Subtests) -> None:
    for finding in drillproof_drill.findings:
        with subtests.test(label(finding)):
            if finding.verdict is not Verdict.PASS:
                pytest.fail(f"{finding.verdict.name}: {finding.detail}\n{finding.hint}".strip(), pytrace=False)
    assert drillproof_drill.verdict is Verdict.PASS
