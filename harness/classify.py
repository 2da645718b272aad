"""The ledger's classes: what became of every write, judged against what one member shows afterwards.

One writer wrote one operation at a time, so a store restored to a moment holds exactly what the
operations up to some number m left behind. m is the *recovery point*: the newest operation that
left a trace. What differs from that state is a loss or a forgery, however whole it looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt
from harness.model import Row

Content = tuple[int, str]
"""What a key holds: the operation that last touched it, and the value."""


@dataclass(frozen=True)
class Classes:
    """How many writes (keys, for the classes that are about rows) fell into each class."""

    attempted: int = 0
    acknowledged: int = 0
    recovery_point_n: int = 0
    kept: int = 0
    lost_after: int = 0
    lost_before: int = 0
    resurrected: int = 0
    duplicated: int = 0
    altered: int = 0
    unexpected: int = 0
    indeterminate: int = 0
    rpo_s: float = 0.0
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the classes that always mean FAIL and are not empty."""
        always_bad = ("lost_before", "resurrected", "duplicated", "altered", "unexpected")
        return tuple(name for name in always_bad if getattr(self, name))

    @property
    def rpo_writes(self) -> int:
        """Acknowledged writes lost after the recovery point."""
        return self.lost_after


def classify(attempts: Sequence[Attempt], survivors: Iterable[Row], *, backup_s: float | None) -> Classes:
    """Put every write of `attempts` (in order, up to the fault) into its class.

    `survivors` is what one member shows. `backup_s` is T0, when the backup's consistency point was
    requested: whatever was acknowledged before it and is gone was lost before the recovery point,
    wherever the survivors end (an older backup was restored). None if no backup was asked for.
    """
    shown: dict[str, list[Content]] = {}
    for row in survivors:
        shown.setdefault(row.key, []).append((row.n, row.value))
    point = _recovery_point(attempts, shown)
    expected, open_keys = _replay(attempts, point)
    found = _compare(attempts, shown, expected, open_keys)

    acknowledged = [a for a in attempts if a.answer == ACKNOWLEDGED]
    after = [a for a in acknowledged if a.operation.n > point]
    lost_rows = found.counts["lost_before"]
    for attempt in after:
        if backup_s is not None and attempt.answered_s is not None and attempt.answered_s < backup_s:
            found.note("lost_before", f"write {attempt.operation.n} to {attempt.operation.key}, acknowledged before T0")
    before = [a for a in acknowledged if a.operation.n <= point]
    newest_kept_s = before[-1].answered_s if before else None
    last_s = acknowledged[-1].answered_s if acknowledged else None
    first_s = acknowledged[0].attempted_s if acknowledged else 0.0
    return Classes(
        attempted=len(attempts),
        acknowledged=len(acknowledged),
        recovery_point_n=point,
        kept=max(0, len(before) - lost_rows),
        lost_after=len(after),
        lost_before=found.counts["lost_before"],
        resurrected=found.counts["resurrected"],
        duplicated=found.counts["duplicated"],
        altered=found.counts["altered"],
        unexpected=found.counts["unexpected"],
        indeterminate=sum(1 for a in attempts if a.answer == UNANSWERED),
        # Nothing survived: everything since the first write is lost.
        rpo_s=0.0 if last_s is None else round(last_s - (newest_kept_s if newest_kept_s is not None else first_s), 3),
        examples=found.examples,
    )


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


def _recovery_point(attempts: Sequence[Attempt], shown: Mapping[str, list[Content]]) -> int:
    """The newest operation that left a trace: its value is there, or its effect is.

    Deletes, and what was deleted again, leave no value behind. So from the newest value on, operations
    are replayed as long as what is shown fits no worse than it did; the last that fits best is the point.
    """
    point = 0
    for attempt in attempts:
        operation = attempt.operation
        wrote = operation.verb != "delete" and attempt.answer != REFUSED
        if wrote and (operation.n, operation.value) in shown.get(operation.key, ()):
            point = operation.n
    if point == 0:
        return point
    holds, _ = _replay(attempts, point)
    misfits = fewest = 0
    for attempt in attempts:
        operation = attempt.operation
        if operation.n <= point or attempt.answer != ACKNOWLEDGED:
            continue
        key, there = operation.key, shown.get(operation.key, [None])[0]
        content = None if operation.verb == "delete" else (operation.n, operation.value)
        misfits += (content != there) - (holds.get(key) != there)
        if content is None:
            holds.pop(key, None)
        else:
            holds[key] = content
        if misfits <= fewest:
            point, fewest = operation.n, misfits
    return point


def _replay(attempts: Sequence[Attempt], point: int) -> tuple[dict[str, Content], set[str]]:
    """What every key holds after the operations up to `point`, and the keys of which that is not known."""
    holds: dict[str, Content] = {}
    open_keys: set[str] = set()
    for attempt in attempts:
        operation = attempt.operation
        if attempt.answer == UNANSWERED:
            # Also past the point: it may have been committed last of all, in either order to our loss of contact.
            open_keys.add(operation.key)
        elif operation.n > point or attempt.answer == REFUSED:
            continue
        elif operation.verb == "delete":
            holds.pop(operation.key, None)
        else:
            holds[operation.key] = (operation.n, operation.value)
    return holds, open_keys


def _compare(
    attempts: Sequence[Attempt],
    shown: Mapping[str, list[Content]],
    expected: Mapping[str, Content],
    open_keys: set[str],
) -> _Found:
    """Hold every key against what it should hold."""
    found = _Found()
    written: dict[str, set[Content]] = {}
    for attempt in attempts:
        operation = attempt.operation
        if operation.verb != "delete" and attempt.answer != REFUSED:
            written.setdefault(operation.key, set()).add((operation.n, operation.value))
    for key, content in expected.items():
        if key not in open_keys and key not in shown:
            found.note("lost_before", f"write {content[0]} to {key}")
    for key, contents in shown.items():
        if len(contents) > 1:
            found.note("duplicated", f"{key}, {len(contents)} times")
        name = _class_of(contents[0], expected.get(key), written.get(key, set()), is_open=key in open_keys)
        if name:
            found.note(name, f"{key} holds write {contents[0][0]}: {contents[0][1][:40]}")
    return found


def _class_of(content: Content, expected: Content | None, written: set[Content], *, is_open: bool) -> str:
    """What is wrong with a key that holds `content`; "" if nothing is."""
    if content == expected:
        return ""
    if content not in written:
        # A key of ours with a value that we never gave it, or a key that nobody wrote.
        return "altered" if written else "unexpected"
    if is_open:
        return ""
    # An earlier write of ours: where a later one should stand, that one is lost; where none should, a delete is.
    return "resurrected" if expected is None else "lost_before"
