"""Evidence that somebody edited, cut, mixed up or lost. None of it may pass, and the file must be named.

What is not here: evidence that was written anew as a whole, and signed anew with another key. Only who knows the right
key can tell (`drillproof verify`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence import journal
from harness.evidence.journal import SCHEMA
from harness.evidence.signing import attestation, keys
from harness.selftest.mutation import Expected, Why

Lines = list[str]


@dataclass(frozen=True, kw_only=True)
class Forgery(Expected):
    """`forge` edits the run directory that it is given. Any check may notice it, but as UNKNOWN, and never as more.

    `objects` may be patterns of file names: those of the ledger depend on the stores that were drilled.
    """

    check: str = ""
    verdict: Verdict = Verdict.UNKNOWN
    forge: Callable[[Path], None]

    def missed(self, findings: Iterable[Finding]) -> str:
        """As for any sabotage, but every check that reads what was edited may notice it."""
        red = tuple(findings)
        named = next((finding for finding in red if self._is_named_by(finding)), None)
        if named is None:
            return super().missed(red)
        believed = [finding for finding in red if finding.verdict is not Verdict.UNKNOWN]
        return f"it was believed: {believed[0].check}: {believed[0].reason}: {believed[0].detail}" if believed else ""

    def _names(self, objects: Collection[str]) -> bool:
        return all(fnmatch.filter(objects, wanted) for wanted in self.why.objects)

    def _is_named_by(self, finding: Finding) -> bool:
        return finding.verdict is self.verdict and self._is_why(finding)


def edited(file: str, change: Callable[[Lines], Lines]) -> Callable[[Path], None]:
    """Edit the lines of a file, which end in a newline each."""

    def forge(path: Path) -> None:
        lines = (path / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (path / file).write_text("".join(change(lines)), encoding="utf-8")

    return forge


def replaced(number: int, old: str, new: str) -> Callable[[Lines], Lines]:
    """Change a text in one line; `number` counts from 1."""

    def change(lines: Lines) -> Lines:
        assert old in lines[number - 1]
        return [*lines[: number - 1], lines[number - 1].replace(old, new, 1), *lines[number:]]

    return change


def first(kind: str, old: str, new: str) -> Callable[[Lines], Lines]:
    """Change a text in the first line that holds `kind`."""

    def change(lines: Lines) -> Lines:
        number = next(number for number, line in enumerate(lines, 1) if kind in line and old in line)
        return replaced(number, old, new)(lines)

    return change


def removed(file: str) -> Callable[[Path], None]:
    """Lose a file."""
    return lambda path: (path / file).unlink()


def of_store(pattern: str, change: Callable[[Lines], Lines]) -> Callable[[Path], None]:
    """Edit the first file of the ledger whose name is like `pattern`."""
    return lambda path: edited(f"ledger/{_named(path, pattern)[0]}", change)(path)


def signed(forge: Callable[[Path], None]) -> Callable[[Path], None]:
    """Sign the evidence first, as a drill does at its end."""

    def sign(path: Path) -> None:
        attestation.sign_evidence(path, keys.fresh())
        forge(path)

    return sign


def written_anew(path: Path) -> None:
    """Tell the whole journal anew, with a chain that holds: all of it was in another millennium."""
    events = journal.read(path / JOURNAL)
    (path / JOURNAL).unlink()
    journal.write(path / JOURNAL, (replace(event, at=event.at.replace("2", "1", 1)) for event in events))


def _named(path: Path, pattern: str) -> list[str]:
    return sorted(file.name for file in (path / "ledger").glob(pattern))


JOURNAL, RUN = "journal.jsonl", "run.json"
ATTEMPTS, SHOWN = "[!@]*[!0-9].jsonl", "*@*.jsonl"

FORGERIES = (
    Forgery(name="a digest in the journal", why=Why(Reason.EvidenceAltered, "journal.jsonl"),
            forge=edited(JOURNAL, first('"when":"after"', '"rows":', '"rows": '))),
    Forgery(name="a health in the journal", why=Why(Reason.EvidenceAltered, "journal.jsonl"),
            forge=edited(JOURNAL, first('"kind":"health"', '"ok":true', '"ok":1   '))),
    Forgery(name="a mark's time", why=Why(Reason.EvidenceAltered, "journal.jsonl"),
            forge=edited(JOURNAL, first('"mark":"T1"', '"at":"2', '"at":"3'))),
    Forgery(name="a mark that never was", why=Why(Reason.EvidenceAltered, "journal.jsonl", "line 9"),
            forge=edited(JOURNAL, lambda lines: [*lines[:8], lines[8].replace('"step"', '"mark"'), *lines[9:]])),
    Forgery(name="a line of the journal taken out", why=Why(Reason.EvidenceAltered, "journal.jsonl", "line 31"),
            forge=edited(JOURNAL, lambda lines: lines[:30] + lines[31:])),
    Forgery(name="a line of the journal twice", why=Why(Reason.EvidenceAltered, "journal.jsonl", "line 31"),
            forge=edited(JOURNAL, lambda lines: lines[:30] + lines[29:])),
    Forgery(name="two lines of the journal swapped", why=Why(Reason.EvidenceAltered, "journal.jsonl", "line 30"),
            forge=edited(JOURNAL, lambda lines: [*lines[:29], lines[30], lines[29], *lines[31:]])),
    Forgery(name="the journal's end cut off", why=Why(Reason.JournalTruncated),
            forge=edited(JOURNAL, lambda lines: lines[:-1])),
    Forgery(name="the journal cut in the middle of a line", why=Why(Reason.JournalTruncated, "journal.jsonl"),
            forge=edited(JOURNAL, lambda lines: [*lines[:-1], lines[-1][:7]])),
    Forgery(name="a line appended to the journal", why=Why(Reason.EvidenceAltered, "journal.jsonl"),
            forge=edited(JOURNAL, lambda lines: [*lines, lines[-1]])),
    Forgery(name="the journal emptied", why=Why(Reason.EvidenceUnreadable, "journal.jsonl", "line 1"),
            forge=edited(JOURNAL, lambda _: [])),
    Forgery(name="the journal lost", why=Why(Reason.EvidenceMissing, "journal.jsonl"), forge=removed(JOURNAL)),
    Forgery(name="no JSON in the journal", why=Why(Reason.EvidenceUnreadable, "journal.jsonl", "line 5"),
            forge=edited(JOURNAL, lambda lines: [*lines[:4], "nonsense\n", *lines[5:]])),
    Forgery(name="a journal of a newer schema", why=Why(Reason.SchemaUnsupported, "journal.jsonl"),
            forge=edited(JOURNAL, replaced(1, f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))),
    Forgery(name="a journal of an older schema", why=Why(Reason.SchemaUnsupported, "journal.jsonl"),
            forge=edited(JOURNAL, replaced(1, f'"schema":{SCHEMA}', f'"schema":{SCHEMA - 1}'))),
    Forgery(name="a write in the ledger", why=Why(Reason.EvidenceAltered, ATTEMPTS),
            forge=of_store(ATTEMPTS, replaced(1, '"verb":"put"', '"verb":"update"'))),
    Forgery(name="a write taken out of the ledger", why=Why(Reason.EvidenceAltered, ATTEMPTS),
            forge=of_store(ATTEMPTS, lambda lines: lines[2:])),
    Forgery(name="the ledger's end cut off", why=Why(Reason.EvidenceAltered, ATTEMPTS),
            forge=of_store(ATTEMPTS, lambda lines: lines[:-2])),
    Forgery(name="the ledger emptied", why=Why(Reason.EvidenceAltered, ATTEMPTS),
            forge=of_store(ATTEMPTS, lambda _: [])),
    Forgery(name="the ledger lost", why=Why(Reason.EvidenceMissing, ATTEMPTS),
            forge=lambda path: removed(f"ledger/{_named(path, ATTEMPTS)[0]}")(path)),
    Forgery(name="a row added to what a member showed", why=Why(Reason.EvidenceAltered, SHOWN),
            forge=of_store(SHOWN, lambda lines: [*lines, lines[-1]])),
    Forgery(name="a row taken out of what a member showed", why=Why(Reason.EvidenceAltered, SHOWN),
            forge=of_store(SHOWN, lambda lines: lines[1:])),
    Forgery(name="what a member showed in another order", why=Why(Reason.EvidenceAltered, SHOWN),
            forge=of_store(SHOWN, lambda lines: lines[::-1])),
    Forgery(name="what a member showed lost", why=Why(Reason.EvidenceMissing, SHOWN),
            forge=lambda path: removed(f"ledger/{_named(path, SHOWN)[0]}")(path)),
    Forgery(name="an objective made easier", why=Why(Reason.EvidenceAltered, "run.json"),
            forge=edited(RUN, first("rto_s", "rto_s", "was_rto_s"))),
    Forgery(name="a member left out", why=Why(Reason.EvidenceAltered, "run.json"),
            forge=edited(RUN, first("-2", "-2", "-1"))),
    Forgery(name="run.json lost", why=Why(Reason.EvidenceMissing, "run.json"), forge=removed(RUN)),
    Forgery(name="run.json is no JSON", why=Why(Reason.EvidenceAltered, "run.json"),
            forge=edited(RUN, lambda _: ["{\n"])),
    Forgery(name="the signed journal written anew, with all its chain", check="evidence-signed",
            why=Why(Reason.EvidenceAltered, "journal.jsonl"), forge=signed(written_anew)),
    Forgery(name="a file put into the signed ledger", check="evidence-signed",
            why=Why(Reason.EvidenceAdded, "ledger/new.jsonl"),
            forge=signed(lambda path: (path / "ledger" / "new.jsonl").touch())),
    Forgery(name="the signed statement edited", check="evidence-signed",
            why=Why(Reason.SignatureInvalid, "signed/evidence.dsse.json"),
            forge=signed(edited("signed/evidence.dsse.json", first('"payload"', '"ey', '"ez')))),
    Forgery(name="the signature's key lost", check="evidence-signed",
            why=Why(Reason.EvidenceMissing, "signed/evidence.pub"), forge=signed(removed("signed/evidence.pub"))),
)  # fmt: skip
"""One line of a table each, so it is not formatted."""

EDITED = (
    Forgery(
        name="run.json asks for less",
        why=Why(Reason.EvidenceAltered, "run.json"),
        forge=edited("run.json", lambda lines: lines[:-1]),
    ),
    Forgery(
        name="a digest edited",
        why=Why(Reason.EvidenceAltered, "journal.jsonl"),
        forge=edited("journal.jsonl", lambda lines: [line.replace('"rows":20', '"rows":21') for line in lines]),
    ),
)
"""Of a proof and of a migration, each of whose good ones has a part of 20 rows."""
