"""What the report of a proof says on top: see `harness.checks.proof_metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks import proof_metrics
from harness.core.json import items, mapping, number, text
from harness.core.model import Finding, Verdict
from harness.core.text import duration
from harness.evidence.run_directory import PROOF
from harness.evidence.run_view import RunView

DEFINITIONS = proof_metrics.DEFINITIONS
"""What the words mean otherwise than in a drill."""

_SAYS = {
    Verdict.PASS: "The backup {backup} came back{more}.",
    Verdict.FAIL: "The backup {backup} does not come back as it should. The findings say what is wrong.",
    Verdict.UNKNOWN: "Whether the backup {backup} comes back could not be judged in full, so this is not a pass.",
}


def is_proof(story: RunView) -> bool:
    """Whether a backup was proved, and nothing drilled."""
    return story.facts.get("kind") == PROOF


def says(story: RunView) -> str:
    """What the verdict means, and in the same breath what was not proved."""
    equal = [finding for finding in story.findings if finding.check == "data-equal"]
    more = " and its databases are sound" + (", and the data equal every fingerprint that was taken" if equal else "")
    backup = text(story.facts.get("backup"), "name") or "unknown"
    told = _SAYS[story.verdict].format(backup=backup, more=more)
    return f"{told} NOT proved: {'; '.join(proof_metrics.not_proved(story.facts, story.events))}."


def rows(story: RunView) -> Iterator[tuple[str, str, str, str, str]]:
    """The figures: name, meaning, value, note, and good, bad or open."""
    total = len(story.members)
    yield counted("Databases sound", "by their own checks", of(story, "databases-sound"), total)
    bare = sum(1 for each in items(story.facts, "databases") if not mapping(each).get("fingerprint"))
    note = f"no fingerprint: {bare}" if bare else ""
    yield counted("Data equal", "to the fingerprint of the backup", of(story, "data-equal"), total, note)
    asked = mapping(story.judged.get("objectives") or story.facts.get("objectives"))
    rto_s, rpo_s = number(story.judged, "rto_s"), number(story.judged, "rpo_s")
    yield timed("RTO", "from the bucket to the last answer", rto_s, number(asked, "rto_s"))
    ages = proof_metrics.ages_s(story.events)
    by = [text(e.data, "column") for e in story.of("newest") if ages.get(text(e.data, "store")) == rpo_s]
    yield timed("RPO", "age of the newest row", rpo_s, number(asked, "rpo_s"), ", ".join(by[:1]))
    age_s = proof_metrics.age_s(story.facts, story.events)
    yield timed("Age", "of the backup itself", age_s, number(asked, "age_s"))


def of(story: RunView, check: str) -> list[Finding]:
    """The findings of one check."""
    return [finding for finding in story.findings if finding.check == check]


def counted(
    name: str, meaning: str, found: list[Finding], total: int, note: str = ""
) -> tuple[str, str, str, str, str]:
    """A figure of how many of all passed."""
    good = sum(1 for finding in found if finding.verdict is Verdict.PASS)
    bad = any(finding.verdict is Verdict.FAIL for finding in found)
    state = "bad" if bad else "good" if good == total else "open"
    return name, meaning, f"{good} of {total}", note or ("all" if good == total else "see the findings"), state


def timed(
    name: str, meaning: str, value: float | None, objective: float | None, by: str = ""
) -> tuple[str, str, str, str, str]:
    """A figure of seconds, against its objective if there is one."""
    asked = "no objective" if objective is None else f"objective: at most {duration(objective)}"
    note = "; ".join(filter(None, (by, asked)))
    if value is None:
        return name, meaning, duration(None), f"not measured; {asked}", "open"
    if objective is None:
        return name, meaning, duration(value), note, "open"
    met = value <= objective
    return name, meaning, duration(value), f"{note}: {'met' if met else 'missed'}", "good" if met else "bad"
