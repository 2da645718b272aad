"""How often a recovery came back, with an interval that is neither empty nor sure of what was never seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.campaigns.matrix.results import survival
from harness.core.model import Verdict

COUNTS = st.integers(0, 200)


def verdicts(passed: int, failed: int, unknown: int = 0) -> list[Verdict]:
    return [Verdict.PASS] * passed + [Verdict.FAIL] * failed + [Verdict.UNKNOWN] * unknown


@pytest.mark.parametrize(
    ("passed", "failed", "low", "high"),
    # Wilson's intervals as Newcombe, Statistics in Medicine 17 (1998), table I, method 3 gives them.
    [(81, 182, 0.2553, 0.3662), (15, 133, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 28, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(passed: int, failed: int, low: float, high: float) -> None:
    found = survival(verdicts(passed, failed)).interval
    assert found is not None
    assert found == pytest.approx((low, high), abs=5e-5)


@given(COUNTS, COUNTS, COUNTS)
def test_the_share_seen_is_inside_and_what_could_not_be_judged_counts_for_nothing(
    passed: int, failed: int, unknown: int
) -> None:
    often = survival(verdicts(passed, failed, unknown))
    assert often.interval == survival(verdicts(passed, failed)).interval
    if often.interval is None:
        assert passed + failed == 0
    else:
        low, high = often.interval
        assert 0 <= low <= passed / (passed + failed) <= high <= 1
        assert low < high


@given(st.integers(1, 200))
def test_no_number_of_passes_is_certainty(passed: int) -> None:
    low, high = survival(verdicts(passed, 0)).interval or (0, 0)
    assert (low < 1, high) == (True, 1)


def test_it_is_told_in_words() -> None:
    assert str(survival(verdicts(3, 1, 2))) == (
        "3 of 4 came back (75%; with 95% confidence 30% to 95%); 2 could not be judged"
    )
    assert str(survival(verdicts(0, 0, 1))) == "0 of 0 came back; 1 could not be judged"
