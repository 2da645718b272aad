"""What became of every write, and whether the balances match it."""

from collections.abc import Iterator, Mapping, Sequence

from harness.checks.check import about, check, failed, few, latest, passed, unknown
from harness.checks.data import Difference, tables_as_before, unread
from harness.checks.tool_messages import causes
from harness.core.bank_workload import ACCOUNTS, OPENING, TABLES
from harness.core.errors import Unreadable
from harness.core.json import at
from harness.core.model import Finding, Json
from harness.core.reason import Reason, by_precedence
from harness.core.text import plural
from harness.evidence.ledger import ACKNOWLEDGED
from harness.evidence.marks import MARKS
from harness.evidence.run_directory import Run
from harness.evidence.write_classification import Classes

_REASONS = {
    "lost_before": Reason.AcknowledgedWriteLost,
    "lost_again": Reason.WriteLostAgain,
    "resurrected": Reason.WriteResurrected,
    "duplicated": Reason.WriteDuplicated,
    "altered": Reason.WriteAltered,
    "unexpected": Reason.WriteUnexpected,
}
"""By the classes of `harness.evidence.write_classification` that are always wrong."""


@check("ledger-kept")
def writes_kept(run: Run) -> Iterator[Finding]:
    """Every member holds exactly the acknowledged writes up to one moment, the same on all members.

    One finding for each member, and one for each store whose members disagree.
    """
    for store, members in run.members.items():
        points = set()
        for member in members:
            try:
                classes = run.kept(store, member).classes
            except Unreadable as error:
                yield about(_unread(run, error, store, member), store, member)
                continue
            points.add(classes.recovery_point_n)
            yield about(_kept(run, classes, store, member), store, member)
        if len(points) > 1:
            detail = f"members were restored to different moments: writes {', '.join(map(str, sorted(points)))}"
            yield about(failed(Reason.MembersDiverge, detail), store)


def _unread(run: Run, error: Unreadable, store: str, member: str) -> Finding:
    said = at(latest(run, "unread", what="ledger", store=store, member=member), "message")
    if Reason.LedgerMissing in causes(said):
        return _without_writes(run, Reason.LedgerMissing, f"none of the drill's writes is there: {said}", store, member)
    return unread(run, "ledger", error, store, member)


def _kept(run: Run, classes: Classes, store: str, member: str) -> Finding:
    if classes.acknowledged == 0:
        return _no_write()
    if classes.kept == 0 and {*classes.wrong} <= {"lost_before"}:
        lost = f"all {classes.acknowledged} acknowledged writes are missing"
        reason = Reason.AcknowledgedWriteLost if classes.wrong else Reason.AllWritesLost
        return _without_writes(run, reason, lost, store, member)
    if classes.wrong:
        return _older_state(run, classes, store) or _wrong(classes)
    if missing := [mark for mark in ("T0", "T4") if mark not in run.marks]:
        detail = f"these times are not recorded: {' and '.join(MARKS[mark] for mark in missing)}"
        return unknown(Reason.NotRecorded, detail, objects=missing)
    return passed(
        f"{classes.kept} of {classes.acknowledged} acknowledged writes kept, {classes.lost_after} lost after "
        f"the recovery point (write {classes.recovery_point_n}), {classes.indeterminate} never answered"
    )


def _wrong(classes: Classes) -> Finding:
    detail = "; ".join(
        f"{getattr(classes, name)} {name.replace('_', ' ')} ({', '.join(classes.examples.get(name, ()))})"
        for name in classes.wrong
    )
    first, *others = by_precedence(_REASONS[name] for name in classes.wrong)
    return failed(first, detail, causes=others)


def _older_state(run: Run, classes: Classes, store: str) -> Finding | None:
    """The FAIL of a member that holds exactly the state of a moment before T0; None if it does not."""
    if classes.wrong != ("lost_before",):
        return None
    t0_s, point_s = run.marks["T0"], classes.recovery_point_s
    assert point_s is not None  # some write was kept
    late = [
        attempt.n
        for attempt in run.attempts(store)
        if attempt.n > classes.recovery_point_n
        and attempt.answer == ACKNOWLEDGED
        and attempt.answered_s is not None
        and attempt.answered_s < t0_s
    ]
    if len(late) != classes.lost_before:
        return None
    detail = (
        f"holds the state after write {classes.recovery_point_n}, sent {t0_s - point_s:.1f} s before the backup began "
        f"(T0): {plural(len(late), 'acknowledged write')} from in between missing"
    )
    return failed(Reason.OlderStateRestored, detail, causes=[Reason.AcknowledgedWriteLost])


def _without_writes(run: Run, reason: Reason, lost: str, store: str, member: str) -> Finding:
    """The FAIL of a member that holds none of the drill's writes, with the state that it was restored to if known."""
    equal, tables = tables_as_before(run, store, member)
    if tables and equal == tables:
        detail = f"holds a state from before the drill's first write: all {tables} tables are as before, but {lost}"
        return failed(Reason.OlderStateRestored, detail, causes=[reason])
    if tables:
        detail = f"was initialised again: {equal} of {tables} tables are as before, and {lost}"
        return failed(Reason.DatabaseReinitialised, detail, causes=[reason])
    return failed(reason, lost)


@check("transfers-whole")
def transfers_atomic(run: Run) -> Iterator[Finding]:
    """On every member the balances match the writes that it shows: no transaction was restored in part."""
    return (about(_balances(run, store, member), store, member) for store, member in run.each_member())


def _balances(run: Run, store: str, member: str) -> Finding:
    accounts = at(latest(run, "balances", store=store, member=member), "accounts")
    if not isinstance(accounts, Mapping) or not all(type(balance) is int for balance in accounts.values()):
        return unread(run, "balances", "its accounts were not read back", store, member)
    try:
        kept = run.kept(store, member)
    except Unreadable as error:
        return unknown(error.reason, str(error), objects=error.objects)
    if kept.classes.acknowledged == 0:
        return _no_write()
    if found := _differences(accounts, kept.accounts):
        # The first reason alone: BalanceDiffers means that the sum is right, and no account too few or too many.
        reason, *_ = by_precedence(each.reason for each in found)
        detail = f"torn restore: {few(each.detail for each in found)}"
        return failed(reason, detail, objects=[f"account {each.part}" for each in found if each.part])
    return passed(f"{len(accounts)} balances match the writes up to the recovery point")


def _no_write() -> Finding:
    return unknown(Reason.NoWriteAcknowledged, "no write was acknowledged before the fault")


def _differences(accounts: Mapping[str, Json], states: Sequence[Mapping[str, int]]) -> list[Difference]:
    """What is wrong, compared with the state that matches best; the sum first, as it holds for every state."""
    should = min(states, key=lambda state: sum(1 for name in state if accounts.get(name) != state[name]))
    total, expected = sum(b for b in accounts.values() if isinstance(b, int)), len(TABLES) * ACCOUNTS * OPENING
    sums = f"the total of all balances is {total} instead of {expected}"
    return [
        *([Difference("", Reason.BalanceSumDiffers, sums)] if total != expected else []),
        *(Difference(name, Reason.AccountMissing, f"{name} is missing") for name in should if name not in accounts),
        *(Difference(name, Reason.AccountUnexpected, f"{name} was added") for name in accounts if name not in should),
        *(
            Difference(name, Reason.BalanceDiffers, f"{name} holds {accounts[name]} instead of {balance}")
            for name, balance in should.items()
            if name in accounts and accounts[name] != balance
        ),
    ]
