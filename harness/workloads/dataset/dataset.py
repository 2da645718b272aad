"""Known data: what a drill loads into the stores before the disaster, and expects back after it.

They depend on a seed and a size alone, and are generated in a stream: memory does not grow with the size.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from pathlib import Path

from harness.core import resources
from harness.core.errors import Misconfigured
from harness.workloads.dataset.columns import Table
from harness.workloads.dataset.schema import SIZES, read, read_words
from harness.workloads.dataset.seeded_random import SeededRandom

_SAMPLE_ROWS = 256


@dataclass(frozen=True)
class KnownData:
    """Implements `harness.core.ports.Dataset`. Create it with `load`, or without tables."""

    seed: int
    size: str
    _tables: Mapping[str, Mapping[str, Table]]

    @property
    def stores(self) -> tuple[str, ...]:
        """The stores that a description was found for."""
        return tuple(self._tables)

    def tables(self, store: str) -> tuple[str, ...]:
        """The names of the store's tables, or key prefixes, in the order in which they must be loaded."""
        return tuple(self._of(store))

    def columns(self, store: str, table: str) -> tuple[str, ...]:
        """The names of the columns that `rows` gives values for, in their order."""
        return tuple(self._table(store, table).columns)

    def rows(self, store: str, table: str) -> Iterator[tuple[object, ...]]:
        """The rows of one table, parents before children. Values in them may be shared: do not change them."""
        return chain.from_iterable(self._chunks(store, self._table(store, table)))

    def bytes_estimate(self, store: str = "") -> int:
        """About how many bytes the values of one store have, or of all: the least a disk must hold of every copy."""
        return sum(
            self._mean_bytes(one, table) * table.rows // _SAMPLE_ROWS
            for one in ((store,) if store else self.stores)
            for table in self._of(one).values()
        )

    def _chunks(self, store: str, table: Table) -> Iterator[Iterator[tuple[object, ...]]]:
        random = SeededRandom(f"{self.seed}").named(store).named(table.name)
        columns = [(random.named(name), column) for name, column in table.columns.items()]
        for first in range(0, table.rows, table.chunk_rows):
            rows = range(first, min(first + table.chunk_rows, table.rows))
            yield zip(*(column.make(chance.named(first), rows) for chance, column in columns), strict=True)

    def _mean_bytes(self, store: str, table: Table) -> int:
        sample = list(chain.from_iterable(self._chunks(store, replace(table, rows=min(table.rows, _SAMPLE_ROWS)))))
        return sum(_width(value) for row in sample for value in row) * _SAMPLE_ROWS // len(sample)

    def _of(self, store: str) -> Mapping[str, Table]:
        if store not in self._tables:
            raise Misconfigured(f"there is no known data for store `{store}`; there is for {', '.join(self.stores)}")
        return self._tables[store]

    def _table(self, store: str, table: str) -> Table:
        if table not in self._of(store):
            raise Misconfigured(f"there is no known data for table `{table}` of store `{store}`")
        return self._of(store)[table]


def load(fixtures: Path, seed: int, size: str) -> KnownData:
    """Read the `dataset.toml` of every store below `fixtures`. Misconfigured if it, or the size, makes no sense."""
    if size not in SIZES:
        raise Misconfigured(f"unknown size `{size}`; choose one of {', '.join(SIZES)}")
    own = fixtures / "words.toml"
    words = read_words(own if own.exists() else resources.fixtures() / own.name)  # or the built-in words
    files = {path.parent.name: path for path in sorted(fixtures.glob("*/dataset.toml"))}
    for folder in (resources.fixtures() / path.name for path in sorted(fixtures.iterdir()) if path.name not in files):
        if (folder / "dataset.toml").exists():  # an application can have a built-in store
            files[folder.name] = folder / "dataset.toml"
    if not files:
        raise Misconfigured(f"{fixtures}: no store has a dataset.toml; add one for each store")
    return KnownData(
        seed,
        size,
        {store: read(path, SeededRandom(f"{seed}").named(store), SIZES[size], words) for store, path in files.items()},
    )


def _width(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict | list):
        return len(str(value).encode())
    return (
        0 if value is None else 1 if isinstance(value, bool) else len(str(value)) if isinstance(value, Decimal) else 8
    )
