"""The figures at the top of every report, each compared with its objective."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.checks import proof_metrics
from harness.checks.expectations import BY
from harness.core.json import items, mapping, number, numbers, text
from harness.core.model import Finding, Verdict
from harness.core.text import duration, plural
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_directory import MOVE, PROOF
from harness.evidence.run_view import RunView
from harness.reports.equality import BAD, Store


@dataclass(frozen=True)
class Figure:
    name: str
    meaning: str
    value: str
    note: str
    state: str  # good, bad, open


def figures(view: RunView, read_back: tuple[Store, ...]) -> tuple[Figure, ...]:
    """The figures of this kind of run. One that was not measured says so.

    A detection scenario has only the number of expected findings: figures of a bad recovery would praise it.
    """
    if view.facts.get("kind") == PROOF:
        return tuple(_of_proof(view))
    if view.facts.get("kind") == MOVE:
        return tuple(_of_migration(view))
    return (_detected(view),) if expects_findings(view.facts) else tuple(_of_drill(view, read_back))


def _of_drill(view: RunView, read_back: tuple[Store, ...]) -> Iterator[Figure]:
    writes, ticks = number(view.judged, "rpo_writes"), number(view.judged, "skew_ticks")
    lost = "" if writes is None else f"{plural(writes, 'write')} lost"
    yield _timed(view, "RTO", "from the damage seen to the first new write", "rto_s")
    outage_s = _between(view, "T2", "T8")
    seen = "not measured" if outage_s is None else "no write acknowledged"
    yield Figure("Outage", "as clients saw it", duration(outage_s), seen, "open")
    yield _timed(view, "RPO", "data lost in this drill", "rpo_s", lost)
    if (backup_s := _between(view, "T0", "T1")) is not None:
        note = "the most that a schedule of such backups can lose"
        yield Figure("RPO of a schedule", "not of this drill", f"interval + {duration(backup_s)}", note, "open")
    if len(read_back) != 1 or "skew_s" in _objectives(view):  # one store has no skew
        yield _timed(view, "Skew", "between stores", "skew_s", "" if ticks is None else plural(ticks, "tick"))
    yield _equal(read_back)


def _of_proof(view: RunView) -> Iterator[Figure]:
    total = len(view.members)
    bare = sum(1 for each in items(view.facts, "databases") if not mapping(each).get("fingerprint"))
    ages = proof_metrics.ages_s(view.events)
    worst = number(view.judged, "rpo_s")
    columns = [text(e.data, "column") for e in view.of("newest") if ages.get(text(e.data, "store")) == worst]
    yield _counted("Databases sound", "by their own checks", _of(view, "databases-sound"), total)
    note = f"no fingerprint: {bare}" if bare else ""
    yield _counted("Data equal", "to the backup's fingerprint", _of(view, "data-equal"), total, note)
    yield _timed(view, "RTO", "from the bucket to the last answer", "rto_s")
    yield _timed(view, "RPO", "age of the newest row", "rpo_s", ", ".join(columns[:1]))
    age_s = proof_metrics.age_s(view.facts, view.events)
    yield Figure("Age", "of the backup", duration(age_s), *_against(age_s, _objectives(view).get("age_s")))


def _of_migration(view: RunView) -> Iterator[Figure]:
    total = len(view.members)
    still = [finding for finding in _of(view, "source-unchanged") if finding.member]
    yield _counted("Members equal", "target and source", _of(view, "data-equal"), total)
    yield _counted("Source unchanged", "since it was quiesced", still, total)
    yield _timed(view, "RTO", "no writes possible", "rto_s")


def _detected(view: RunView) -> Figure:
    expected = _of(view, "noticed")
    good = [finding for finding in expected if finding.verdict is Verdict.PASS]
    checks = dict.fromkeys(name for finding in good for name in finding.objects if name.startswith(BY))
    by = ", ".join(name.removeprefix(BY) for name in checks) or ("see the findings" if good else "by no check")
    state = "good" if good == expected else "bad"
    return Figure("Detected", "by the expected check", f"{len(good)} of {len(expected)}", by, state)


def _objectives(view: RunView) -> dict[str, float]:
    return numbers(view.judged.get("objectives") or view.facts.get("objectives"))


def _timed(view: RunView, name: str, meaning: str, field: str, more: str = "") -> Figure:
    value = number(view.judged, field)
    return Figure(name, meaning, duration(value), *_against(value, _objectives(view).get(field), more))


def _between(view: RunView, begin: str, end: str) -> float | None:
    """Seconds between two marks; None if one was not reached."""
    return view.marks[end] - view.marks[begin] if {begin, end} <= {*view.marks} else None


def _against(value: float | None, objective: float | None, more: str = "") -> tuple[str, str]:
    limit = "no objective" if objective is None else f"objective: at most {duration(objective)}"
    if value is None:
        return f"not measured; {limit}", "open"
    note = "; ".join(filter(None, (more, limit)))
    if objective is None:
        return note, "open"
    met = value <= objective
    return f"{note}: {'met' if met else 'missed'}", "good" if met else "bad"


def _of(view: RunView, check: str) -> list[Finding]:
    return [finding for finding in view.findings if finding.check == check]


def _counted(name: str, meaning: str, found: Sequence[Finding], total: int, note: str = "") -> Figure:
    good = sum(1 for finding in found if finding.verdict is Verdict.PASS)
    bad = any(finding.verdict is Verdict.FAIL for finding in found)
    state = "bad" if bad else "good" if good == total else "open"
    return Figure(name, meaning, f"{good} of {total}", note or ("all" if good == total else "see the findings"), state)


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
