"""The kinds of columns of known data: each function of `KINDS` reads the keys of one kind, and gives its column.

Values are a pure function of the column's seeded random and the row number. Columns are generated in chunks: choosing a
thousand values at once makes pure Python fast enough.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from harness.core.toml import Keys
from harness.workloads.dataset.seeded_random import SeededRandom, permutation

LONGEST = 200_000
"""The most characters a text value may have."""

_FRACTION_BITS = 20
_FRACTION = (1 << _FRACTION_BITS) - 1


@dataclass(frozen=True)
class Column:
    make: Callable[[SeededRandom, range], Sequence[object]]  # the values of these rows; the random is of this chunk
    at: Callable[[int], object] | None = None  # of a key, which other tables can refer to: the value of one row, from 0
    widest: int = 32  # about how many bytes its largest value has
    empty: object = None  # the value without characters or bytes, if the kind has one


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
    columns: Mapping[str, Column]


@dataclass(frozen=True)
class Place:
    """What the keys of a column can depend on."""

    random: SeededRandom
    words: Words
    above: Mapping[str, Table]  # the earlier ones
    table: str
    rows: int
    siblings: Mapping[str, Column]  # the earlier ones of the same table


def sometimes(column: Column, value: object, ratio: float) -> Column:
    """A column's values, with `value` (NULL or '') in their place in `ratio` of the rows."""
    limit = int(ratio * 65536)

    def make(random: SeededRandom, rows: range) -> Sequence[object]:
        chance = random.named(f"sometimes {value!r}").words(len(rows))
        values = column.make(random, rows)
        return [value if word & 0xFFFF < limit else other for word, other in zip(chance, values, strict=True)]

    return replace(column, make=make, at=None)


def _key(at: Callable[[int], object]) -> Column:
    """Values that depend on the row number alone."""
    return Column(lambda _, rows: list(map(at, rows)), at)


def _by_chance(values: Callable[[Sequence[int]], Sequence[object]]) -> Column:
    """Values that depend on one random word each."""
    return Column(lambda random, rows: values(random.words(len(rows))))


def _any_of(of: tuple[object, ...]) -> Column:
    """A random choice; a choice that occurs twice is twice as likely."""
    return _by_chance(lambda words: [of[word % len(of)] for word in words])


def _serial(keys: Keys, _: Place) -> Column:
    """start, start + step, ..."""
    start, step = keys.take("start", int, 1), keys.take("step", int, 1)
    if step < 1:
        keys.fail("key `step` must be at least 1")
    return _key(lambda row: start + row * step)


def _uuid(keys: Keys, place: Place) -> Column:
    """UUIDs of version 7: unique, and increasing with the row number, which makes bulk loads fast."""
    unique = permutation(place.random)
    binary = keys.one_of("as", ("text", "bytes")) == "bytes"

    def at(row: int) -> str | bytes:
        chance = unique(row)
        time = 1_600_000_000_000 + 977 * row
        value = f"{time:012x}7{chance & 0xFFF:03x}{8 | chance >> 62:x}{chance & (1 << 60) - 1:015x}"
        if binary:
            return bytes.fromhex(value)
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"

    return _key(at)


def _label(keys: Keys, place: Place) -> Column:
    """A name made of {n} (from 1 up), {high} and {low} (n in words of 16 bits), {hex} (unique) and {of} (in turn)."""
    unique = permutation(place.random)
    label, of = keys.take("format", str), keys.strings("of", [""])

    def at(row: int) -> str:
        n = row + 1
        return label.format(n=n, high=n >> 16, low=n & 0xFFFF, hex=f"{unique(row):016x}", of=of[row % len(of)])

    try:
        at(0)
    except (KeyError, IndexError, ValueError) as error:
        keys.fail(f"key `format` takes {{n}}, {{high}}, {{low}}, {{hex}} and {{of}} only: {error}")
    return _key(at)


def _choice(keys: Keys, _: Place) -> Column:
    of = tuple(keys.take("of", list))
    if not of:
        keys.fail("key `of` is empty")
    if keys.one_of("pick", ("any", "turn")) == "turn":
        return _key(lambda row: of[row % len(of)])
    return _any_of(of)


