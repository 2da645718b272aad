"""The mutations of a store in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from hashlib import sha256

from harness.core.errors import ToolFailed
from harness.core.model import Row
from harness.core.reason import Reason
from harness.selftest.in_memory import MemberState, MemoryStore, World
from harness.selftest.mutation import Act, Mutation, Why

Mutate = Callable[[MemberState], None]
REVERT = "revert"


def _user(change: Callable[[list[tuple[object, ...]]], None]) -> Mutate:
    return lambda state: change(state.tables["user"])


def _one_value(change: Callable[[str], object]) -> Mutate:
    def mutate(rows: list[tuple[object, ...]]) -> None:
        rows[3] = (rows[3][0], change(str(rows[3][1])))

    return _user(mutate)


def _swap(rows: list[tuple[object, ...]]) -> None:
    rows[0], rows[1] = (rows[0][0], rows[1][1]), (rows[1][0], rows[0][1])


def _pair_twice(rows: list[tuple[object, ...]]) -> None:
    """Two rows, two more of each: a digest that combines rows by XOR would not change."""
    rows += [rows[0], rows[0], rows[1], rows[1]]


def _attribute(**values: object) -> Mutate:
    def mutate(state: MemberState) -> None:
        for name, value in values.items():
            setattr(state, name, value)

    return mutate


def _row(change: Callable[[list[Row]], list[Row]]) -> Mutate:
    def mutate(state: MemberState) -> None:
        state.ledger = change(state.ledger)

    return mutate


def _account(**changes: int) -> Mutate:
    def mutate(state: MemberState) -> None:
        for name, change in changes.items():
            account = name.replace("_", "/")
            state.balances[account] = state.balances.get(account, 0) + change

    return mutate


def _defined(name: str, text: str = "changed") -> Mutate:
    return lambda state: state.definitions.__setitem__(name, text)


def _undefined(name: str) -> Mutate:
    return lambda state: state.definitions.__delitem__(name)


class MemoryMutation:
    """A change of one member, the check that must detect it, and the reason and objects of its finding."""

    def __init__(self, mutate: Mutate, check: str, reason: Reason | tuple[Reason, ...], *objects: str) -> None:
        """As in `Expected`."""
        self.mutate, self.check, self.why = mutate, check, Why(reason, *objects)


DATA, LEDGER, ACCOUNTS, INDEXES = "data-equal", "ledger-kept", "transfers-whole", "indexes-hold"
MEMORY_MUTATIONS: Mapping[str, MemoryMutation] = {
    "one row gone": MemoryMutation(_user(lambda rows: rows.__delitem__(5)), DATA, Reason.RowsMissing, "table user"),
    "one row twice": MemoryMutation(
        _user(lambda rows: rows.append(rows[0])), DATA, Reason.RowsUnexpected, "table user"
    ),
    "two rows twice": MemoryMutation(_user(_pair_twice), DATA, Reason.RowsUnexpected, "table user"),
    "a row replaced by another": MemoryMutation(
        _user(lambda rows: rows.__setitem__(2, rows[1])), DATA, Reason.RowsDiffer, "table user"
    ),
    "two values swapped": MemoryMutation(_user(_swap), DATA, Reason.RowsDiffer, "table user"),
    "one byte changed": MemoryMutation(
        _one_value(lambda value: value[:-1] + "X"), DATA, Reason.RowsDiffer, "table user"
    ),
    "a trailing space": MemoryMutation(_one_value(lambda value: value + " "), DATA, Reason.RowsDiffer, "table user"),
    "a value in upper case": MemoryMutation(_one_value(str.upper), DATA, Reason.RowsDiffer, "table user"),
    "a value replaced by an empty string": MemoryMutation(
        _one_value(lambda _: ""), DATA, Reason.RowsDiffer, "table user"
    ),
    "a value replaced by NULL": MemoryMutation(_one_value(lambda _: None), DATA, Reason.RowsDiffer, "table user"),
    "a value replaced by the string NULL": MemoryMutation(
        _one_value(lambda _: "NULL"), DATA, Reason.RowsDiffer, "table user"
    ),
    "an extra row": MemoryMutation(
        _user(lambda rows: rows.append((99, "stranger"))), DATA, Reason.RowsUnexpected, "table user"
    ),
    "a table emptied": MemoryMutation(_user(lambda rows: rows.clear()), DATA, Reason.PartEmptied, "table user"),
    "a table dropped": MemoryMutation(
        lambda state: state.tables.__delitem__("realm"), DATA, Reason.PartMissing, "table realm"
    ),
    "an extra table": MemoryMutation(
        lambda state: state.tables.update(stranger=[]), DATA, Reason.PartUnexpected, "table stranger"
    ),
    "an index gone": MemoryMutation(_undefined("indexes user"), DATA, Reason.PartMissing, "indexes user"),
    "a constraint gone": MemoryMutation(_undefined("constraints user"), DATA, Reason.PartMissing, "constraints user"),
    "a sequence set back": MemoryMutation(_defined("sequence user"), DATA, Reason.DefinitionDiffers, "sequence user"),
    "a trigger disabled": MemoryMutation(_defined("trigger user"), DATA, Reason.DefinitionDiffers, "trigger user"),
    "a view changed": MemoryMutation(_defined("view users"), DATA, Reason.DefinitionDiffers, "view users"),
    "a grant gone": MemoryMutation(_undefined("grants app"), DATA, Reason.PartMissing, "grants app"),
    "an extra grant": MemoryMutation(_defined("grants stranger"), DATA, Reason.PartUnexpected, "grants stranger"),
    "a password changed": MemoryMutation(_defined("user app"), DATA, Reason.DefinitionDiffers, "user app"),
    "a member empty": MemoryMutation(_attribute(tables={}), DATA, Reason.PartMissing, "table user", "table realm"),
    "a setting changed": MemoryMutation(
        _attribute(settings="fsync off"), DATA, Reason.DefinitionDiffers, "own settings"
    ),
    "a damaged page": MemoryMutation(_attribute(corrupt=True), DATA, Reason.DataCorrupted),
    "an index that lacks an entry": MemoryMutation(
        _attribute(index=(Reason.IndexIncomplete, "has 19 entries for 20 rows")),
        INDEXES,
        Reason.IndexIncomplete,
        "index user.name",
    ),
    "an index with a stale entry": MemoryMutation(
        _attribute(index=(Reason.IndexStale, "has entries that no row has")),
        INDEXES,
        Reason.IndexStale,
        "index user.name",
    ),
    "a damaged page of an index": MemoryMutation(
        _attribute(index_corrupt=True), INDEXES, Reason.DataCorrupted, "index user.name"
    ),
    "a ledger row gone": MemoryMutation(_row(lambda rows: rows[1:]), LEDGER, Reason.AcknowledgedWriteLost),
    "a ledger row twice": MemoryMutation(_row(lambda rows: [*rows, rows[0]]), LEDGER, Reason.WriteDuplicated),
    "a ledger row altered": MemoryMutation(
        _row(lambda rows: [Row(rows[0].n, rows[0].key, rows[0].value + "!"), *rows[1:]]), LEDGER, Reason.WriteAltered
    ),
    "a ledger row that no client wrote": MemoryMutation(
        _row(lambda rows: [*rows, Row(7, "nobody", "7-x")]), LEDGER, Reason.WriteUnexpected
    ),
    "an empty ledger": MemoryMutation(_row(lambda _: []), LEDGER, (Reason.AllWritesLost, Reason.AcknowledgedWriteLost)),
    "money from nowhere": MemoryMutation(
        _account(checking_0=1), ACCOUNTS, Reason.BalanceSumDiffers, "account checking/0"
    ),
    "half a transfer": MemoryMutation(_account(savings_3=-5), ACCOUNTS, Reason.BalanceSumDiffers, "account savings/3"),
    "money moved to another account": MemoryMutation(
        _account(checking_1=-5, checking_2=5),
        ACCOUNTS,
        Reason.BalanceDiffers,
        "account checking/1",
        "account checking/2",
    ),
    "an account gone": MemoryMutation(
        lambda state: state.balances.__delitem__("checking/0"), ACCOUNTS, Reason.AccountMissing, "account checking/0"
    ),
    "an extra account": MemoryMutation(
        _account(checking_99=0), ACCOUNTS, Reason.AccountUnexpected, "account checking/99"
    ),
    "an unhealthy member": MemoryMutation(_attribute(healthy=False), "members-healthy", Reason.MemberUnhealthy),
    "new writes refused": MemoryMutation(_attribute(writable=False), "new-write", Reason.WriteNotCommitted),
    "replication stopped, though it looks well": MemoryMutation(
        _attribute(replicates=False), "new-write", Reason.WriteNotReplicated
    ),
    "its files are gone, though it still answers": MemoryMutation(
        _attribute(persistent=False), DATA, Reason.PartMissing
    ),
}
"""By name."""

ALSO = {
    "a member empty": (INDEXES,),
    "a damaged page": (),
    "an empty ledger": (ACCOUNTS,),
    "replication stopped, though it looks well": (LEDGER, ACCOUNTS),
    "its files are gone, though it still answers": (LEDGER, ACCOUNTS, INDEXES),
}


class MutableMemoryStore(MemoryStore):
    """A store in memory that can be mutated: `execute` takes the name of one of `MEMORY_MUTATIONS`, or `REVERT`."""

    def __init__(self, name: str, world: World) -> None:
        """As its base."""
        super().__init__(name, world)
        self._good: dict[str, MemberState] = {}

    def execute(self, member: str, statement: str) -> None:
        """Mutate one member, or revert it to what it was, with the writes that the others have taken since."""
        states = self._world.members[self.name]
        if statement == REVERT:
            good, others = self._good.pop(member), states[self.members[0]]
            good.ledger, good.balances = list(others.ledger), dict(others.balances)  # new writes among them
            states[member] = good
        elif statement in MEMORY_MUTATIONS:
            self._good[member] = copy.deepcopy(states[member])
            MEMORY_MUTATIONS[statement].mutate(states[member])
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
            name=name,
            check=each.check,
            why=each.why,
            also=ALSO.get(name, ()),
            mutate=(Act(member, name),),
            revert=(Act(member, REVERT),),
            writes=each.check == "new-write",
            restarts="still answers" in name,
        )
        for name, each in MEMORY_MUTATIONS.items()
    )
