"""The three numbers on top of every report: RTO, RPO, and how many members are equal."""

from __future__ import annotations

from dataclasses import dataclass

from harness.evidence.equality import Store
from harness.evidence.story import Story, number, numbers
from harness.evidence.visible import duration


@dataclass(frozen=True)
class Figure:
    """One of the numbers on top."""

    name: str
    meaning: str
    value: str
    note: str
    state: str  # good, bad, open


def figures(story: Story, read_back: tuple[Store, ...]) -> tuple[Figure, ...]:
    """RTO, RPO and members equal, each against what was asked for. What was not measured says so."""
    judged, asked = story.judged, numbers(story.judged.get("objectives") or story.facts.get("objectives"))
    rto_s, rpo_s, writes = (number(judged.get(name)) for name in ("rto_s", "rpo_s", "rpo_writes"))
    lost = "" if writes is None else f"{writes:,.0f} {'write' if writes == 1 else 'writes'} lost; "
    return (
        Figure("RTO", "out of service", duration(rto_s), *_against(rto_s, asked.get("rto_s"))),
        Figure("RPO", "data lost", duration(rpo_s), *_against(rpo_s, asked.get("rpo_s"), lost)),
        _equal(read_back),
    )


def _against(value: float | None, objective: float | None, more: str = "") -> tuple[str, str]:
    asked = "no objective" if objective is None else f"objective: at most {duration(objective)}"
    if value is None:
        return f"not measured; {asked}", "open"
    if objective is None:
        return f"{more}{asked}", "open"
    met = value <= objective
    return f"{more}{asked}: {'met' if met else 'missed'}", "good" if met else "bad"


def _equal(read_back: tuple[Store, ...]) -> Figure:
    members = [member for store in read_back for member in store.members]
    equal = sum(1 for member in members if member.equal)
    unread = sum(1 for member in members if not member.parts)
    if not members:
        note, state = "run.json names no member", "open"
    elif unread:
        note, state = f"{unread} not read back", "open"
    elif equal < len(members):
        note, state = f"{len(members) - equal} differ", "bad"
    else:
        note, state = "all read back", "good"
    return Figure("Members equal", "as read back", f"{equal} of {len(members)}", note, state)
