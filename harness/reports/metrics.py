"""The numbers on top of every report: RTO, RPO, skew, and how many members are equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.checks.expectations import BY
from harness.core.json import number, numbers
from harness.core.model import Verdict
from harness.core.text import duration, plural
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports import migration, proof
from harness.reports.equality import BAD, Store


@dataclass(frozen=True)
class Figure:
    """One of the numbers on top."""

    name: str
    meaning: str
    value: str
    note: str
    state: str  # good, bad, open


def figures(story: RunView, read_back: tuple[Store, ...]) -> tuple[Figure, ...]:
    """RTO, RPO, skew and members equal, each against what was asked for. What was not measured says so.

    Where a bad recovery had to be noticed they would praise it; there it is who noticed.
    """
    if proof.is_proof(story):
        return tuple(Figure(*row) for row in proof.rows(story))
    if migration.is_move(story):
        return tuple(Figure(*row) for row in migration.rows(story))
    if expects_findings(story.facts):
        return (_noticed(story),)
    judged, asked = story.judged, numbers(story.judged.get("objectives") or story.facts.get("objectives"))
    names = ("rto_s", "rpo_s", "rpo_writes", "skew_s", "skew_ticks")
    rto_s, rpo_s, writes, skew_s, ticks = (number(judged.get(name)) for name in names)
    lost = "" if writes is None else f"{plural(writes, 'write')} lost; "
    apart = "" if ticks is None else f"{plural(ticks, 'tick')}; "
    skew = Figure("Skew", "between stores", duration(skew_s), *_against(skew_s, asked.get("skew_s"), apart))
    return (
        Figure("RTO", "out of service", duration(rto_s), *_against(rto_s, asked.get("rto_s"))),
        Figure("RPO", "data lost", duration(rpo_s), *_against(rpo_s, asked.get("rpo_s"), lost)),
        *((skew,) if len(read_back) != 1 or "skew_s" in asked else ()),  # one store is not apart from itself
        _equal(read_back),
    )


def _noticed(story: RunView) -> Figure:
    told = [finding for finding in story.findings if finding.check == "noticed"]
    did = [finding for finding in told if finding.verdict is Verdict.PASS]
    checks = dict.fromkeys(name for finding in did for name in finding.objects if name.startswith(BY))
    by = ", ".join(name.removeprefix(BY) for name in checks) or ("see the findings" if did else "nobody noticed")
    return Figure("Noticed", "by those who should", f"{len(did)} of {len(told)}", by, "good" if did == told else "bad")


def _against(value: float | None, objective: float | None, more: str = "") -> tuple[str, str]:
    asked = "no objective" if objective is None else f"objective: at most {duration(objective)}"
    if value is None:
        return f"not measured; {asked}", "open"
    if objective is None:
        return f"{more}{asked}", "open"
    met = value <= objective
    return f"{more}{asked}: {'met' if met else 'missed'}", "good" if met else "bad"


def _equal(read_back: tuple[Store, ...]) -> Figure:
    states = Counter(member.state for store in read_back for member in store.members)
    others = [f"{count} {state}" for state, count in states.items() if state != "equal"]
    if not states:
        note, state = "run.json names no member", "open"
    elif others:
        note, state = ", ".join(others), "bad" if any(states[bad] for bad in BAD) else "open"
    else:
        note, state = "all read back", "good"
    return Figure("Members equal", "as read back", f"{states['equal']} of {states.total()}", note, state)
