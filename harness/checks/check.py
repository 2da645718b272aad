"""A check, the findings that it makes, and what checks share to read events."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.core.json import items
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence, from_name
from harness.evidence import before_reasons
from harness.evidence.run_directory import MOVE, PROOF, Run

SHOWN = 5
"""How many differences, indexes or messages a finding names; the journal has all."""

RUN_AGAIN = "run it again; the evidence is incomplete"
"""What to do where the run does not record what a check needs."""

HINTS: Mapping[Reason, str] = {
    Reason[name]: hint
    for names, hint in tomllib.loads(Path(__file__).with_name("hints.toml").read_text("utf-8")).items()
    for name in names.split()
}
"""What to do, by the reason of a finding."""

DRILL = ""
EVERY = (DRILL, PROOF, MOVE)
"""The kinds of runs, by `Run.kind`."""

Judge = Callable[[Run], Finding | Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One guarantee, judged from what a run left. Pure: equal runs have equal findings."""

    name: str
    kinds: tuple[str, ...]  # the kinds of runs that have to pass it
    judge: Judge

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each thing judged; UNKNOWN where the run does not record it."""
        found = self.judge(run)
        return tuple(replace(each, check=self.name) for each in ((found,) if isinstance(found, Finding) else found))


def check(name: str, *kinds: str) -> Callable[[Judge], Check]:
    """Make a function the check of this name, for these kinds of runs; for drills if there are none."""
    return partial(Check, name, kinds or (DRILL,))


def passed(detail: str, *, objects: Iterable[str] = ()) -> Finding:
    """A PASS. The check adds its name."""
    return Finding("", Verdict.PASS, Reason.AsExpected, detail, objects=tuple(objects))


def _bad(
    verdict: Verdict,
    reason: Reason,
    detail: str,
    hint: str = "",
    *,
    objects: Iterable[str] = (),
    causes: Iterable[Reason] = (),
) -> Finding:
    """A finding that is no PASS. `hint` says what to do, if that is not what is mostly to do for this reason."""
    hint = hint or HINTS.get(reason, RUN_AGAIN)
    why = by_precedence(set(causes) - {reason})
    return Finding("", verdict, reason, detail, hint, objects=tuple(objects), causes=why)


failed = partial(_bad, Verdict.FAIL)
unknown = partial(_bad, Verdict.UNKNOWN)


def about(finding: Finding, store: str, member: str = "") -> Finding:
    """The finding, as that of a store or a member."""
    return replace(finding, store=store, member=member)


def latest(run: Run, kind: str, **data: Json) -> Mapping[str, Json] | None:
    """The data of the newest event of this kind whose data include `data`; None if there is none."""
    events = run.of(kind, **data)
    return events[-1].data if events else None


def restarted_before(run: Run, pod: str, line: int) -> bool:
    """Whether a pod's last restart is before this line of the journal, and another process answers since."""
    restarts = run.of("restart", member=pod)
    data = restarts[-1].data if restarts else {}
    return bool(data.get("after")) and data.get("before") != data.get("after") and restarts[-1].seq < line


def recorded(data: Mapping[str, Json], text: str) -> tuple[Reason, ...]:
    """The reasons that an event names, by precedence; in a journal older than reasons, those of its sentence `text`."""
    if "reasons" not in data:
        return before_reasons.reasons(data.get(text))
    return by_precedence(filter(None, map(from_name, texts(data["reasons"]))))


def texts(listed: Json) -> tuple[str, ...]:
    """The elements of a list in an event, as text."""
    return tuple(map(str, items(listed)))


def objects_of(event: Json, *path: str) -> list[Mapping[str, Json]]:
    """The objects of the list at `path` in an event."""
    return [each for each in items(event, *path) if isinstance(each, Mapping)]


def few(lines: Iterable[object], most: int = SHOWN, separator: str = "; ") -> str:
    """The first `most` of these on one line, and how many more there are."""
    listed = list(map(str, lines))
    return separator.join([*listed[:most], *([f"and {len(listed) - most} more"] if len(listed) > most else [])])
