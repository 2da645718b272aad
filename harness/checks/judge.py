"""From a run to its verdict: every check asked, the worst answer wins. Needs no cluster, and may be repeated."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness import checks
from harness.checks import expectations, migration_metrics, proof_metrics
from harness.checks.check import Check
from harness.checks.objectives import rpo_s, skew
from harness.core.errors import HarnessError, Unreadable
from harness.core.json import items, mapping, text
from harness.core.model import Finding, Json, Verdict, worst
from harness.core.reason import Reason
from harness.evidence.marks import legs, rto_s
from harness.evidence.run_directory import MOVE, PROOF, Run, read_json, write_json

FINDINGS_SCHEMA = 5
"""Version of findings.json. A journal and a run.json have another one (`harness.evidence.journal.SCHEMA`)."""

BEFORE_REASONS = 4
"""The version of findings.json whose findings have no reasons."""

_ABOUT = ("check", "store", "member", "verdict", "reason", "causes", "objects")
_LISTS = ("findings", "recovery")
_SINCE_REASONS = frozenset({"events-in-order"})


def judge(run: Run, asked: Iterable[Check] | None = None) -> tuple[Finding, ...]:
    """The findings of these checks, else of all that the run has to pass. A check that raises is UNKNOWN."""
    findings: list[Finding] = []
    for check in checks.of(run) if asked is None else asked:
        try:
            findings += check(run)
        except HarnessError as error:
            hint = "this run cannot be judged as it lies here"
            reason, objects = _why(error)
            findings.append(Finding(check.name, Verdict.UNKNOWN, reason, str(error), hint, objects=objects))
        except Exception as error:  # noqa: BLE001 # whatever a check trips over must not become a PASS
            detail = f"the check itself broke: {type(error).__name__}: {error}"
            hint = "please report this as a bug of drillproof"
            findings.append(Finding(check.name, Verdict.UNKNOWN, Reason.CheckRaised, detail, hint))
    return tuple(findings)


def _why(error: HarnessError) -> tuple[Reason, tuple[str, ...]]:
    if isinstance(error, Unreadable):
        return error.reason, error.objects
    return Reason.EvidenceUnreadable, ()


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
    """Whether they say the same. Sentences are not compared: they may change with any release."""
    now: Mapping[str, Json] = json.loads(json.dumps(document))
    if written.get("schema") != BEFORE_REASONS:
        return _outline(written, _ABOUT) == _outline(now, _ABOUT)
    # Its release lacked these checks. What they say can take PASS away, and the verdicts are compared.
    alike = [each for each in items(now.get("findings")) if text(mapping(each), "check") not in _SINCE_REASONS]
    return _outline(written, _ABOUT[:4]) == _outline({**now, "findings": alike}, _ABOUT[:4])


def _outline(document: Mapping[str, Json], about: Sequence[str]) -> Json:
    """What of a findings.json does not depend on the sentences of the release that wrote it."""
    figures = {name: value for name, value in document.items() if name not in {"schema", "not_proved", *_LISTS}}
    lists = _LISTS if "reason" in about else _LISTS[:1]
    outlines = {
        name: sorted(json.dumps([mapping(each).get(key) for key in about]) for each in items(document.get(name)))
        for name in lists
    }
    return {**figures, **outlines, "not_proved": len(items(document.get("not_proved")))}


def _document(run: Run) -> Json:
    findings, recovery = _verdict(run, judge(run))
    document: dict[str, Json] = {
        "schema": FINDINGS_SCHEMA,
        "scenario": run.path.name,
        "verdict": worst(finding.verdict for finding in findings).value,
        "rto_s": None,
        "rpo_s": None,
        "rpo_writes": None,
        "skew_s": None,
        "skew_ticks": None,
        "findings": [_finding(finding) for finding in findings],
        "recovery": [_finding(finding) for finding in recovery],
        "marks": {},
        "legs": {},
        "objectives": {},
        "ledger": {},
    }
    # What cannot be read has a finding of its own already; there are just no figures to show.
    with contextlib.suppress(HarnessError):
        document |= _figures(run)
    with contextlib.suppress(HarnessError):
        document |= {PROOF: _proof, MOVE: _move}.get(run.kind, _ledger)(run)
    return document


def _verdict(run: Run, said: tuple[Finding, ...]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings whose worst is the verdict, and those beside them (see `harness.checks.expectations`)."""
    try:
        expected = run.expected_findings
        return expectations.conclude(expected, said) if expected else (said, ())
    except HarnessError as error:
        return (*(each for each in said if each.check in expectations.ALWAYS), _unknown(error)), said


def _unknown(error: HarnessError) -> Finding:
    reason, objects = _why(error)
    detail = f"which findings were expected cannot be told: {error}"
    return Finding("noticed", Verdict.UNKNOWN, reason, detail, objects=objects)


def _figures(run: Run) -> dict[str, Json]:
    return {
        "scenario": run.scenario,
        "objectives": run.facts.get("objectives"),
        "marks": dict(run.marks),
        "legs": dict(legs(run.marks)),
        "rto_s": rto_s(run.marks),
    }


def _proof(run: Run) -> dict[str, Json]:
    return {
        "kind": PROOF,
        "rto_s": proof_metrics.rto_s(run.events),
        "rpo_s": proof_metrics.rpo_s(run.events),
        "not_proved": list(proof_metrics.not_proved(run.facts, run.events)),
    }


def _move(run: Run) -> dict[str, Json]:
    not_proved = list(migration_metrics.not_proved(run.facts, run.events))
    return {"kind": MOVE, "rto_s": migration_metrics.downtime_s(run.events), "rpo_s": None, "not_proved": not_proved}


def _ledger(run: Run) -> dict[str, Json]:
    # Of a store's members the one that lost most speaks for the store.
    by_store = {
        store: max((run.kept(store, member).classes for member in members), key=lambda c: (len(c.wrong), c.lost_after))
        for store, members in run.members.items()
    }
    apart = skew(run)
    return {
        "rpo_s": rpo_s(run),
        "rpo_writes": sum(classes.rpo_writes for classes in by_store.values()),
        "skew_s": None if apart is None else apart[0],
        "skew_ticks": None if apart is None else apart[1],
        "ledger": {store: asdict(classes) for store, classes in by_store.items()},
    }


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "check": finding.check,
        "store": finding.store,
        "member": finding.member,
        "verdict": finding.verdict.value,
        "reason": finding.reason.value,
        "causes": [cause.value for cause in finding.causes],
        "objects": list(finding.objects),
        "detail": finding.detail,
        "hint": finding.hint,
    }
