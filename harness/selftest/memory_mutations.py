"""The mutations of a store in memory, from memory.toml in this package.

Each table of the file is a mutation of one member. Its keys are those of `harness.selftest.catalogue.expected`,
`writes` and `restarts` as in `harness.selftest.mutation`, and one change:

- `set`: attributes of its `MemberState`.
- `defined`: a definition that is changed, or added. `undefined`: one that is removed.
- `paid`: accounts, with the money that each gets.

A mutation without such a key is a function in `CHANGES`.
"""

import copy
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from harness.core import json
from harness.core.errors import ToolFailed
from harness.core.model import Json, Row
from harness.selftest import catalogue as live
from harness.selftest.in_memory import MemberState, MemoryStore, World
from harness.selftest.mutation import Act, Mutation

Rows = list[tuple[object, ...]]

REVERT = "revert"
OWN_KEYS = {"set", "defined", "undefined", "paid", "writes", "restarts"}


def _swap(rows: Rows) -> None:
    rows[0], rows[1] = (rows[0][0], rows[1][1]), (rows[1][0], rows[0][1])


def _pair_twice(rows: Rows) -> None:
    """Two rows, two more of each: a digest that combines rows by XOR would not change."""
    rows += [rows[0], rows[0], rows[1], rows[1]]


def _one_value(change: Callable[[str], object]) -> Callable[[Rows], None]:
    def mutate(rows: Rows) -> None:
        rows[3] = (rows[3][0], change(str(rows[3][1])))

    return mutate


def _altered(row: Row) -> Row:
    return Row(row.n, row.key, row.value + "!")


USER_ROWS: Mapping[str, Callable[[Rows], None]] = {
    "one row gone": lambda rows: rows.__delitem__(5),
    "one row twice": lambda rows: rows.append(rows[0]),
    "two rows twice": _pair_twice,
    "a row replaced by another": lambda rows: rows.__setitem__(2, rows[1]),
    "two values swapped": _swap,
    "one byte changed": _one_value(lambda value: value[:-1] + "X"),
    "a trailing space": _one_value(lambda value: value + " "),
    "a value in upper case": _one_value(str.upper),
    "a value replaced by an empty string": _one_value(lambda _: ""),
    "a value replaced by NULL": _one_value(lambda _: None),
    "a value replaced by the string NULL": _one_value(lambda _: "NULL"),
    "an extra row": lambda rows: rows.append((99, "stranger")),
    "a table emptied": lambda rows: rows.clear(),
}
LEDGERS: Mapping[str, Callable[[list[Row]], list[Row]]] = {
    "a ledger row gone": lambda rows: rows[1:],
    "a ledger row twice": lambda rows: [*rows, rows[0]],
    "a ledger row altered": lambda rows: [_altered(rows[0]), *rows[1:]],
    "a ledger row that no client wrote": lambda rows: [*rows, Row(7, "nobody", "7-x")],
    "an empty ledger": lambda _: [],
}
CHANGES: Mapping[str, Callable[[MemberState], object]] = {
    "a table dropped": lambda state: state.tables.pop("realm"),
    "an extra table": lambda state: state.tables.update(stranger=[]),
    "an account gone": lambda state: state.balances.pop("checking/0"),
}


@cache
def _entries() -> Mapping[str, Mapping[str, Json]]:
    text = (Path(__file__).parent / "memory.toml").read_text("utf-8")
    return {name: json.mapping(entry) for name, entry in tomllib.loads(text).items()}


def _mutate(name: str, state: MemberState) -> None:
    entry = _entries()[name]
    if name in USER_ROWS:
        USER_ROWS[name](state.tables["user"])
    elif name in LEDGERS:
        state.ledger = LEDGERS[name](state.ledger)
    elif "set" in entry:
        for attribute, value in json.mapping(entry, "set").items():
            setattr(state, attribute, value)
    elif "defined" in entry:
        state.definitions[json.text(entry, "defined")] = "changed"
    elif "undefined" in entry:
        del state.definitions[json.text(entry, "undefined")]
    elif "paid" in entry:
        for account in json.mapping(entry, "paid"):
            state.balances[account] = state.balances.get(account, 0) + json.integer(entry, "paid", account)
    else:
        CHANGES[name](state)


class MutableMemoryStore(MemoryStore):
    """A store in memory that can be mutated: `execute` takes the name of a mutation, or `REVERT`."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, world)
        self._good: dict[str, MemberState] = {}

    def execute(self, member: str, statement: str) -> None:
        """Mutate one member, or revert it to what it was, with the writes that the others have taken since."""
        states = self._world.members[self.name]
        if statement == REVERT:
            good, others = self._good.pop(member), states[self.members[0]]
            good.ledger, good.balances = list(others.ledger), dict(others.balances)  # new writes among them
            states[member] = good
        elif statement in _entries():
            self._good[member] = copy.deepcopy(states[member])
            _mutate(statement, states[member])
        else:
            raise ToolFailed((self.name, member), 1, f"unknown mutation {statement!r}")

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of each table, sorted and hashed as one text."""
        tables = self._state(member).tables
        return {
            f"table {name}": sha256(repr(sorted(map(repr, rows))).encode()).hexdigest() for name, rows in tables.items()
        }


def catalogue(store: str) -> tuple[Mutation, ...]:
    """All mutations of the last member of a store in memory."""
    member = f"{store}-2"
    return tuple(
        Mutation(
            **vars(live.expected(name, entry, OWN_KEYS)),
            mutate=(Act(member, name),),
            revert=(Act(member, REVERT),),
            writes=entry.get("writes") is True,
            restarts=entry.get("restarts") is True,
        )
        for name, entry in _entries().items()
    )
