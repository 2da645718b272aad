"""Evidence that was edited, truncated, reordered or lost. None of it may pass, and the finding must name the file.

Evidence that was rewritten as a whole and signed with another key is not here: only `drillproof verify`, which knows
the right key, can detect that.
"""

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
Edit = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class Tampering(Expected):
    """`edit` changes the run directory that it is given. Any check may detect it, but only as UNKNOWN.

    `objects` may be patterns of file names: those of the ledger depend on the stores that were drilled.
    """

    check: str = ""
    verdict: Verdict = Verdict.UNKNOWN
    edit: Edit

    def missed(self, findings: Iterable[Finding]) -> str:
        """As for any mutation, but every check that reads the edited file may detect it."""
        red = tuple(findings)
        named = next((finding for finding in red if self._is_named_by(finding)), None)
        if named is None:
            return super().missed(red)
        believed = [finding for finding in red if finding.verdict is not Verdict.UNKNOWN]
        return (
            f"the evidence was believed: {believed[0].check}: {believed[0].reason}: {believed[0].detail}"
            if believed
            else ""
        )

    def _names(self, objects: Collection[str]) -> bool:
        return all(fnmatch.filter(objects, wanted) for wanted in self.why.objects)

    def _is_named_by(self, finding: Finding) -> bool:
        return finding.verdict is self.verdict and self._has_reason(finding)


def tampering(name: str, why: Why | Reason, edit: Edit, check: str = "") -> Tampering:
    """Evidence that `edit` changes; with a `check`, that one must detect it."""
    return Tampering(name=name, why=why if isinstance(why, Why) else Why(why), edit=edit, check=check)


def altered(name: str, file: str, change: Callable[[Lines], Lines]) -> Tampering:
    """Evidence of which one file has other lines, and must be reported as altered."""
    return tampering(name, Why(Reason.EvidenceAltered, file), edited(file, change))


