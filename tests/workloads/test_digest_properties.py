"""What must hold of every digest: no order changes it, and any single change of the rows does."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from harness.core.model import Part
from harness.workloads.consul.digest import canonical, digest_of

Keys = list[dict[str, object]]

KEYS = st.lists(
    st.fixed_dictionaries({"Key": st.text(), "Value": st.none() | st.text(), "Flags": st.integers(0, 2**64 - 1)}),
    min_size=2,
)


def digest(rows: Keys) -> Part:
    return digest_of(canonical(row) for row in rows)


@given(KEYS, st.randoms())
def test_no_order_changes_a_digest(rows: Keys, chance: Random) -> None:
    assert digest(chance.sample(rows, len(rows))) == digest(rows)


@given(KEYS, st.data())
def test_any_single_change_of_the_rows_changes_a_digest(rows: Keys, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    other: dict[str, object] = dict(data.draw(KEYS)[0])
    spoilt: dict[str, Keys] = {
        "one gone": rows[:at] + rows[at + 1 :],
        "one twice": [*rows, rows[at]],
        "two twice": [*rows, rows[at], rows[at], rows[0], rows[0]],
        "one more": [*rows, other],
        "all gone": [],
    }
    if other != rows[at]:
        spoilt["one for another"] = [*rows[:at], other, *rows[at + 1 :]]
    if rows[0]["Value"] != rows[1]["Value"] and rows[0]["Key"] != rows[1]["Key"]:
        first, second = rows[0], rows[1]
        swapped = [dict(first, Value=second["Value"]), dict(second, Value=first["Value"])]
        spoilt["two values swapped"] = [*swapped, *rows[2:]]
    for how, what in spoilt.items():
        assert digest(what) != digest(rows), how
