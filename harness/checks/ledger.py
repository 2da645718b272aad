"""What became of every write, and whether the balances match it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.check import RUN_AGAIN, Check, few, latest
from harness.checks.data import Difference, unread
from harness.core.bank_workload import ACCOUNTS, OPENING, TABLES
from harness.core.errors import Unreadable
from harness.core.json import at
from harness.core.model import Finding, Json
from harness.core.reason import Reason, by_precedence
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

_START_CLIENTS = "drill again, and let the clients write for longer before the fault"


class WritesKept(Check):
    """Every member holds exactly the acknowledged writes up to one moment, the same on all members."""

    name = "ledger-kept"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each member, and one for each store whose members disagree."""
        findings: list[Finding] = []
        for store, members in run.members.items():
            points = set()
            for member in members:
                try:
                    classes = run.kept(store, member).classes
                except Unreadable as error:
                    findings.append(unread(self, run, "ledger", error, store=store, member=member))
                    continue
                points.add(classes.recovery_point_n)
                findings.append(self._judge(run, classes, store, member))
            if len(points) > 1:
                detail = f"members were restored to different moments: writes {', '.join(map(str, sorted(points)))}"
                hint = "back up all members at the same moment, or restore one member and let the others replicate"
                findings.append(self.failed(Reason.MembersDiverge, detail, hint, store))
        return tuple(findings)

    def _judge(self, run: Run, classes: Classes, store: str, member: str) -> Finding:
        if classes.acknowledged == 0:
            return no_write(self, store, member)
        if classes.wrong:
            detail = "; ".join(
                f"{getattr(classes, name)} {name.replace('_', ' ')} ({', '.join(classes.examples.get(name, ()))})"
                for name in classes.wrong
            )
            first, *others = by_precedence(_REASONS[name] for name in classes.wrong)
            hint = "look up these writes in ledger/; the restored state matches no moment of the write history"
            return self.failed(first, detail, hint, store, member, causes=others)
        if classes.kept == 0:
            detail = f"all {classes.acknowledged} acknowledged writes are missing"
            hint = "check that the backup was taken after the first write, and that it was restored"
            return self.failed(Reason.AllWritesLost, detail, hint, store, member)
        if missing := [mark for mark in ("T0", "T4") if mark not in run.marks]:
            detail = f"these times are not recorded: {' and '.join(MARKS[mark] for mark in missing)}"
            return self.unknown(Reason.NotRecorded, detail, RUN_AGAIN, store, member, objects=missing)
        detail = (
            f"{classes.kept} of {classes.acknowledged} acknowledged writes kept, {classes.lost_after} lost after "
            f"the recovery point (write {classes.recovery_point_n}), {classes.indeterminate} never answered"
        )
        return self.passed(detail, store, member)


class TransfersAtomic(Check):
    """On every member the balances match the writes that it shows: no transaction was restored in part."""

    name = "transfers-whole"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each member."""
        return tuple(self._member(run, store, member) for store, member in run.each_member())

    def _member(self, run: Run, store: str, member: str) -> Finding:
        accounts = at(latest(run, "balances", store=store, member=member), "accounts")
        if not isinstance(accounts, Mapping) or not all(type(balance) is int for balance in accounts.values()):
            why = "its accounts were not read back"
            return unread(self, run, "balances", why, store=store, member=member)
        try:
            kept = run.kept(store, member)
        except Unreadable as error:
            return self.unknown(error.reason, str(error), RUN_AGAIN, store, member, objects=error.objects)
        if kept.classes.acknowledged == 0:
            return no_write(self, store, member)
        if found := _differences(accounts, kept.accounts):
            # The first reason alone: BalanceDiffers means that the sum is right, and no account too few or too many.
            reason, *_ = by_precedence(each.reason for each in found)
            detail = f"torn restore: {few(each.detail for each in found)}"
            hint = "back up a consistent state; these balances match no consistent point of the write history"
            objects = [f"account {each.part}" for each in found if each.part]
            return self.failed(reason, detail, hint, store, member, objects=objects)
        return self.passed(f"{len(accounts)} balances match the writes up to the recovery point", store, member)


def no_write(check: Check, store: str, member: str) -> Finding:
    """The UNKNOWN of a store without an acknowledged write."""
    detail = "no write was acknowledged before the fault"
    return check.unknown(Reason.NoWriteAcknowledged, detail, _START_CLIENTS, store, member)


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
