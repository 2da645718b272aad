"""Rows as COPY's text: what PostgreSQL reads back is what went in."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.workloads.postgres.copy import field, line

_TEXT = st.text("\\\t\n\rNntx.,\"' é𐍈", max_size=12)  # every character that means something, and some that do not
_ESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def read_back(copied: bytes) -> list[str | None]:
    """One line as the manual says that PostgreSQL reads it."""
    text = copied.decode()
    assert text.endswith("\n")
    parts = text[:-1].split("\t")
    assert not any(character in part for part in parts for character in "\n\r")
    return [None if part == "\\N" else re.sub(r"\\(.)", lambda found: _ESCAPED[found[1]], part) for part in parts]


@settings(max_examples=30)
@given(st.lists(st.none() | _TEXT, min_size=1))
def test_texts_and_nulls_come_back_as_they_were(values: list[str | None]) -> None:
    assert read_back(line(tuple(values))) == values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "t"),
        (False, "f"),
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        (Decimal("1.10"), "1.10"),
        (0.1, "0.1"),
        (b"", "\\x"),
        (b"\x00\xff\\", "\\x00ff5c"),
        (date(2024, 2, 29), "2024-02-29"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC), "2024-02-29T01:02:03.000004+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_each_kind_of_value_has_the_form_that_its_type_reads(value: object, text: str) -> None:
    assert read_back(line((value,))) == [text]


@settings(max_examples=30)
@given(st.floats(allow_nan=False))
def test_floats_keep_every_bit(value: float) -> None:
    back = float(field(value))
    assert back == value
    assert math.copysign(1, back) == math.copysign(1, value)


@settings(max_examples=30)
@given(st.dictionaries(_TEXT, st.none() | _TEXT | st.integers() | st.lists(_TEXT)))
def test_json_survives_both_of_its_escapings(value: dict[str, object]) -> None:
    (text,) = read_back(line((value,)))
    assert text is not None
    assert json.loads(text) == value


def test_null_the_text_that_means_null_and_the_empty_text_differ() -> None:
    assert len({field(None), field("\\N"), field("NULL"), field("")}) == 4


@pytest.mark.parametrize(("value", "error"), [("a\0b", ValueError), (object(), TypeError), ({1, 2}, TypeError)])
def test_what_has_no_certain_form_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        field(value)