def edited(file: str, change: Callable[[Lines], Lines]) -> Edit:
    """Edit the lines of a file, which end in a newline each."""

    def edit(path: Path) -> None:
        lines = (path / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (path / file).write_text("".join(change(lines)), encoding="utf-8")

    return edit


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


def removed(file: str) -> Edit:
    """Lose a file."""
    return lambda path: (path / file).unlink()


def of_store(pattern: str, change: Callable[[Lines], Lines]) -> Edit:
    """Edit the first file of the ledger whose name is like `pattern`."""
    return lambda path: edited(f"ledger/{_named(path, pattern)[0]}", change)(path)


def signed(edit: Edit) -> Edit:
    """Sign the evidence first, as a drill does at its end."""

    def sign(path: Path) -> None:
        attestation.sign_evidence(path, keys.fresh())
        edit(path)

    return sign


def rewritten(path: Path) -> None:
    """Rewrite the whole journal, with a valid chain and other dates."""
    events = journal.read(path / JOURNAL)
    (path / JOURNAL).unlink()
    journal.write(path / JOURNAL, (replace(event, at=event.at.replace("2", "1", 1)) for event in events))


def _named(path: Path, pattern: str) -> list[str]:
    return sorted(file.name for file in (path / "ledger").glob(pattern))


JOURNAL, RUN = "journal.jsonl", "run.json"
ATTEMPTS, SHOWN = "[!@]*[!0-9].jsonl", "*@*.jsonl"

TAMPERINGS = (
    altered("a digest in the journal", JOURNAL, first('"when":"after"', '"rows":', '"rows": ')),
    altered("a health in the journal", JOURNAL, first('"kind":"health"', '"ok":true', '"ok":1   ')),
    altered("a mark's time", JOURNAL, first('"mark":"T1"', '"at":"2', '"at":"3')),
    tampering("a mark that was not reached", Why(Reason.EvidenceAltered, "journal.jsonl", "line 9"),
        edited(JOURNAL, lambda lines: [*lines[:8], lines[8].replace('"step"', '"mark"'), *lines[9:]])),
    tampering("a line of the journal removed", Why(Reason.EvidenceAltered, "journal.jsonl", "line 31"),
        edited(JOURNAL, lambda lines: lines[:30] + lines[31:])),
    tampering("a line of the journal duplicated", Why(Reason.EvidenceAltered, "journal.jsonl", "line 31"),
        edited(JOURNAL, lambda lines: lines[:30] + lines[29:])),
    tampering("two lines of the journal swapped", Why(Reason.EvidenceAltered, "journal.jsonl", "line 30"),
        edited(JOURNAL, lambda lines: [*lines[:29], lines[30], lines[29], *lines[31:]])),
    tampering("the journal's end cut off", Reason.JournalTruncated, edited(JOURNAL, lambda lines: lines[:-1])),
    tampering("the journal cut in the middle of a line", Why(Reason.JournalTruncated, "journal.jsonl"),
        edited(JOURNAL, lambda lines: [*lines[:-1], lines[-1][:7]])),
    altered("a line appended to the journal", JOURNAL, lambda lines: [*lines, lines[-1]]),
    tampering("the journal emptied", Why(Reason.EvidenceUnreadable, "journal.jsonl", "line 1"),
        edited(JOURNAL, lambda _: [])),
    tampering("the journal lost", Why(Reason.EvidenceMissing, "journal.jsonl"), removed(JOURNAL)),
    tampering("invalid JSON in the journal", Why(Reason.EvidenceUnreadable, "journal.jsonl", "line 5"),
        edited(JOURNAL, lambda lines: [*lines[:4], "nonsense\n", *lines[5:]])),
    tampering("a journal of a newer schema", Why(Reason.SchemaUnsupported, "journal.jsonl"),
        edited(JOURNAL, replaced(1, f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))),
    tampering("a journal of an older schema", Why(Reason.SchemaUnsupported, "journal.jsonl"),
        edited(JOURNAL, replaced(1, f'"schema":{SCHEMA}', f'"schema":{SCHEMA - 1}'))),
    tampering("a write in the ledger", Why(Reason.EvidenceAltered, ATTEMPTS),
        of_store(ATTEMPTS, replaced(1, '"verb":"put"', '"verb":"update"'))),
    tampering("a write removed from the ledger", Why(Reason.EvidenceAltered, ATTEMPTS),
        of_store(ATTEMPTS, lambda lines: lines[2:])),
    tampering("the ledger's end cut off", Why(Reason.EvidenceAltered, ATTEMPTS),
        of_store(ATTEMPTS, lambda lines: lines[:-2])),
    tampering("the ledger emptied", Why(Reason.EvidenceAltered, ATTEMPTS), of_store(ATTEMPTS, lambda _: [])),
    tampering("the ledger lost", Why(Reason.EvidenceMissing, ATTEMPTS),
        lambda path: removed(f"ledger/{_named(path, ATTEMPTS)[0]}")(path)),
    tampering("a row added to a member's rows", Why(Reason.EvidenceAltered, SHOWN),
        of_store(SHOWN, lambda lines: [*lines, lines[-1]])),
    tampering("a row removed from a member's rows", Why(Reason.EvidenceAltered, SHOWN),
        of_store(SHOWN, lambda lines: lines[1:])),
    tampering("a member's rows in another order", Why(Reason.EvidenceAltered, SHOWN),
        of_store(SHOWN, lambda lines: lines[::-1])),
    tampering("a member's rows lost", Why(Reason.EvidenceMissing, SHOWN),
        lambda path: removed(f"ledger/{_named(path, SHOWN)[0]}")(path)),
    altered("an objective made easier", RUN, first("rto_s", "rto_s", "was_rto_s")),
    altered("a member removed from run.json", RUN, first("-2", "-2", "-1")),
    tampering("run.json lost", Why(Reason.EvidenceMissing, "run.json"), removed(RUN)),
    altered("run.json is invalid JSON", RUN, lambda _: ["{\n"]),
    tampering("the signed journal rewritten, with a valid chain", Why(Reason.EvidenceAltered, "journal.jsonl"),
        signed(rewritten), check="evidence-signed"),
    tampering("a file added to the signed ledger", Why(Reason.EvidenceAdded, "ledger/new.jsonl"),
        signed(lambda path: (path / "ledger" / "new.jsonl").touch()), check="evidence-signed"),
    tampering("the signed statement edited", Why(Reason.SignatureInvalid, "signed/evidence.dsse.json"),
        signed(edited("signed/evidence.dsse.json", first('"payload"', '"ey', '"ez'))), check="evidence-signed"),
    tampering("the signature's key lost", Why(Reason.EvidenceMissing, "signed/evidence.pub"),
        signed(removed("signed/evidence.pub")), check="evidence-signed"),
)  # fmt: skip
"""A table, so it is not formatted."""

EDITED = (
    altered("run.json truncated", RUN, lambda lines: lines[:-1]),
    altered("a digest edited", JOURNAL, lambda lines: [line.replace('"rows":20', '"rows":21') for line in lines]),
    tampering("run.json lost", Why(Reason.EvidenceMissing, "run.json"), removed(RUN)),
)
"""For proofs and migrations, whose good runs have a part of 20 rows."""
