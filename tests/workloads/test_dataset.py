"""Known data: the same for ever, valid by construction, and refused when its description makes no sense."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from harness.core.bank_workload import TABLES
from harness.core.errors import Misconfigured
from harness.workloads.dataset.dataset import KnownData, load

FIXTURES = Path(__file__).parents[2] / "fixtures"
WORDS = """
world = ["ශ්‍රී ලංකා, one tab\\t", "and 🦊"]
ascii = ["one", "two"]
[names.latin]
given = ["Zoë"]
family = ["O'Neil"]
"""
TWO_TABLES = """
[[table]]
name = "a.parent"
rows = 7
scale = "linear"
[table.columns]
id = { kind = "uuid" }
up = { kind = "ref", to = "a.parent.id", roots = 3 }

[[table]]
name = "a.child"
rows = 20
scale = "linear"
[table.columns]
parent = { kind = "ref", to = "a.parent.id", pick = "block" }
turn = { kind = "ref", to = "a.parent.id", pick = "turn" }
any = { kind = "ref", to = "a.parent.id" }
"""


def described(at: Path, text: str, *, seed: int = 1, size: str = "small") -> KnownData:
    (at / "store").mkdir(exist_ok=True)
    (at / "words.toml").write_text(WORDS, "utf-8")
    (at / "store" / "dataset.toml").write_text(text, "utf-8")
    return load(at, seed, size)


def column(at: Path, spec: str, *, rows: int = 2000, seed: int = 1) -> list[object]:
    table = f'[[table]]\nname = "t"\nrows = {rows}\n[table.columns]\nc = {{ {spec} }}\n'
    return [value for (value,) in described(at, table, seed=seed).rows("store", "t")]


def some_rows(data: KnownData) -> str:
    """A digest of some rows of every store."""
    found = hashlib.sha256()
    for store in data.stores:
        for table in data.tables(store)[:3]:
            found.update(repr(list(islice(data.rows(store, table), 200))).encode())
    return found.hexdigest()


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert some_rows(load(FIXTURES, 7, "small")) == some_rows(load(FIXTURES, 7, "small"))
    assert some_rows(load(FIXTURES, 7, "small")) != some_rows(load(FIXTURES, 8, "small"))


def test_rows_are_the_same_on_every_machine_and_every_python(tmp_path: Path) -> None:
    kinds = """
    id = { kind = "uuid" }
    t = { kind = "text", min = 0, max = 40, null = 0.2 }
    b = { kind = "bytes", min = 0, max = 9 }
    d = { kind = "decimal", precision = 9, scale = 3 }
    f = { kind = "float" }
    m = { kind = "datetime" }
    j = { kind = "json" }
    """
    data = described(tmp_path, f'[[table]]\nname = "t"\nrows = 500\n[table.columns]\n{kinds}')
    found = hashlib.sha256(repr(list(data.rows("store", "t"))).encode()).hexdigest()
    assert found == "f609cb9a0d278533fcfb45cf54207d92254c149f640a60a4d59d008297792bee"


def test_our_own_data_is_streamed_with_as_many_rows_and_columns_as_it_says() -> None:
    data = load(FIXTURES, 1, "small")
    for store in data.stores:
        described, *_ = tomllib.loads((FIXTURES / store / "dataset.toml").read_text("utf-8"))["table"]
        table = described["name"]
        rows = list(data.rows(store, table))
        assert len(rows) == described["rows"]
        assert {len(row) for row in rows} == {len(data.columns(store, table))}


def test_our_own_data_has_the_sizes_it_promises() -> None:
    megabytes = {size: load(FIXTURES, 1, size).bytes_estimate() / 1e6 for size in ("small", "medium", "large")}
    assert 90 < megabytes["small"] < 120
    assert 900 < megabytes["medium"] < 1200
    assert 9000 < megabytes["large"] < 12000


def test_consul_holds_no_more_than_raft_takes() -> None:
    data = load(FIXTURES, 1, "large")
    assert data.bytes_estimate("consul") < 32e6
    keys = Counter(key for table in data.tables("consul") for key, *_ in data.rows("consul", table))
    assert max(keys.values()) == 1
    assert all(str(key).isprintable() and len(str(key)) <= 512 for key in keys)


def test_every_table_of_the_schemas_has_rows() -> None:
    data = load(FIXTURES, 1, "small")
    for store in ("mysql", "postgres"):
        schema = (FIXTURES / store / "schema.sql").read_text("utf-8")
        made = {line.split()[2].split(".")[-1] for line in schema.splitlines() if line.startswith("CREATE TABLE ")}
        made -= {"ledger", *TABLES, "usage_2023", "usage_2024", "usage_other"}  # the drill's own, and partitions
        made -= {"delivery_attempt"}  # a few rows without a key, put in by after.sql
        assert made == {table.split(".")[-1] for table in data.tables(store)}


def test_what_is_put_into_consul_beside_keys_is_json() -> None:
    for path in (FIXTURES / "consul").glob("**/*.json"):
        bodies = json.loads(path.read_text("utf-8"))
        assert bodies
        assert all(body.get("Name") or body.get("Node") or body["SecretID"] for body in bodies)


def test_references_meet_rows_and_a_block_and_a_turn_never_make_a_pair_twice(tmp_path: Path) -> None:
    data = described(tmp_path, TWO_TABLES, size="medium")
    parents = [parent for parent, _ in data.rows("store", "a.parent")]
    assert len(set(parents)) == len(parents) == 70
    children = list(data.rows("store", "a.child"))
    assert {value for child in children for value in child} == set(parents)
    assert len({child[:2] for child in children}) == len(children)
    assert [parents.index(child[0]) for child in children] == sorted(parents.index(child[0]) for child in children)


def test_a_table_that_refers_to_itself_refers_to_rows_above(tmp_path: Path) -> None:
    rows = list(described(tmp_path, TWO_TABLES, size="large").rows("store", "a.parent"))
    seen: set[object] = {None}
    for key, up in rows:
        assert up in seen
        seen.add(key)
    assert sum(up is None for _, up in rows) == 234


def test_text_is_sometimes_null_sometimes_empty_and_has_its_extremes(tmp_path: Path) -> None:
    values = column(tmp_path, 'kind = "text", min = 2, max = 5000, null = 0.25, empty = 0.25')
    assert 400 < values.count(None) < 600
    assert 250 < values.count("") < 500
    assert max(len(value) for value in values if isinstance(value, str)) <= 5000
    whole = column(tmp_path, 'kind = "text", min = 2, max = 5000')
    assert [len(value) for value in whole[:2] if isinstance(value, str)] == [2, 5000]
    assert any("ශ්‍රී" in value for value in whole if isinstance(value, str))


def test_rows_do_not_depend_on_the_chunks_they_are_made_in(tmp_path: Path) -> None:
    few = column(tmp_path, 'kind = "label", format = "{n}-{hex}"', rows=10)
    many = column(tmp_path, 'kind = "label", format = "{n}-{hex}"', rows=5000)
    assert many[:10] == few
    assert len(set(many)) == 5000


def test_uuids_rise_and_have_the_shape_of_version_7(tmp_path: Path) -> None:
    text = [str(value) for value in column(tmp_path, 'kind = "uuid"')]
    assert text == sorted(set(text))
    assert all([len(part) for part in value.split("-")] == [8, 4, 4, 4, 12] for value in text)
    assert {(value[14], value[19] in "89ab") for value in text} == {("7", True)}
    assert {len(value) for value in column(tmp_path, 'kind = "uuid", as = "bytes"') if isinstance(value, bytes)} == {16}


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        ('kind = "integer", min = -2, max = 2', -2, 2),
        ('kind = "decimal", precision = 4, scale = 2', Decimal("-99.99"), Decimal("99.99")),
        ('kind = "datetime", from = 2024, to = 2024', datetime(2024, 1, 1), datetime(2024, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001 # naive is what is asked for
        ('kind = "datetime", zone = true', datetime(2019, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_values_stay_in_their_range(tmp_path: Path, spec: str, low: object, high: object) -> None:
    values = column(tmp_path, spec)
    assert len(set(values)) > 4
    assert all(low <= value <= high for value in values)  # type: ignore[operator] # each case compares its own type


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ('kind = "txet"', "unknown kind `txet`"),
        ('kind = "text", lenght = 3', "unknown key `lenght`"),
        ('kind = "text", min = 9, max = 3', "`min` and `max`"),
        ('kind = "text", max = true', "`max` must be of type int"),
        ('kind = "text", null = 1.5', "`null`"),
        ('kind = "serial", empty = 0.1', "unknown key `empty`"),
        ('kind = "choice", of = []', "`of` is empty"),
        ('kind = "label", format = "{what}"', "`format`"),
        ('kind = "ref", to = "nowhere.id"', "no column `nowhere.id`"),
        ('kind = "decimal", precision = 30, scale = 2', "`precision`"),
        ("max = 3", "`kind` is missing"),
    ],
)
def test_a_column_that_makes_no_sense_is_named(tmp_path: Path, spec: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=r"dataset\.toml.*column `c`") as error:
        column(tmp_path, spec)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("table = 3", "`table` must be of type list"),
        ('[[table]]\nrows = 3\ncolumns.a = { kind = "serial" }', "`name` is missing"),
        ('[[table]]\nname = "t"\nrows = 0\ncolumns.a = { kind = "serial" }', "at least 1"),
        ('[[table]]\nname = "t"\nrows = 1\nscale = "log"\ncolumns.a = { kind = "serial" }', "`scale`"),
        ("[[table", "cannot be read"),
        (TWO_TABLES + TWO_TABLES, "twice"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=r"dataset\.toml") as error:
        described(tmp_path, text)
    assert complaint in str(error.value)


def test_an_unknown_size_is_refused_with_the_choices() -> None:
    with pytest.raises(Misconfigured, match="small, medium, large"):
        load(FIXTURES, 1, "huge")


def test_an_unknown_store_or_table_is_refused() -> None:
    data = load(FIXTURES, 1, "small")
    with pytest.raises(Misconfigured, match="consul, mariadb, mysql, postgres"):
        data.tables("oracle")
    with pytest.raises(Misconfigured, match="nothing"):
        data.rows("mysql", "nothing")
