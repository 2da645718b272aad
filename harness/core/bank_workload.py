"""Every write of the ledger also moves money between two tables, in the same transaction.

So a torn restore shows, with one table older than the other or half a transaction: the balances then match no
consistent point of the write history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

TABLES = ("checking", "savings")
ACCOUNTS = 8  # of each table, numbered from 0
OPENING = 1000  # what every account holds before the first write


@dataclass(frozen=True)
class Transfer:
    """`amount` (never 0, may be negative) leaves account `source` of `checking` for account `target` of `savings`."""

    source: int
    target: int
    amount: int


def transfer(n: int) -> Transfer:
    """What write `n` moves; the same for every store and in every drill."""
    return _transfer(n % (199 * ACCOUNTS * ACCOUNTS))


@cache  # over a million writes are gone through to judge a long drill
def _transfer(n: int) -> Transfer:
    amount = n * 37 % 199 - 99
    return Transfer(n % ACCOUNTS, n // ACCOUNTS % ACCOUNTS, amount or 100)


def opening_balances() -> dict[str, int]:
    """All accounts as they are opened, by name: `checking/0`."""
    return {f"{table}/{number}": OPENING for table in TABLES for number in range(ACCOUNTS)}


def balances_after(balances: Mapping[str, int], writes: Iterable[int]) -> dict[str, int]:
    left, came = [0] * ACCOUNTS, [0] * ACCOUNTS
    for n in writes:
        made = transfer(n)
        left[made.source] += made.amount
        came[made.target] += made.amount
    result = dict(balances)
    for number in range(ACCOUNTS):
        result[f"{TABLES[0]}/{number}"] -= left[number]
        result[f"{TABLES[1]}/{number}"] += came[number]
    return result
