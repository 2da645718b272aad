"""Is the money where the writes moved it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.data import Difference, told
from harness.checks.ledger import unread
from harness.core.bank_workload import ACCOUNTS, OPENING, TABLES
from harness.core.errors import Unreadable
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


class TransfersAtomic:
    """On every member the accounts hold what the writes that it shows have moved: no transaction came back by half."""

    name = "transfers-whole"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member."""
        return tuple(self._member(run, store, member) for store, member in run.each_member())

    def _member(self, run: Run, store: str, member: str) -> Finding:
        read = run.of("balances", store=store, member=member)
        accounts = read[-1].data.get("accounts") if read else None
        if not isinstance(accounts, Mapping) or not all(type(balance) is int for balance in accounts.values()):
            why = "its accounts were not read back"
            return unread(run, self.name, "balances", why=why, store=store, member=member)
        try:
            kept = run.kept(store, member)
        except Unreadable as error:
            return Finding(self.name, Verdict.UNKNOWN, error.reason, str(error), "", store, member, error.objects)
        if kept.classes.acknowledged == 0:
            detail = "no write was acknowledged before the fault"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NoWriteAcknowledged, detail, "", store, member)
        found = _differences(accounts, kept.accounts)
        if found:
            more = f"; and {len(found) - 5} more" if len(found) > 5 else ""  # noqa: PLR2004 # enough to begin with
            hint = "tables of different moments, or half a transaction; the balances fit no moment that the rows fit"
            # The first reason alone: BalanceDiffers means that the sum is right, and no account too few or too many.
            reason, *_ = by_precedence(each.reason for each in found)
            objects = tuple(f"account {each.part}" for each in found if each.part)
            return Finding(self.name, Verdict.FAIL, reason, told(found[:5]) + more, hint, store, member, objects)
        detail = f"{len(accounts)} accounts hold what the writes up to the recovery point moved"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail, "", store, member)


def _differences(accounts: Mapping[str, Json], states: Sequence[Mapping[str, int]]) -> list[Difference]:
    """What is wrong, held against the state that fits best; the sum first, as it is true of every state."""
    should = min(states, key=lambda state: sum(1 for name in state if accounts.get(name) != state[name]))
    total, whole = sum(b for b in accounts.values() if isinstance(b, int)), len(TABLES) * ACCOUNTS * OPENING
    sums = f"all accounts together hold {total} and should hold {whole}"
    return [
        *([Difference("", Reason.BalanceSumDiffers, sums)] if total != whole else []),
        *(Difference(name, Reason.AccountMissing, f"{name} is missing") for name in should if name not in accounts),
        *(Difference(name, Reason.AccountUnexpected, f"{name} is extra") for name in accounts if name not in should),
        *(
            Difference(name, Reason.BalanceDiffers, f"{name} holds {accounts[name]} and should hold {balance}")
            for name, balance in should.items()
            if name in accounts and accounts[name] != balance
        ),
    ]
