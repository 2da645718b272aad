"""How do we know? Every check's question, what the judge makes of it, and what was seen, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core.json import items, mapping, number, text
from harness.core.model import Finding, Json, Verdict, worst
from harness.core.text import plural
from harness.evidence.run_view import RunView
from harness.reports.summary import UNFENCED

QUESTIONS: Mapping[str, str] = {
    "damage-seen": "Was anything really broken?",
    "backup-complete": "Is the backup whole, whatever the tool says of it?",
    "restore-complete": "Did the tool bring back all that it had copied?",
    "answers-from-restored": "Did the restored answer, and no survivor?",
    "members-healthy": "Is every member well, and was it before?",
    "data-equal": "Is the data equal?",
    "indexes-hold": "Would the databases find what they hold?",
    "objects-equal": "Are the objects around the databases the same?",
    "ledger-kept": "What became of every write?",
    "transfers-whole": "Did every transaction come back whole, or not at all?",
    "new-write": "Does the service take writes again?",
    "login": "Can people log in again, and is it the same realm?",
    "objectives-met": "Are the objectives met?",
    "fence-held": "Did nothing leave the drill's network?",
    "drill-finished": "Did the drill itself run to its end?",
    "taken-over": "Did it begin with the data that the drill before had proved whole?",
    "self-test": "Would a bad recovery have been noticed?",
    "evidence-signed": "Is all this what the drill left behind?",
}
"""What each check asks, in the order in which a doubter would."""

OF_PROOFS: Mapping[str, str] = {
    "source-unchanged": "Is the source what it was before?",
    "claims-back": "Is every claim there, with a volume?",
    "databases-sound": "Does every database answer, and pass its own check?",
}
"""What is asked beside that, or instead, where a backup was proved that was there already."""

OF_MOVES: Mapping[str, str] = {
    "nothing-joined": "Did nothing of one end join the other?",
}
"""What is asked beside that where an application was moved for good."""

NOTICED = "Did those notice it who should?"
"""What is asked, by `harness.checks.expectations`, of a recovery that is bad on purpose."""

_FEW = 3


@dataclass(frozen=True)
class Answer:
    """One question, the worst verdict on it, and what passed, each thing said once."""

    check: str
    question: str
    verdict: Verdict
    passed: int
    asked: int
    said: tuple[str, ...]  # of the whole drill, or of a store
    members: tuple[str, ...]  # of single members


def answers(story: RunView) -> tuple[Answer, ...]:
    """The answer to everything that was judged; a check that we know no question of asks by its name."""
    judged = dict.fromkeys(finding.check for finding in story.findings)
    if not story.fenced:
        judged["fence-held"] = None  # nobody judged it, and it is asked all the same
    checks = sorted(judged, key=lambda check: [*QUESTIONS, check].index(check))
    return tuple(_answer(story, check) for check in checks)


def damage_in_words(what: Mapping[str, Json]) -> str:
    """What a fault was seen to have done, on one line: what is many is counted, a few other things are named."""
    kinds = Counter(name.partition(" ")[0] for name in what)
    counted = [words(kinds[kind]) for kind, words in _COUNTED.items() if kinds[kind]]
    others = [f"{name}: {text(seen)}" for name, seen in what.items() if name.partition(" ")[0] not in _COUNTED]
    more = [f"and {len(others) - _FEW} more"] if len(others) > _FEW else []
    return ", ".join([*counted, *others[:_FEW], *more])


def noticed(told: Mapping[str, Json]) -> str:
    """The result of a self-test: `119 of 120 mutations detected; missed: a row twice`."""
    missed = [text(each, "name") for each in items(told, "missed")]
    seen = number(told, "noticed") or 0
    said = f"{seen:,.0f} of {plural(seen + len(missed), 'mutation')} detected"
    return f"{said}; missed: {', '.join(missed[:_FEW])}" if missed else said


_COUNTED: Mapping[str, Callable[[int], str]] = {
    "volume": lambda count: f"{plural(count, 'volume')} gone",
    "read": lambda count: f"{plural(count, 'member')} cannot be read",
}
"""Of which kinds of damage there are many, by the first word of their names."""


def _answer(story: RunView, check: str) -> Answer:
    found = [finding for finding in story.findings if finding.check == check]
    good = [finding for finding in found if finding.verdict is Verdict.PASS]
    if check == "fence-held" and not story.fenced:
        said = [UNFENCED]
    elif check in _IN_OUR_WORDS:
        said = _IN_OUR_WORDS[check](story)
    else:
        said = [f"{each.store}: {each.detail}" if each.store else each.detail for each in good if not each.member]
    return Answer(
        check=check,
        question={**QUESTIONS, **OF_PROOFS, **OF_MOVES, "noticed": NOTICED}.get(check, check),
        verdict=worst(finding.verdict for finding in found),
        passed=len(good),
        asked=len(found),
        said=tuple(filter(None, said)),
        members=tuple(_by_member([finding for finding in good if finding.member])),
    )


def _by_member(findings: Sequence[Finding]) -> Iterator[str]:
    """Each detail once, with the member that it is about, or how many of which store, or of all."""
    for detail in dict.fromkeys(finding.detail for finding in findings):
        same = [finding for finding in findings if finding.detail == detail]
        if len(same) == 1:
            yield f"{same[0].member}: {detail}"
        elif len(same) == len(findings):
            yield f"all {len(same)} members: {detail}"
        else:
            yield f"{', '.join(dict.fromkeys(each.store for each in same))} ({len(same)} members): {detail}"


def _damage(story: RunView) -> list[str]:
    return [damage_in_words(mapping(event.data, "what")) for event in story.of("damage")]


def _receipts(story: RunView) -> list[str]:
    members = {name for names in story.members.values() for name in names}
    reads = story.of("digest")
    themselves = sum(1 for event in reads if event.data.get("answered_by") == event.data.get("member") in members)
    return [f"{themselves} of {plural(len(reads), 'answer')} came from the member that was asked"] if reads else []


def _self_tests(story: RunView) -> list[str]:
    said = [f"right before this drill, in memory: {noticed(event.data)}" for event in story.of("selftest")]
    real = mapping(story.facts, "selftest")
    if not real:
        return [*said, "on real databases: never tried on this machine"]
    stores, when, commit = (
        ", ".join(map(text, items(real, "stores"))),
        text(real, "at"),
        text(real, "commit"),
    )
    return [*said, f"on real databases ({stores}), {when[:10]}, commit {commit[:10] or 'unknown'}: {noticed(real)}"]


_IN_OUR_WORDS: Mapping[str, Callable[[RunView], list[str]]] = {
    "damage-seen": _damage,
    "data-equal": _receipts,
    "self-test": _self_tests,
}
