"""The cheap tier: stores in memory, and what can be done to them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from hashlib import sha256

from harness.core.errors import ToolFailed
from harness.core.model import Row
from harness.selftest.in_memory import MemberState, MemoryStore, World
from harness.selftest.mutation import Act, Sabotage

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


DATA, LEDGER, ACCOUNTS, INDEXES = "data-equal", "ledger-kept", "transfers-whole", "indexes-hold"
SPOILS: Mapping[str, tuple[Spoil, str, str]] = {
    "one row gone": (_user(lambda rows: rows.__delitem__(5)), DATA, r"user differs \(20 rows before, 19 after\)"),
    "one row twice": (_user(lambda rows: rows.append(rows[0])), DATA, r"user differs \(20 rows before, 21 after\)"),
    "two rows twice": (_user(_pair_twice), DATA, r"user differs \(20 rows before, 24 after\)"),
    "a row for another": (_user(lambda rows: rows.__setitem__(2, rows[1])), DATA, r"user differs \(20 .* 20 after\)"),
    "two values swapped": (_user(_swap), DATA, "user differs"),
    "one byte changed": (_one_value(lambda value: value[:-1] + "X"), DATA, "user differs"),
    "a blank at the end": (_one_value(lambda value: value + " "), DATA, "user differs"),
    "upper case": (_one_value(str.upper), DATA, "user differs"),
    "empty for something": (_one_value(lambda _: ""), DATA, "user differs"),
    "NULL for something": (_one_value(lambda _: None), DATA, "user differs"),
    "the text NULL for something": (_one_value(lambda _: "NULL"), DATA, "user differs"),
    "an extra row": (_user(lambda rows: rows.append((99, "stranger"))), DATA, "user differs"),
    "a table emptied": (_user(lambda rows: rows.clear()), DATA, r"user differs \(20 rows before, 0 after\)"),
    "a table dropped": (lambda state: state.tables.__delitem__("realm"), DATA, "realm is missing"),
    "an extra table": (lambda state: state.tables.update(stranger=[]), DATA, "table stranger is extra"),
    "an index gone": (_undefined("indexes user"), DATA, "indexes user is missing"),
    "a constraint gone": (_undefined("constraints user"), DATA, "constraints user is missing"),
    "a sequence set back": (_defined("sequence user"), DATA, "sequence user differs"),
    "a trigger disabled": (_defined("trigger user"), DATA, "trigger user differs"),
    "a view changed": (_defined("view users"), DATA, "view users differs"),
    "a grant gone": (_undefined("grants app"), DATA, "grants app is missing"),
    "an extra grant": (_defined("grants stranger"), DATA, "grants stranger is extra"),
    "a password changed": (_defined("user app"), DATA, "user app differs"),
    "a member empty": (_attribute(tables={}), DATA, "table user is missing|table realm is missing"),
    "a setting changed": (_attribute(settings="fsync off"), DATA, "own settings differs"),
    "a damaged page": (_attribute(corrupt=True), DATA, "its data are damaged"),
    "an index that lacks an entry": (_attribute(index="has 19 entries for 20 rows"), INDEXES, "user.name has 19"),
    "an index with a stale entry": (_attribute(index="has entries that no row has"), INDEXES, "user.name has entries"),
    "a damaged page of an index": (_attribute(index_corrupt=True), INDEXES, "damaged: index user.name"),
    "a ledger row gone": (_row(lambda rows: rows[1:]), LEDGER, "1 lost before"),
    "a ledger row twice": (_row(lambda rows: [*rows, rows[0]]), LEDGER, "1 duplicated"),
    "a ledger row altered": (
        _row(lambda rows: [Row(rows[0].n, rows[0].key, rows[0].value + "!"), *rows[1:]]),
        LEDGER,
        "1 altered",
    ),
    "a ledger row from nowhere": (_row(lambda rows: [*rows, Row(7, "nobody", "7-x")]), LEDGER, "1 unexpected"),
    "an empty ledger": (_row(lambda _: []), LEDGER, "none of|lost before"),
    "money from nowhere": (_account(checking_0=1), ACCOUNTS, "checking/0"),
    "money moved by half": (_account(savings_3=-5), ACCOUNTS, "savings/3"),
    "money moved to another account": (_account(checking_1=-5, checking_2=5), ACCOUNTS, "checking/1"),
    "an account gone": (lambda state: state.balances.__delitem__("checking/0"), ACCOUNTS, "checking/0"),
    "an extra account": (_account(checking_99=0), ACCOUNTS, "checking/99"),
    "unwell": (_attribute(healthy=False), "members-healthy", "unwell"),
    "new writes are refused": (_attribute(writable=False), "new-write", "was not committed"),
    "replication stopped, though it looks well": (
        _attribute(shows_new_writes=False),
        "new-write",
        "never showed on",
    ),
    "its files are gone, though it still answers": (
        _attribute(kept_on_disk=False),
        DATA,
        "is missing",
    ),
}
"""By name: what is done to one member, the check that must turn red, and what it must say."""

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
            SPOILS[statement][0](states[member])
        else:
            raise ToolFailed((self.name, member), 1, f"cannot {statement}")

    def slowly(self, member: str) -> dict[str, str]:
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
            check=check,
            says=says,
            also=ALSO.get(name, ()),
            spoil=(Act(member, name),),
            heal=(Act(member, HEAL),),
            writes=check == "new-write",
            restarts="still answers" in name,
        )
        for name, (_, check, says) in SPOILS.items()
    )
