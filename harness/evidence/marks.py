"""What the marks mean, and how RTO and RPO are computed from them. The one place of the definitions.

All figures are differences on the drill's monotonic clock. Every text here is printed in every report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.core.model import Event

MARKS: Mapping[str, str] = {
    "T0": "the backup's consistency point was requested",
    "T1": "the backup is stored: its objects were seen in the bucket",
    "T2": "the last write was acknowledged before the fault",
    "T3": "the damage was seen",
    "T4": "the restore was requested",
    "T5": "the tool said that it was done",
    "T6": "all members ready, by the orchestrator's word",
    "T7": "the first correct read from every member",
    "T8": "the first new write committed",
    "T9": "the read-back of all data on every member ended",
}

LEGS: Mapping[str, tuple[str, str]] = {
    "backup_s": ("T0", "T1"),
    "detect_s": ("T2", "T3"),
    "decide_s": ("T3", "T4"),
    "tool_s": ("T4", "T5"),
    "ready_s": ("T4", "T6"),
    "read_s": ("T4", "T7"),
    "restore_s": ("T4", "T8"),
    "completed_to_works_s": ("T5", "T8"),
    "all_read_s": ("T3", "T9"),
}
"""The legs of a recovery: from which mark to which."""

DEFINITIONS: Mapping[str, str] = {
    "PASS": "it was proved",
    "FAIL": "the recovery was bad",
    "UNKNOWN": "it could not be judged: the harness broke, the fault left no damage, or a read-back did not happen",
    "RTO": "T8 - T3: from the damage seen to a service that reads correctly and takes writes",
    "RPO": "T2 - the acknowledgement of the newest surviving write with no hole before it; also as a number of writes",
    "skew": "how far the stores are apart: the newest less the oldest of the moments at which the writes at their "
    "recovery points were sent; also in ticks, of which every store was given the same at the same time",
    "equality": "for every part of the data, the digest after equals the digest at the recovery point, on every "
    "member, and nothing extra exists",
    "kept": "acknowledged, and there after the restore",
    "lost after": "acknowledged after the recovery point, and gone: this is the RPO",
    "lost before": "acknowledged before the recovery point, and gone: always FAIL",
    "resurrected": "deleted before the recovery point, and back: always FAIL",
    "duplicated": "there more than once: always FAIL",
    "altered": "there, with a value that was never its own at the recovery point: always FAIL",
    "unexpected": "there, though nobody wrote it: always FAIL",
    "lost again": "acknowledged after the restore, and gone when all was read: always FAIL",
    "indeterminate": "the client never got an answer; may be there or not",
}


def marks(events: Iterable[Event]) -> dict[str, float]:
    """When each mark was reached, in seconds; the first time counts, as a second one proves nothing."""
    seen: dict[str, float] = {}
    for event in events:
        name = event.data.get("mark")
        if event.kind == "mark" and isinstance(name, str) and name in MARKS:
            at_s = event.data.get("at_s")  # T2 is known only afterwards, so its event says when it was
            seen.setdefault(name, float(at_s) if isinstance(at_s, int | float) else event.at_s)
    return seen


def between(seen: Mapping[str, float], start: str, end: str) -> float | None:
    """Seconds from one mark to another; None if either was not reached."""
    if start not in seen or end not in seen:
        return None
    return round(seen[end] - seen[start], 3)


def legs(seen: Mapping[str, float]) -> dict[str, float | None]:
    """Every leg of the recovery in seconds; None where it was not finished."""
    return {name: between(seen, *ends) for name, ends in LEGS.items()}


def rto_s(seen: Mapping[str, float]) -> float | None:
    """T8 - T3 in seconds; None if the service never came back, or the damage was never seen."""
    return between(seen, "T3", "T8")
