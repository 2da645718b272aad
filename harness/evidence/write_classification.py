"""The ledger's classes: what became of every write, judged against what one member shows afterwards.

One writer wrote one operation at a time, so a store restored to a moment holds exactly what the
operations up to some number m left behind. m is the *recovery point*: the newest operation that
left a trace. What differs from that state is a loss or a forgery, however whole it looks.

`tests/support/reference_classification.py` is a slow, plain version; the tests compare the two.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Row
from harness.evidence.write_history import FOREIGN, NOTHING, History, Shown

ALWAYS_BAD = ("lost_before", "resurrected", "duplicated", "altered", "unexpected", "lost_again")
"""The classes that always mean FAIL if they are not empty."""


@dataclass(frozen=True)
class Classes:
    """How many writes (keys, for the classes that are about rows) fell into each class."""

    attempted: int = 0
    acknowledged: int = 0
    recovery_point_n: int = 0
    recovery_point_s: float | None = None  # when that write was sent
    recovery_point_tick: int | None = None
    kept: int = 0
    lost_after: int = 0
    lost_before: int = 0
    resurrected: int = 0
    duplicated: int = 0
    altered: int = 0
    unexpected: int = 0
    lost_again: int = 0
    indeterminate: int = 0
    rpo_s: float = 0.0
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the classes that always mean FAIL and are not empty."""
        return tuple(name for name in ALWAYS_BAD if getattr(self, name))

    @property
    def rpo_writes(self) -> int:
        """Acknowledged writes lost after the recovery point."""
        return self.lost_after


def classify(shown: Shown, *, backup_s: float | None) -> Classes:
    """Put every write of before the restore into its class, and find those of after it that are gone again.

    `backup_s` is T0, when the backup's consistency point was requested: whatever was acknowledged before it and is
    gone was lost before the recovery point, wherever the survivors end (an older backup was restored). None if no
    backup was asked for.
    """
    history, keys = shown.history, list(shown.history.places)
    point = _recovery_point(shown)
    found = _compare(shown, keys, history.replay(point))
    kept = sum(history.acknowledged[:point]) - found.counts["lost_before"]
    for n in history.committed(point, history.before):
        if backup_s is not None and history.answered_s[n - 1] < backup_s:
            found.note("lost_before", f"write {n} to {keys[history.place[n - 1]]}, acknowledged before T0")
    for n in history.committed(history.before, len(history.place)):
        if n not in shown.later:
            found.note("lost_again", f"write {n} to {keys[history.place[n - 1]]}")
    return Classes(
        attempted=history.before,
        acknowledged=sum(history.acknowledged[: history.before]),
        recovery_point_n=point,
        recovery_point_s=history.attempted_s[point - 1] if point else None,
        recovery_point_tick=history.tick[point - 1] if point else None,
        kept=kept,
        lost_after=sum(history.acknowledged[point : history.before]),
        **{name: found.counts[name] for name in ALWAYS_BAD},
        indeterminate=len(_unanswered(history)),
        rpo_s=_rpo_s(history, point),
        examples=found.examples,
    )


def states(shown: Shown) -> tuple[Mapping[str, int], ...]:
    """What the accounts may hold beside these rows; more than one state where the rows fit several moments.

    (A put that was deleted again leaves no row behind to tell the moment before it from the one after.)
    """
    history = shown.history
    fewest = min(misfits for _, _, misfits, _ in _moments(shown))
    fitting = [
        (n, [u for u in history.unanswered if _was_committed(shown, holds, u)])
        for n, _, misfits, holds in _moments(shown)
        if misfits == fewest
    ]
    accounts = balances_after(opening_balances(), history.committed(history.before, len(history.place)))
    result, last = [], 0
    for n, unanswered in fitting:
        accounts, last = balances_after(accounts, history.committed(last, n)), n
        result.append(balances_after(accounts, unanswered))
    return tuple(result)


