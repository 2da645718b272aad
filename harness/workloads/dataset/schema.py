"""Reads the description of known data: words.toml, and each store's dataset.toml. Refuses unknown keys.

    factor of a size    small 1, medium 10, large 100

    [[table]]
    name = "core_tenant.tenant"      # in load order: a table refers only to earlier ones
    rows = 400                       # at size small
    scale = "linear"                 # or "fixed"
    most = 4000                      # optional: no more rows than this at any size

    [table.columns]                  # in the order of the rows' values
    id = { kind = "serial" }
    note = { kind = "text", min = 0, max = 400, null = 0.1, empty = 0.05 }

`workloads.dataset.columns` has the kinds, and what each takes. Every kind takes `null` and, where it makes text or
bytes, `empty`: the ratio of rows with NULL, or with nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from harness.core.toml import Keys
from harness.workloads.dataset.columns import KINDS, LONGEST, Column, Place, Table, Words, sometimes
from harness.workloads.dataset.seeded_random import SeededRandom

SIZES = {"small": 1, "medium": 10, "large": 100}
"""How many times the rows of `small` a size has, where a table's scale is linear."""

_CHUNK_BYTES = 1 << 22
_CHUNK_ROWS = 1024


def read_words(path: Path) -> Words:
    keys = Keys.of(path)
    world, plain = keys.strings("world"), keys.strings("ascii")
    names: list[str] = []
    for script, raw in keys.take("names", dict).items():
        of = Keys(f"{path}: names.{script}", raw)
        given, family = of.strings("given"), of.strings("family")
        of.done()
        names += [f"{one} {other}" for one in given for other in family]
    keys.done()
    random = SeededRandom("words")
    return Words(
        world=_pool(world, random.named("world")),
        ascii=_pool(plain, random.named("ascii")),
        names=tuple(names),
        locals=tuple(sorted({word for word in plain if word.isalpha() and word.islower()})),
    )


def read(path: Path, random: SeededRandom, factor: int, words: Words) -> dict[str, Table]:
    """Read one store's `dataset.toml`: its tables by name, in load order. Misconfigured names the file and the key."""
    keys = Keys.of(path)
    tables: dict[str, Table] = {}
    for number, raw in enumerate(keys.take("table", list), 1):
        table = _table(Keys(f"{path}: table {number}", raw), random, factor, words, tables)
        if table.name in tables:
            keys.fail(f"table `{table.name}` is defined twice; merge the two, or rename one")
        tables[table.name] = table
    keys.done()
    return tables


def _pool(phrases: tuple[str, ...], random: SeededRandom) -> str:
    """Enough text to cut any piece from."""
    mean = sum(map(len, phrases)) // len(phrases) + 1
    return " ".join(phrases[word % len(phrases)] for word in random.words(4 * LONGEST // mean))


def _table(keys: Keys, random: SeededRandom, factor: int, words: Words, above: Mapping[str, Table]) -> Table:
    name = keys.take("name", str)
    keys.where = f"{keys.where} ({name})"
    rows = keys.take("rows", int)
    if keys.one_of("scale", ("fixed", "linear")) == "linear":
        rows *= factor
    rows = min(rows, keys.take("most", int, rows))
    if rows < 1:
        keys.fail("keys `rows` and `most` must be at least 1")
    made: dict[str, Column] = {}
    widest = 1
    for column, raw in keys.take("columns", dict).items():
        place = Place(random.named(name).named(column), words, above, name, rows, made)
        made[column] = _column(Keys(f"{keys.where}: column `{column}`", raw), place)
        widest += made[column].widest
    if not made:
        keys.fail("key `columns` is empty; add a column")
    keys.done()
    return Table(name, rows, min(_CHUNK_ROWS, _CHUNK_BYTES // widest + 1), made)


def _column(keys: Keys, place: Place) -> Column:
    kind = keys.take("kind", str)
    if kind not in KINDS:
        keys.fail(f"unknown kind `{kind}`; there are {', '.join(sorted(KINDS))}")
    column = KINDS[kind](keys, place)
    if column.empty is not None and (empty := keys.ratio("empty")):
        column = sometimes(column, column.empty, empty)
    if null := keys.ratio("null"):
        column = sometimes(column, None, null)
    keys.done()
    return column
