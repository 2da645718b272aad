"""Rows in PostgreSQL's binary format, hashed by the client."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.workloads.postgres.reference_digest import hash_of

Row = tuple[bytes | None, ...]
ROWS = st.lists(st.lists(st.none() | st.binary(max_size=6), max_size=4).map(tuple), max_size=5)


def copied(rows: list[Row]) -> bytes:
    """What the manual says that COPY in the binary format gives."""
    fields = b"".join(
        struct.pack("!h", len(row))
        + b"".join(struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in row)
        for row in rows
    )
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + fields + b"\xff\xff"


def hashed(rows: list[Row]) -> str:
    return hash_of(io.BytesIO(copied(rows)))


@settings(max_examples=50)
@given(ROWS, st.randoms())
def test_the_order_does_not_matter(rows: list[Row], chance: object) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis has no type for it
    assert hashed(shuffled) == hashed(rows)


@settings(max_examples=50)
@given(ROWS, ROWS)
def test_other_rows_have_another_hash(rows: list[Row], others: list[Row]) -> None:
    same = sorted(map(repr, rows)) == sorted(map(repr, others))
    assert (hashed(rows) == hashed(others)) is same


@pytest.mark.parametrize(
    ("rows", "others"),
    [
        ([(None,)], [(b"",)]),
        ([(b"a", b"bc")], [(b"ab", b"c")]),
        ([(b"1", b"x"), (b"2", b"y")], [(b"1", b"y"), (b"2", b"x")]),
        ([(b"a",)], [(b"a",), (b"a",), (b"a",)]),
        ([()], []),
    ],
)
def test_what_is_easily_confused_is_told_apart(rows: list[Row], others: list[Row]) -> None:
    assert hashed(rows) != hashed(others)


@pytest.mark.parametrize("left", [0, 10, 19, 20, 22, 25, 28, 29])
def test_a_copy_that_was_cut_short_has_no_hash(left: int) -> None:
    with pytest.raises(ValueError, match="incomplete"):
        hash_of(io.BytesIO(copied([(b"abc",)])[:left]))