class _Found:
    """Counts by class, with the first few of each to show."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def note(self, name: str, example: str) -> None:
        self.counts[name] += 1
        listed = self.examples.setdefault(name, [])
        if len(listed) < 3:  # noqa: PLR2004 # enough to begin a search with
            listed.append(example)


def _recovery_point(shown: Shown) -> int:
    """The newest operation that left a trace: its value is there, or its effect is.

    Deletes, and what was deleted again, leave no value behind. So from the newest value on, operations
    are replayed as long as what is shown fits no worse than it did; the last that fits best is the point.
    """
    if shown.newest == 0:
        return 0
    return -min((misfits, -n) for n, misfits, _, _ in _moments(shown))[1]


def _moments(shown: Shown) -> Iterator[tuple[int, int, int, Sequence[int]]]:
    """The moments to which the member may have been restored, from the newest value shown on, in order.

    Of each: the write that it comes after; how many keys more than at first do not fit what is shown; the same
    without the keys of unanswered writes, of which nothing can be asked; and what each key holds then.
    """
    history = shown.history
    unclear = {history.place[n - 1] for n in _unanswered(history)}
    holds = history.replay(shown.newest)
    misfits = clear = 0
    yield shown.newest, misfits, clear, holds
    for n in history.committed(shown.newest, history.before):
        place, leaves = history.place[n - 1], history.leaves[n - 1]
        more = (leaves != shown.holds[place]) - (holds[place] != shown.holds[place])
        misfits += more
        if place not in unclear:
            clear += more
        holds[place] = leaves
        yield n, misfits, clear, holds


def _unanswered(history: History) -> list[int]:
    """Those of before the restore. Also those past the point: who knows when the last of them was committed."""
    return [n for n in history.unanswered if n <= history.before]


def _was_committed(shown: Shown, holds: Sequence[int], n: int) -> bool:
    """Whether an unanswered write is in the rows shown. Its key was left alone ever after, so this can be told."""
    history = shown.history
    if n > history.before:
        return n in shown.later
    place, leaves = history.place[n - 1], history.leaves[n - 1]
    return shown.holds[place] == leaves and (leaves != NOTHING or holds[place] != NOTHING)


def _compare(shown: Shown, keys: Sequence[str], expected: Sequence[int]) -> _Found:
    """Hold every key against what it should hold."""
    history, found = shown.history, _Found()
    # A key with an unanswered write holds that write's outcome or the acknowledged one, and nothing else.
    either = {(history.place[n - 1], history.leaves[n - 1]) for n in _unanswered(history)}
    for place, (n, there) in enumerate(zip(expected, shown.holds, strict=False)):
        if n != NOTHING and there == NOTHING and (place, NOTHING) not in either:
            found.note("lost_before", f"write {n} to {keys[place]}")
    for place in shown.order:
        n, twice = shown.holds[place], place in shown.times
        should = expected[place] if place < len(expected) else NOTHING
        if n == should and not twice:
            continue
        row = shown.foreign.get(place) or Row(n, keys[place], history.value(n))
        if twice:
            found.note("duplicated", f"{row.key}, {shown.times[place]} times")
        if n == FOREIGN:
            # A key of ours with a value that we never gave it, or a key that nobody wrote.
            name = "altered" if place < len(expected) and history.written[place] else "unexpected"
        elif n == should or (place, n) in either:
            continue
        else:
            # An earlier write of ours: where a later one should stand, that is lost; where none should, a delete is.
            name = "resurrected" if should == NOTHING else "lost_before"
        found.note(name, f"{row.key} holds write {row.n}: {row.value[:40]}")
    return found


def _rpo_s(history: History, point: int) -> float:
    """From the acknowledgement of the newest write kept to the last one; from the first write, if none was kept."""
    last = history.acknowledged.rfind(1, 0, history.before)
    if last < 0:
        return 0.0
    kept = history.acknowledged.rfind(1, 0, point)
    since_s = history.answered_s[kept] if kept >= 0 else history.attempted_s[history.acknowledged.find(1)]
    return round(history.answered_s[last] - since_s, 3)
