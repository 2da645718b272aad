"""Ledgers and run directories written by hand, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import Json, Row
from harness.evidence import journal, run_directory
from harness.evidence.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt, fingerprint, write_rows
from harness.evidence.run_directory import Run

Event = tuple[str, Mapping[str, Json]]


def ledger(*texts: str) -> list[Attempt]:
    """`put a`, `update a`, `delete a`, each with `?` (unanswered) or `!` (refused) at the end if not acknowledged.

    Write n is sent at tick 10 n and second n, and answered half a second later.
    """
    attempts = []
    for n, text in enumerate(texts, 1):
        answer = {"?": UNANSWERED, "!": REFUSED}.get(text[-1], ACKNOWLEDGED)
        verb, key = text.rstrip("?!").split()
        value = "" if verb == "delete" else f"{n}-v"
        answered_s = None if answer == UNANSWERED else n + 0.5
        attempts.append(Attempt(n, verb, key, value, 10 * n, float(n), answer, answered_s))
    return attempts


def rows(*texts: str) -> list[Row]:
    """`a1` is key a as write 1 left it."""
    return [Row(int(text[1:]), text[0], f"{text[1:]}-v") for text in texts]


def run(
    folder: Path,
    stores: Mapping[str, tuple[Sequence[Attempt], Sequence[Sequence[Row]]]],
    events: Sequence[Event],
    objectives: Json = None,
    **facts: Json,
) -> Run:
    """A drill of these stores: what was written to each, and what each of its members, NAME-0 and so on, shows.

    `facts` are in its run.json, too.
    """
    members = {name: [f"{name}-{number}" for number in range(len(shown))] for name, (_, shown) in stores.items()}
    path = run_directory.create(folder, "by-hand", {"stores": members, "objectives": objectives, **facts})
    for name, (attempts, shown) in stores.items():
        (path / "ledger" / f"{name}.jsonl").write_text("".join(map(_lines, attempts)))
        for number, held in enumerate(shown):
            write_rows(path / "ledger" / f"{name}@{name}-{number}.jsonl", iter(held))
    log = journal.Journal(path / "journal.jsonl", Clock())
    for file in (path / "run.json", *sorted((path / "ledger").iterdir())):
        log.append("file", name=file.name, sha256=fingerprint(file))
    for kind, data in events:
        log.append(kind, **data)
    log.close()
    return Run(path)


def _lines(attempt: Attempt) -> str:
    n, verb, key, value, tick, attempted_s, answer, answered_s = attempt
    return (
        f'{{"n":{n},"verb":"{verb}","key":"{key}","value":"{value}","tick":{tick},"at_s":{attempted_s}}}\n'
        f'{{"n":{n},"answer":"{answer}","at_s":{answered_s or attempted_s}}}\n'
    )


def mark(name: str, at_s: float) -> Event:
    """The event that a mark was reached then."""
    return "mark", {"mark": name, "at_s": at_s}
