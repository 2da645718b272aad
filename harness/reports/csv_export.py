"""All numbers of a run as CSV, one on each line, so that the files of several runs can be concatenated."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from harness.core.json import mapping, number
from harness.core.model import Verdict
from harness.core.text import one_line
from harness.evidence.marks import LEGS, MARKS
from harness.evidence.run_view import RunView
from harness.reports.equality import BAD, stores
from harness.reports.junit import FIGURES

HEADS = ("run", "scenario", "verdict", "store", "number", "value")


def render(view: RunView) -> str:
    """The lines, with headings. A number's name has its unit; what was not measured has no value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADS)
    same = [_harmless(words) for words in (view.run.name, view.scenario, view.verdict.value)]
    for store, name, value in chain(_numbers(view), _reasons(view)):
        writer.writerow([*same, _harmless(store), _harmless(name), "" if value is None else f"{value:.12g}"])
    return out.getvalue()


def _numbers(view: RunView) -> Iterator[tuple[str, str, float | None]]:
    judged = view.judged
    for name in FIGURES:
        yield "", name, number(judged.get(name))
    for name in ("rto_s", "rpo_s", "skew_s"):
        yield "", f"objective_{name}", number(judged.get("objectives"), name)
    members = [member for store in stores(view) for member in store.members]
    compared = [member for member in members if member.state in {"equal", *BAD}]
    yield "", "members", len(members)
    yield "", "members_compared", len(compared)
    yield "", "members_equal", len([member for member in compared if member.state == "equal"]) if compared else None
    for names, values in ((LEGS, judged.get("legs")), (MARKS, judged.get("marks"))):
        for name in names:
            yield "", f"{name}_at_s" if name in MARKS else name, number(values, name)
    for store, classes in mapping(judged, "ledger").items():
        for name, value in mapping(classes).items():
            if value is None or number(value) is not None:
                yield store, name, number(value)


def _reasons(view: RunView) -> Iterator[tuple[str, str, float]]:
    bad = [each for each in view.findings if each.verdict is not Verdict.PASS]
    for (store, verdict, reason), count in Counter((e.store, e.verdict.value, e.reason) for e in bad).items():
        yield store, f"{verdict}_{reason}", count


def _harmless(words: str) -> str:
    plain = one_line(words)
    return f"'{plain}" if re.match(r"[=+\-@]", plain) else plain
