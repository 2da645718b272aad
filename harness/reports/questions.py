"""The section "How do we know?": each check's question, its verdict, and what was seen."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.check import few
from harness.core.json import items, mapping, number, text
from harness.core.model import Finding, Json, Verdict, worst
from harness.core.text import plural
from harness.evidence.run_view import RunView
from harness.reports.summary import UNFENCED
from harness.reports.texts import QUESTIONS

_FEW = 3

_COUNTED = {"volume": ("volume", "gone"), "read": ("member", "cannot be read")}
"""The kinds of damage that are counted, by the first word of their names."""


@dataclass(frozen=True)
class Answer:
    """One question, the worst verdict on it, and what passed, without repetition."""

    check: str
    question: str
    verdict: Verdict
    passed: int
    asked: int
    said: tuple[str, ...]  # about the whole run, or a store
    members: tuple[str, ...]  # about single members


def answers(view: RunView) -> tuple[Answer, ...]:
    """The answers of all checks; a check without a question here is shown by its name."""
    judged = dict.fromkeys(finding.check for finding in view.findings)
    if not view.fenced:
        judged["fence-held"] = None  # not judged, and shown to be not judged
    return tuple(_answer(view, check) for check in sorted(judged, key=lambda check: [*QUESTIONS, check].index(check)))


def damage_in_words(what: Mapping[str, Json]) -> str:
    """The damage of a fault on one line: volumes and members are counted, the first few other things are named."""
    kinds = Counter(name.partition(" ")[0] for name in what)
    counted = [f"{plural(kinds[kind], noun)} {what}" for kind, (noun, what) in _COUNTED.items() if kinds[kind]]
    others = [f"{name}: {text(seen)}" for name, seen in what.items() if name.partition(" ")[0] not in _COUNTED]
    return ", ".join([*counted, *([few(others, _FEW, ", ")] if others else [])])


def detected(result: Mapping[str, Json]) -> str:
    """The result of a self-test: `119 of 120 mutations detected; missed: a row twice`."""
    missed = [text(each, "name") for each in items(result, "missed")]
    seen = number(result, "noticed") or 0
    said = f"{seen:,.0f} of {plural(seen + len(missed), 'mutation')} detected"
    return f"{said}; missed: {', '.join(missed[:_FEW])}" if missed else said


def _answer(view: RunView, check: str) -> Answer:
    found = [finding for finding in view.findings if finding.check == check]
    good = [finding for finding in found if finding.verdict is Verdict.PASS]
    if check == "fence-held" and not view.fenced:
        said = [UNFENCED]
    elif check in _SUMMARIES:
        said = _SUMMARIES[check](view)
    else:
        said = [f"{each.store}: {each.detail}" if each.store else each.detail for each in good if not each.member]
    return Answer(
        check=check,
        question=QUESTIONS.get(check, check),
        verdict=worst(finding.verdict for finding in found),
        passed=len(good),
        asked=len(found),
        said=tuple(filter(None, said)),
        members=tuple(_by_member([finding for finding in good if finding.member])),
    )


def _by_member(findings: Sequence[Finding]) -> Iterator[str]:
    """Each detail once, with its member, or the number of members of which stores."""
    for detail in dict.fromkeys(finding.detail for finding in findings):
        same = [finding for finding in findings if finding.detail == detail]
        if len(same) == 1:
            yield f"{same[0].member}: {detail}"
        elif len(same) == len(findings):
            yield f"all {len(same)} members: {detail}"
        else:
            yield f"{', '.join(dict.fromkeys(each.store for each in same))} ({len(same)} members): {detail}"


def _damage(view: RunView) -> list[str]:
    return [damage_in_words(mapping(event.data, "what")) for event in view.of("damage")]


def _provenance(view: RunView) -> list[str]:
    members = {name for names in view.members.values() for name in names}
    reads = view.of("digest")
    themselves = sum(1 for event in reads if event.data.get("answered_by") == event.data.get("member") in members)
    return [f"{themselves} of {plural(len(reads), 'answer')} came from the queried member"] if reads else []


def _self_tests(view: RunView) -> list[str]:
    said = [f"in memory, before this drill: {detected(event.data)}" for event in view.of("selftest")]
    real = mapping(view.facts, "selftest")
    if not real:
        return [*said, "live, on real databases: never run on this machine"]
    stores, when = ", ".join(map(text, items(real, "stores"))), text(real, "at")[:10]
    commit = text(real, "commit")[:10] or "unknown"
    return [*said, f"live, on real databases ({stores}), {when}, commit {commit}: {detected(real)}"]


_SUMMARIES: Mapping[str, Callable[[RunView], list[str]]] = {
    "damage-seen": _damage,
    "data-equal": _provenance,
    "self-test": _self_tests,
}
