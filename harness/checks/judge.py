"""From a run to its verdict: every check asked, the worst answer wins. Needs no cluster, and may be repeated."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness import checks
from harness.checks import expectations
from harness.checks.check import Check, texts
from harness.checks.not_proved import not_proved
from harness.checks.objectives import figures
from harness.core.errors import HarnessError, Unreadable
from harness.core.json import at, items, text
from harness.core.model import Finding, Json, Verdict, worst
from harness.core.reason import Reason
from harness.evidence.marks import legs
from harness.evidence.run_directory import Run, read_json, write_json

FINDINGS_SCHEMA = 5
"""Version of findings.json. A journal and a run.json have another one (`harness.evidence.journal.SCHEMA`)."""

BEFORE_REASONS = 4
"""The version of findings.json whose findings have no reasons."""

_ABOUT = ("check", "store", "member", "verdict", "reason", "causes", "objects")
_LISTS = ("findings", "recovery")
_SINCE_REASONS = {"events-in-order"}
"""The checks that releases without reasons did not have; their findings.json does not list those that they had."""


def judge(run: Run, asked: Iterable[Check] | None = None) -> tuple[Finding, ...]:
    """The findings of these checks, else of all that the run has to pass. A check that raises is UNKNOWN."""
    findings: list[Finding] = []
    for check in checks.of(run) if asked is None else asked:
        try:
            findings += check(run)
        except HarnessError as error:
            findings.append(
                _unreadable(
                    check.name, str(error), error, "restore the original files of the run, and run `drillproof recheck`"
                )
            )
        except Exception as error:  # noqa: BLE001 # an error in a check must never become a PASS
            detail = f"the check itself broke: {type(error).__name__}: {error}"
            hint = "please report this as a bug of drillproof"
            findings.append(Finding(check.name, Verdict.UNKNOWN, Reason.CheckRaised, detail, hint))
    return tuple(findings)


def _unreadable(check: str, detail: str, error: HarnessError, hint: str = "") -> Finding:
    if isinstance(error, Unreadable):
        return Finding(check, Verdict.UNKNOWN, error.reason, detail, hint, objects=error.objects)
    return Finding(check, Verdict.UNKNOWN, Reason.EvidenceUnreadable, detail, hint)


def recheck(path: Path, *, require_current: bool = False) -> Path:
    """Judge the run directory `path` and write its findings.json; return that file's path.

    With `require_current`: HarnessError, and nothing is written, if the file disagrees with this evaluation.
    """
    file, document = path / "findings.json", _document(Run(path))
    if require_current and not _agrees(read_json(file), document):
        raise HarnessError(
            f"{file} differs from a re-evaluation: it was edited, or an older version wrote it; "
            f"`drillproof recheck {path.name}` evaluates the run again"
        )
    write_json(file, document)
    return file


def is_current(path: Path) -> bool:
    """Whether the findings.json of a run directory agrees with a re-evaluation. Unreadable if there is none."""
    return _agrees(read_json(path / "findings.json"), _document(Run(path)))


def _agrees(written: Mapping[str, Json], document: Json) -> bool:
    """Whether they say the same. Sentences are not compared: they may change with any release.

    Nor are checks that the release of `written` did not have, if they find nothing wrong.
    """
    now: dict[str, Json] = json.loads(json.dumps(document))
    old = written.get("schema") == BEFORE_REASONS
    listed = set(texts(now["checks"])) - set(texts(written.get("checks", now["checks"])))
    about, newer = (_ABOUT[:4], _SINCE_REASONS) if old else (_ABOUT, listed)
    wrong = any(at(f, "check") in newer and at(f, "verdict") != Verdict.PASS.value for f in items(now["findings"]))
    for name in _LISTS:
        now[name] = [each for each in items(now[name]) if at(each, "check") not in newer]
    return not wrong and _outline(written, about) == _outline(now, about)


def _outline(document: Mapping[str, Json], about: Sequence[str]) -> Json:
    """What of a findings.json does not depend on the sentences and the checks of the release that wrote it."""
    others = {"schema", "checks", "not_proved", *_LISTS}
    lists = _LISTS if "reason" in about else _LISTS[:1]
    outlines = {
        name: sorted(json.dumps([at(each, key) for key in about]) for each in items(document.get(name)))
        for name in lists
    }
    rest = {name: value for name, value in document.items() if name not in others}
    return {**rest, **outlines, "not_proved": len(items(document.get("not_proved")))}


def _document(run: Run) -> dict[str, Json]:
    findings, recovery = _verdict(run, judge(run))
    document: dict[str, Json] = {
        "schema": FINDINGS_SCHEMA,
        "checks": [check.name for check in checks.of(run)],
        "scenario": run.path.name,
        "verdict": worst(finding.verdict for finding in findings).value,
        "rto_s": None,
        "rpo_s": None,
        "rpo_writes": None,
        "skew_s": None,
        "skew_ticks": None,
        "findings": [{**asdict(finding), "verdict": finding.verdict.value} for finding in findings],
        "recovery": [{**asdict(finding), "verdict": finding.verdict.value} for finding in recovery],
        "marks": {},
        "legs": {},
        "objectives": {},
        "ledger": {},
    }
    for part in (_facts, figures, _of_kind):
        # What cannot be read has a finding of its own already; there are just no figures to show.
        with contextlib.suppress(HarnessError):
            document |= part(run)
    return document


def _verdict(run: Run, found: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings whose worst is the verdict, and the others (see `harness.checks.expectations`)."""
    try:
        expected = run.expected_findings
        return expectations.conclude(expected, found) if expected else (found, ())
    except HarnessError as error:
        unclear = _unreadable("noticed", f"it is unknown which findings were expected: {error}", error)
        return (*(each for each in found if each.check in expectations.ALWAYS), unclear), found


def _facts(run: Run) -> dict[str, Json]:
    lane = text(run.facts.get("lane"))
    return {
        "scenario": run.scenario,
        **({"lane": lane} if lane else {}),
        "objectives": run.facts.get("objectives"),
        "marks": dict(run.marks),
        "legs": dict(legs(run.marks)),
    }


def _of_kind(run: Run) -> dict[str, Json]:
    if run.kind:
        return {"kind": run.kind, "not_proved": not_proved(run.facts, run.events)}
    # The member that lost most stands for its store.
    by_store = {
        store: max((run.kept(store, member).classes for member in members), key=lambda c: (len(c.wrong), c.lost_after))
        for store, members in run.members.items()
    }
    return {
        "rpo_writes": sum(classes.rpo_writes for classes in by_store.values()),
        "ledger": {store: asdict(classes) for store, classes in by_store.items()},
    }
