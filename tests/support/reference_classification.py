"""A slow, plain version of `evidence.write_classification`, on lists and dicts, to compare it with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.core.model import Row
from harness.evidence.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt

Content = tuple[int, str]
"""What a key holds: the operation that last touched it, and the value."""

Answer = tuple[int, Counter[str], dict[str, list[str]], float]
"""The recovery point; how many of each class; the first three examples of each; the RPO in seconds."""


def classify(attempts: Sequence[Attempt], survivors: Sequence[Row], *, backup_s: float | None) -> Answer:
    """Put every write of `attempts` (all of before the restore) into its class."""
    shown: dict[str, list[Content]] = {}
    for row in survivors:
        shown.setdefault(row.key, []).append((row.n, row.value))
    point = _recovery_point(attempts, shown)
    found = _compare(attempts, shown, _replay(attempts, point))

    acknowledged = [a for a in attempts if a.answer == ACKNOWLEDGED]
    before = [a for a in acknowledged if a.n <= point]
    after = [a for a in acknowledged if a.n > point]
    found.counts["kept"] = max(0, len(before) - found.counts["lost_before"])
    for attempt in after:
        if backup_s is not None and attempt.answered_s is not None and attempt.answered_s < backup_s:
            found.note("lost_before", f"write {attempt.n} to {attempt.key}, acknowledged before T0")
    newest_kept_s = before[-1].answered_s if before else None
    last_s = acknowledged[-1].answered_s if acknowledged else None
    first_s = acknowledged[0].attempted_s if acknowledged else 0.0
    rpo_s = 0.0 if last_s is None else round(last_s - (first_s if newest_kept_s is None else newest_kept_s), 3)
    found.counts["attempted"] = len(attempts)
    found.counts["acknowledged"] = len(acknowledged)
    found.counts["lost_after"] = len(after)
    found.counts["indeterminate"] = sum(1 for a in attempts if a.answer == UNANSWERED)
    return point, found.counts, found.examples, rpo_s


class _Found:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def note(self, name: str, example: str) -> None:
        self.counts[name] += 1
        self.examples[name] = [*self.examples.get(name, []), example][:3]


def _recovery_point(attempts: Sequence[Attempt], shown: Mapping[str, list[Content]]) -> int:
    point = 0
    for attempt in attempts:
        wrote = attempt.verb != "delete" and attempt.answer != REFUSED
        if wrote and (attempt.n, attempt.value) in shown.get(attempt.key, ()):
            point = attempt.n
    if point == 0:
        return point
    holds = _replay(attempts, point)
    misfits = fewest = 0
    for attempt in attempts:
        if attempt.n <= point or attempt.answer != ACKNOWLEDGED:
            continue
        key, there = attempt.key, shown.get(attempt.key, [None])[0]
        content = None if attempt.verb == "delete" else (attempt.n, attempt.value)
        misfits += (content != there) - (holds.get(key) != there)
        if content is None:
            holds.pop(key, None)
        else:
            holds[key] = content
        if misfits <= fewest:
            point, fewest = attempt.n, misfits
    return point


def _outcomes(attempts: Sequence[Attempt], key: str) -> set[Content | None]:
    """What a key may hold after its unanswered writes; None for nothing."""
    unanswered = [attempt for attempt in attempts if attempt.key == key and attempt.answer == UNANSWERED]
    return {None if attempt.verb == "delete" else (attempt.n, attempt.value) for attempt in unanswered}


def _replay(attempts: Sequence[Attempt], point: int) -> dict[str, Content]:
    holds: dict[str, Content] = {}
    for attempt in attempts:
        if attempt.n > point or attempt.answer != ACKNOWLEDGED:
            continue
        if attempt.verb == "delete":
            holds.pop(attempt.key, None)
        else:
            holds[attempt.key] = (attempt.n, attempt.value)
    return holds


def _compare(
    attempts: Sequence[Attempt],
    shown: Mapping[str, list[Content]],
    expected: Mapping[str, Content],
) -> _Found:
    found = _Found()
    written: dict[str, set[Content]] = {}
    for attempt in attempts:
        if attempt.verb != "delete" and attempt.answer != REFUSED:
            written.setdefault(attempt.key, set()).add((attempt.n, attempt.value))
    for key in dict.fromkeys(attempt.key for attempt in attempts):
        if key in expected and key not in shown and None not in _outcomes(attempts, key):
            found.note("lost_before", f"write {expected[key][0]} to {key}")
    for key, contents in shown.items():
        if len(contents) > 1:
            found.note("duplicated", f"{key}, {len(contents)} times")
        either = contents[0] in _outcomes(attempts, key)
        name = _class_of(contents[0], expected.get(key), written.get(key, set()), is_open=either)
        if name:
            found.note(name, f"{key} holds write {contents[0][0]}: {contents[0][1][:40]}")
    return found


def _class_of(content: Content, expected: Content | None, written: set[Content], *, is_open: bool) -> str:
    if content == expected:
        return ""
    if content not in written:
        return "altered" if written else "unexpected"
    if is_open:
        return ""
    return "resurrected" if expected is None else "lost_before"
