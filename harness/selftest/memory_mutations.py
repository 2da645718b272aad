"""The cheap tier: stores in memory, and what can be done to them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from hashlib import sha256

from harness.core.errors import ToolFailed
from harness.core.model import Row
from harness.core.reason import Reason
from harness.selftest.in_memory import MemberState, MemoryStore, World
from harness.selftest.mutation import Act, Sabotage, Why

Spoil = Callable[[MemberState], None]
HEAL = "heal"


def _user(change: Callable[[list[tuple[object, ...]]], None]) -> Spoil:
    return lambda state: change(state.tables["user"])


def _one_value(change: Callable[[str], object]) -> Spoil:
    def spoil(rows: list[tuple[object, ...]]) -> None:
        rows[3] = (rows[3][0], change(str(rows[3][1])))

    return _user(spoil)


def _swap(rows: list[tuple[object, ...]]) -> None:
    rows[0], rows[1] = (rows[0][0], rows[1][1]), (rows[1][0], rows[0][1])


def _pair_twice(rows: list[tuple[object, ...]]) -> None:
    """Two rows, twice each: with XOR for a sum, nothing would have changed."""
    rows += [rows[0], rows[0], rows[1], rows[1]]


def _attribute(**values: object) -> Spoil:
    def spoil(state: MemberState) -> None:
        for name, value in values.items():
            setattr(state, name, value)

    return spoil


def _row(change: Callable[[list[Row]], list[Row]]) -> Spoil:
    def spoil(state: MemberState) -> None:
        state.ledger = change(state.ledger)

    return spoil


def _account(**changes: int) -> Spoil:
    def spoil(state: MemberState) -> None:
        for name, change in changes.items():
            account = name.replace("_", "/")
            state.balances[account] = state.balances.get(account, 0) + change

    return spoil


def _defined(name: str, text: str = "changed") -> Spoil:
    return lambda state: state.definitions.__setitem__(name, text)


def _undefined(name: str) -> Spoil:
    return lambda state: state.definitions.__delitem__(name)


class Spoilt:
    """What is done to one member, the check that must turn red, why, and what it must name."""

    def __init__(self, spoil: Spoil, check: str, reason: Reason | tuple[Reason, ...], *objects: str) -> None:
        """As in `Expected`."""
        self.spoil, self.check, self.why = spoil, check, Why(reason, *objects)


DATA, LEDGER, ACCOUNTS, INDEXES = "data-equal", "ledger-kept", "transfers-whole", "indexes-hold"
SPOILS: Mapping[str, Spoilt] = {
    "one row gone": Spoilt(_user(lambda rows: rows.__delitem__(5)), DATA, Reason.RowsMissing, "table user"),
    "one row twice": Spoilt(_user(lambda rows: rows.append(rows[0])), DATA, Reason.RowsUnexpected, "table user"),
    "two rows twice": Spoilt(_user(_pair_twice), DATA, Reason.RowsUnexpected, "table user"),
    "a row for another": Spoilt(
        _user(lambda rows: rows.__setitem__(2, rows[1])), DATA, Reason.RowsDiffer, "table user"
    ),
    "two values swapped": Spoilt(_user(_swap), DATA, Reason.RowsDiffer, "table user"),
    "one byte changed": Spoilt(_one_value(lambda value: value[:-1] + "X"), DATA, Reason.RowsDiffer, "table user"),
    "a blank at the end": Spoilt(_one_value(lambda value: value + " "), DATA, Reason.RowsDiffer, "table user"),
    "upper case": Spoilt(_one_value(str.upper), DATA, Reason.RowsDiffer, "table user"),
    "empty for something": Spoilt(_one_value(lambda _: ""), DATA, Reason.RowsDiffer, "table user"),
    "NULL for something": Spoilt(_one_value(lambda _: None), DATA, Reason.RowsDiffer, "table user"),
    "the text NULL for something": Spoilt(_one_value(lambda _: "NULL"), DATA, Reason.RowsDiffer, "table user"),
    "an extra row": Spoilt(
        _user(lambda rows: rows.append((99, "stranger"))), DATA, Reason.RowsUnexpected, "table user"
    ),
    "a table emptied": Spoilt(_user(lambda rows: rows.clear()), DATA, Reason.PartEmptied, "table user"),
    "a table dropped": Spoilt(lambda state: state.tables.__delitem__("realm"), DATA, Reason.PartMissing, "table realm"),
    "an extra table": Spoilt(
        lambda state: state.tables.update(stranger=[]), DATA, Reason.PartUnexpected, "table stranger"
    ),
    "an index gone": Spoilt(_undefined("indexes user"), DATA, Reason.PartMissing, "indexes user"),
    "a constraint gone": Spoilt(_undefined("constraints user"), DATA, Reason.PartMissing, "constraints user"),
    "a sequence set back": Spoilt(_defined("sequence user"), DATA, Reason.DefinitionDiffers, "sequence user"),
    "a trigger disabled": Spoilt(_defined("trigger user"), DATA, Reason.DefinitionDiffers, "trigger user"),
    "a view changed": Spoilt(_defined("view users"), DATA, Reason.DefinitionDiffers, "view users"),
    "a grant gone": Spoilt(_undefined("grants app"), DATA, Reason.PartMissing, "grants app"),
    "an extra grant": Spoilt(_defined("grants stranger"), DATA, Reason.PartUnexpected, "grants stranger"),
    "a password changed": Spoilt(_defined("user app"), DATA, Reason.DefinitionDiffers, "user app"),
    "a member empty": Spoilt(_attribute(tables={}), DATA, Reason.PartMissing, "table user", "table realm"),
    "a setting changed": Spoilt(_attribute(settings="fsync off"), DATA, Reason.DefinitionDiffers, "own settings"),
    "a damaged page": Spoilt(_attribute(corrupt=True), DATA, Reason.DataCorrupted),
    "an index that lacks an entry": Spoilt(
        _attribute(index=(Reason.IndexIncomplete, "has 19 entries for 20 rows")),
        INDEXES,
        Reason.IndexIncomplete,
        "index user.name",
    ),
    "an index with a stale entry": Spoilt(
        _attribute(index=(Reason.IndexStale, "has entries that no row has")),
        INDEXES,
        Reason.IndexStale,
        "index user.name",
    ),
    "a damaged page of an index": Spoilt(
        _attribute(index_corrupt=True), INDEXES, Reason.DataCorrupted, "index user.name"
    ),
    "a ledger row gone": Spoilt(_row(lambda rows: rows[1:]), LEDGER, Reason.AcknowledgedWriteLost),
    "a ledger row twice": Spoilt(_row(lambda rows: [*rows, rows[0]]), LEDGER, Reason.WriteDuplicated),
    "a ledger row altered": Spoilt(
        _row(lambda rows: [Row(rows[0].n, rows[0].key, rows[0].value + "!"), *rows[1:]]), LEDGER, Reason.WriteAltered
    ),
    "a ledger row from nowhere": Spoilt(
        _row(lambda rows: [*rows, Row(7, "nobody", "7-x")]), LEDGER, Reason.WriteUnexpected
    ),
    "an empty ledger": Spoilt(_row(lambda _: []), LEDGER, (Reason.AllWritesLost, Reason.AcknowledgedWriteLost)),
    "money from nowhere": Spoilt(_account(checking_0=1), ACCOUNTS, Reason.BalanceSumDiffers, "account checking/0"),
    "money moved by half": Spoilt(_account(savings_3=-5), ACCOUNTS, Reason.BalanceSumDiffers, "account savings/3"),
    "money moved to another account": Spoilt(
        _account(checking_1=-5, checking_2=5),
        ACCOUNTS,
        Reason.BalanceDiffers,
        "account checking/1",
        "account checking/2",
    ),
    "an account gone": Spoilt(
        lambda state: state.balances.__delitem__("checking/0"), ACCOUNTS, Reason.AccountMissing, "account checking/0"
    ),
    "an extra account": Spoilt(_account(checking_99=0), ACCOUNTS, Reason.AccountUnexpected, "account checking/99"),
    "unwell": Spoilt(_attribute(healthy=False), "members-healthy", Reason.MemberUnhealthy),
    "new writes are refused": Spoilt(_attribute(writable=False), "new-write", Reason.WriteNotCommitted),
    "replication stopped, though it looks well": Spoilt(
        _attribute(shows_new_writes=False), "new-write", Reason.WriteNotReplicated
    ),
    "its files are gone, though it still answers": Spoilt(_attribute(kept_on_disk=False), DATA, Reason.PartMissing),
}
"""By name."""

ALSO = {
    "a member empty": (INDEXES,),
    "a damaged page": (),
    "an empty ledger": (ACCOUNTS,),
    "replication stopped, though it looks well": (LEDGER, ACCOUNTS),
    "its files are gone, though it still answers": (LEDGER, ACCOUNTS, INDEXES),
}


class SpoilableStore(MemoryStore):
    """A store in memory that can be spoilt: `execute` takes the name of one of `SPOILS`, or `HEAL`."""

    def __init__(self, name: str, world: World) -> None:
        """As its base."""
        super().__init__(name, world)
        self._good: dict[str, MemberState] = {}

    def execute(self, member: str, statement: str) -> None:
        """Spoil one member, or make it what it was, with the writes that the others have taken since."""
        states = self._world.members[self.name]
        if statement == HEAL:
            good, others = self._good.pop(member), states[self.members[0]]
            good.ledger, good.balances = list(others.ledger), dict(others.balances)  # new writes among them
            states[member] = good
        elif statement in SPOILS:
            self._good[member] = copy.deepcopy(states[member])
            SPOILS[statement].spoil(states[member])
        else:
            raise ToolFailed((self.name, member), 1, f"cannot {statement}")

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of each table, sorted and hashed as one text."""
        tables = self._state(member).tables
        return {
            f"table {name}": sha256(repr(sorted(map(repr, rows))).encode()).hexdigest() for name, rows in tables.items()
        }


def catalogue(store: str) -> tuple[Sabotage, ...]:
    """Every way to spoil the last member of a store in memory."""
    member = f"{store}-2"
    return tuple(
        Sabotage(
            name=name,
            check=each.check,
            why=each.why,
            also=ALSO.get(name, ()),
            spoil=(Act(member, name),),
            heal=(Act(member, HEAL),),
            writes=each.check == "new-write",
            restarts="still answers" in name,
        )
        for name, each in SPOILS.items()
    )
