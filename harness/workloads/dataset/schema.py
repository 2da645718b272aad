"""Reads the description of known data: words.toml, and each store's dataset.toml. Refuses what it does not know.

    factor of a size    small 1, medium 10, large 100

    [[table]]
    name = "core_tenant.tenant"      # tables stand in load order: a table refers only to those above it
    rows = 400                       # at size small
    scale = "linear"                 # or "fixed"
    most = 4000                      # optional: no more rows than this at any size

    [table.columns]                  # in the order of the rows' values
    id = { kind = "serial" }
    note = { kind = "text", min = 0, max = 400, null = 0.1, empty = 0.05 }

Each class of `workloads.dataset.columns` is a kind; `_KINDS` below says what each takes. Every kind takes `null`
and, where it makes text or bytes, `empty`: the ratio of rows with NULL, or with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.toml import Keys
from harness.workloads.dataset import columns as c
from harness.workloads.dataset.seeded_random import Permutation, SeededRandom

SIZES = {"small": 1, "medium": 10, "large": 100}
"""How many times the rows of `small` a size has, where a table's scale is linear."""

_CHUNK_BYTES = 1 << 22
_CHUNK_ROWS = 1024


@dataclass(frozen=True)
class Words:
    """What text, names and addresses are made of."""

    world: str
    ascii: str
    names: tuple[str, ...]
    locals: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One table (or key prefix) of one store, at one size."""

    name: str
    rows: int
    chunk_rows: int
    columns: Mapping[str, c.Column]


@dataclass(frozen=True)
class _Place:
    """Where a column stands while it is read."""

    random: SeededRandom
    words: Words
    above: Mapping[str, Table]
    table: str
    rows: int
    siblings: Mapping[str, c.Column]


def read_words(path: Path) -> Words:
    """Read `words.toml`."""
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
            keys.fail(f"table `{table.name}` stands there twice")
        tables[table.name] = table
    keys.done()
    return tables


def _pool(phrases: tuple[str, ...], random: SeededRandom) -> str:
    """Enough text to cut any piece from."""
    mean = sum(map(len, phrases)) // len(phrases) + 1
    return " ".join(phrases[word % len(phrases)] for word in random.words(4 * c.LONGEST // mean))


def _table(keys: Keys, random: SeededRandom, factor: int, words: Words, above: Mapping[str, Table]) -> Table:
    name = keys.take("name", str)
    keys.where = f"{keys.where} ({name})"
    rows = keys.take("rows", int)
    if keys.one_of("scale", ("fixed", "linear")) == "linear":
        rows *= factor
    rows = min(rows, keys.take("most", int, rows))
    if rows < 1:
        keys.fail("keys `rows` and `most` must be at least 1")
    made: dict[str, c.Column] = {}
    widest = 1
    for column, raw in keys.take("columns", dict).items():
        place = _Place(random.named(name).named(column), words, above, name, rows, made)
        made[column] = _column(Keys(f"{keys.where}: column `{column}`", raw), place)
        widest += _widest(made[column])
    if not made:
        keys.fail("key `columns` is empty")
    keys.done()
    return Table(name, rows, min(_CHUNK_ROWS, _CHUNK_BYTES // widest + 1), made)


def _column(keys: Keys, place: _Place) -> c.Column:
    kind = keys.take("kind", str)
    if kind not in _KINDS:
        keys.fail(f"unknown kind `{kind}`; there are {', '.join(sorted(_KINDS))}")
    column = _KINDS[kind](keys, place)
    if isinstance(column, c.Text | c.Bytes) and (empty := keys.ratio("empty")):
        column = c.Sometimes(column, "" if isinstance(column, c.Text) else b"", empty)
    if null := keys.ratio("null"):
        column = c.Sometimes(column, None, null)
    keys.done()
    return column


def _widest(column: c.Column) -> int:
    if isinstance(column, c.Sometimes):
        return _widest(column.column)
    return column.max if isinstance(column, c.Text | c.Bytes) else 32


def _serial(keys: Keys, _: _Place) -> c.Column:
    start, step = keys.take("start", int, 1), keys.take("step", int, 1)
    if step < 1:
        keys.fail("key `step` must be at least 1")
    return c.Serial(start, step)


def _uuid(keys: Keys, place: _Place) -> c.Column:
    return c.Uuid(Permutation(place.random), binary=keys.one_of("as", ("text", "bytes")) == "bytes")


def _label(keys: Keys, place: _Place) -> c.Column:
    label = c.Label(Permutation(place.random), keys.take("format", str), keys.strings("of", [""]))
    try:
        label.at(0)
    except (KeyError, IndexError, ValueError) as error:
        keys.fail(f"key `format` takes {{n}}, {{high}}, {{low}}, {{hex}} and {{of}} only: {error}")
    return label


def _choice(keys: Keys, _: _Place) -> c.Column:
    of = tuple(keys.take("of", list))
    if not of:
        keys.fail("key `of` is empty")
    return c.InTurn(of) if keys.one_of("pick", ("any", "turn")) == "turn" else c.AnyOf(of)


def _ref(keys: Keys, place: _Place) -> c.Column:
    table, _, column = keys.take("to", str).rpartition(".")
    own = table == place.table
    rows = place.rows if own else place.above[table].rows if table in place.above else 0
    of = place.siblings if own else place.above[table].columns if rows else {}
    if column not in of:
        keys.fail(f"key `to`: there is no column `{table}.{column}` above this one")
    target = of[column]
    if not isinstance(target, c.Serial | c.Uuid | c.Label | c.InTurn):
        keys.fail(f"key `to`: `{table}.{column}` is not a key: only serial, uuid, label and choice in turn can be")
    if own:
        roots = keys.take("roots", int)
        return c.RefEarlier(target, roots) if roots > 0 else keys.fail("key `roots` must be at least 1")
    return c.Ref(target, rows, place.rows, keys.one_of("pick", ("any", "turn", "block")))


def _text(keys: Keys, place: _Place) -> c.Column:
    low, high = keys.span(0, 255, least=0, most=c.LONGEST)
    pool = place.words.ascii if keys.one_of("alphabet", ("world", "ascii")) == "ascii" else place.words.world
    return c.Text(pool, low, high)


def _decimal(keys: Keys, _: _Place) -> c.Column:
    precision, scale = keys.take("precision", int), keys.take("scale", int)
    if not 0 <= scale <= precision <= 18 or precision == 0:  # noqa: PLR2004 # what 64 bits of chance fill
        keys.fail("keys `precision` and `scale`: 1 to 18 digits, and no more of them after the point")
    return c.Decimals(precision, scale)


def _years(keys: Keys) -> tuple[int, int]:
    first, last = keys.take("from", int, 2019), keys.take("to", int, 2025)
    if not 1 <= first <= last <= 9998:  # noqa: PLR2004 # the last year whose end can be written
        keys.fail(f"keys `from` and `to`: {first} to {last} are no years in order")
    return first, last


def _documents(place: _Place) -> tuple[object, ...]:
    """JSON of every type: nested, empty, unicode, numbers that must not be rounded."""
    words = place.random.words(64)
    pool = place.words.world
    return (
        {},
        *(
            {
                "id": word,
                "name": place.words.names[word % len(place.words.names)],
                "note": pool[(start := word % (len(pool) - 400)) : start + word % 400],
                "score": (word % 4096) / 64,
                "enabled": word % 2 == 0,
                "scopes": ["openid", "email", "profile", "org.cilogon.userinfo"][: word % 5],
                "client": {"ip": f"198.51.100.{word % 256}", "port": None, "tags": [], "attempts": word % 7 - 3},
            }
            for word in words
        ),
    )


_KINDS: Mapping[str, Callable[[Keys, _Place], c.Column]] = {
    "bytes": lambda keys, _: c.Bytes(*keys.span(0, 255, least=0, most=c.LONGEST)),
    "choice": _choice,
    "date": lambda keys, _: c.Date(*_years(keys)),
    "datetime": lambda keys, _: c.Moment(*_years(keys), zone=keys.take("zone", bool, False)),
    "decimal": _decimal,
    "email": lambda _, place: c.Email(place.words.locals),
    "float": lambda _, __: c.Float(),
    "integer": lambda keys, _: c.Integer(*keys.span(0, 1 << 31, least=-(1 << 63), most=(1 << 63) - 1)),
    "json": lambda _, place: c.AnyOf(_documents(place)),
    "label": _label,
    "name": lambda _, place: c.AnyOf(place.words.names),
    "ref": _ref,
    "serial": _serial,
    "text": _text,
    "uuid": _uuid,
}