def _ref(keys: Keys, place: Place) -> Column:
    """A key of another table's rows, or of an earlier row of the same table: then every `roots`-th row has no parent.

    `any`: random. `turn`: in turn. `block`: the children are spread evenly in the order of their parents. Two columns,
    one `block` and one `turn`, give pairs that never repeat, if a block is not longer than a turn.
    """
    table, _, column = keys.take("to", str).rpartition(".")
    own = table == place.table
    parents = place.rows if own else place.above[table].rows if table in place.above else 0
    of = place.siblings if own else place.above[table].columns if parents else {}
    if column not in of:
        keys.fail(f"key `to`: there is no column `{table}.{column}` before this one")
    at = of[column].at
    if at is None:
        keys.fail(f"key `to`: `{table}.{column}` is not a key: only serial, uuid, label and choice in turn can be")
    if own:
        roots = keys.take("roots", int)
        if roots < 1:
            keys.fail("key `roots` must be at least 1")
        return Column(
            lambda random, rows: [
                None if row % roots == 0 else at(word % row)
                for row, word in zip(rows, random.words(len(rows)), strict=True)
            ]
        )
    pick = keys.one_of("pick", ("any", "turn", "block"))
    if pick == "turn":
        return Column(lambda _, rows: [at(row % parents) for row in rows])
    if pick == "block":
        return Column(lambda _, rows: [at(row * parents // place.rows) for row in rows])
    return _by_chance(lambda words: [at(word % parents) for word in words])


def _email(_: Keys, place: Place) -> Column:
    """Addresses that never repeat."""
    of = place.words.locals

    def make(random: SeededRandom, rows: range) -> Sequence[object]:
        words = random.words(len(rows))
        return [f"{of[word % len(of)]}.{row + 1}@example.org" for row, word in zip(rows, words, strict=True)]

    return Column(make)


def _text(keys: Keys, place: Place) -> Column:
    """Pieces of the words; mostly short. The first two rows have the least and the most characters."""
    low, high = keys.span(0, 255, least=0, most=LONGEST)
    pool = place.words.ascii if keys.one_of("alphabet", ("world", "ascii")) == "ascii" else place.words.world
    starts = len(pool) - high

    def make(random: SeededRandom, rows: range) -> Sequence[object]:
        words = random.words(len(rows))
        sizes = _lengths(words, low, high, rows)
        return [
            pool[(start := (word >> _FRACTION_BITS) % starts) : start + size]
            for word, size in zip(words, sizes, strict=True)
        ]

    return Column(make, widest=high, empty="")


def _bytes(keys: Keys, _: Place) -> Column:
    """Bytes that do not compress; mostly short. The first two rows have the least and the most."""
    low, high = keys.span(0, 255, least=0, most=LONGEST)

    def make(random: SeededRandom, rows: range) -> Sequence[object]:
        sizes = _lengths(random.words(len(rows)), low, high, rows)
        pool, end = random.named("bytes").bytes(sum(sizes)), 0
        return [pool[end : (end := end + size)] for size in sizes]

    return Column(make, widest=high, empty=b"")


def _lengths(words: Sequence[int], low: int, high: int, rows: range) -> list[int]:
    """A length for each word: cubed chance, so the mean lies at a quarter of the way from `low` to `high`."""
    span = high - low + 1
    sizes = [low + ((part := word & _FRACTION) * part * part * span >> 3 * _FRACTION_BITS) for word in words]
    if rows.start == 0:
        sizes[:2] = (low, high)[: len(sizes)]
    return sizes


def _integer(keys: Keys, _: Place) -> Column:
    low, high = keys.span(0, 1 << 31, least=-(1 << 63), most=(1 << 63) - 1)
    span = high - low + 1
    return _by_chance(lambda words: [low + word % span for word in words])


def _decimal(keys: Keys, _: Place) -> Column:
    """DECIMAL(precision, scale), both signs."""
    precision, scale = keys.take("precision", int), keys.take("scale", int)
    if not 0 <= scale <= precision <= 18 or precision == 0:  # noqa: PLR2004 # what 64 bits of chance fill
        keys.fail("key `precision` must be 1 to 18, and key `scale` 0 to `precision`")
    most = 10**precision - 1
    span = 2 * most + 1
    return _by_chance(lambda words: [Decimal(word % span - most).scaleb(-scale) for word in words])


def _float(_: Keys, __: Place) -> Column:
    """Binary fractions of both signs, so that no decimal notation rounds them."""
    return _by_chance(lambda words: [((word >> 24) - (1 << 39)) / 1024 for word in words])


def _date(keys: Keys, _: Place) -> Column:
    first, last = (day.toordinal() for day in _years(keys))
    return _by_chance(lambda words: [date.fromordinal(first + word % (last - first)) for word in words])


def _datetime(keys: Keys, _: Place) -> Column:
    """Points in time with microseconds; with `zone`, aware ones in UTC."""
    first, last = _years(keys)
    start = datetime(first.year, 1, 1, tzinfo=UTC if keys.take("zone", bool, False) else None)
    span = (last - first) // timedelta(microseconds=1)
    return _by_chance(lambda words: [start + timedelta(microseconds=word % span) for word in words])


def _years(keys: Keys) -> tuple[date, date]:
    """The first day of `from`, and the day after the last one of `to`."""
    first, last = keys.take("from", int, 2019), keys.take("to", int, 2025)
    if not 1 <= first <= last <= 9998:  # noqa: PLR2004 # the last year whose end can be written
        keys.fail(f"keys `from` and `to` must be years from 1 to 9998 in order, not {first} to {last}")
    return date(first, 1, 1), date(last + 1, 1, 1)


def _json(_: Keys, place: Place) -> Column:
    """JSON of every type: nested, empty, unicode, numbers that must not be rounded."""
    names, pool = place.words.names, place.words.world
    documents = (
        {
            "id": word,
            "name": names[word % len(names)],
            "note": pool[(start := word % (len(pool) - 400)) : start + word % 400],
            "score": (word % 4096) / 64,
            "enabled": word % 2 == 0,
            "scopes": ["openid", "email", "profile", "org.cilogon.userinfo"][: word % 5],
            "client": {"ip": f"198.51.100.{word % 256}", "port": None, "tags": [], "attempts": word % 7 - 3},
        }
        for word in place.random.words(64)
    )
    return _any_of(({}, *documents))


KINDS: Mapping[str, Callable[[Keys, Place], Column]] = {
    "bytes": _bytes,
    "choice": _choice,
    "date": _date,
    "datetime": _datetime,
    "decimal": _decimal,
    "email": _email,
    "float": _float,
    "integer": _integer,
    "json": _json,
    "label": _label,
    "name": lambda _, place: _any_of(place.words.names),
    "ref": _ref,
    "serial": _serial,
    "text": _text,
    "uuid": _uuid,
}
"""By the `kind` of a column in a dataset.toml."""
