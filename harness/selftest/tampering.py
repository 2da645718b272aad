"""Evidence that was edited, truncated, reordered or lost, from tampering.toml in this package. None of it may pass.

Each table of the file is a change of `file`, a pattern: the first file of the run with such a name is changed. The keys
are those of `harness.selftest.catalogue.expected`, where `objects` are patterns, too, and by default the name of the
file; `signed`, if the evidence is signed before it is changed, as a drill does at its end; and one change:

- `replace`: a text in the first line with the text `in`.
- `lines`: the lines that the file has then, as ranges of those that it had; from 1, or from -1 at its end.
- `edit`: the name of a function of this module that takes the file.

Evidence that was rewritten as a whole and signed with another key is not here: only `drillproof verify`, which knows
the right key, can detect that.
"""

import fnmatch
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core import json
from harness.core.model import Finding, Json, Verdict
from harness.evidence import journal
from harness.evidence.signing import attestation, keys
from harness.selftest import catalogue
from harness.selftest.mutation import Expected


@dataclass(frozen=True, kw_only=True)
class Tampering(Expected):
    """`edit` changes the run directory that it is given. Any check may detect it, but only as UNKNOWN."""

    edit: Callable[[Path], None]

    def missed(self, findings: Iterable[Finding]) -> str:
        """As for any mutation, but every check that reads the edited file may detect it."""
        red = tuple(findings)
        if not any(map(self.is_met_by, red)):
            return super().missed(red)
        believed = [f"{each.check}: {each.reason}: {each.detail}" for each in red if each.verdict is not self.verdict]
        return f"the evidence was believed: {believed[0]}" if believed else ""

    def is_met_by(self, finding: Finding) -> bool:
        return (
            finding.verdict is self.verdict
            and not finding.reasons.isdisjoint(self.finding.reasons)
            and all(fnmatch.filter(finding.objects, wanted) for wanted in self.finding.objects)
        )


def cut_in_a_line(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join([*lines[:-1], lines[-1][:7]]), "utf-8")


def lost(file: Path) -> None:
    file.unlink()


def added(folder: Path) -> None:
    (folder / "new.jsonl").touch()


def rewritten(file: Path) -> None:
    """The whole journal, with a valid chain and other dates."""
    events = journal.read(file)
    file.unlink()
    journal.write(file, (replace(event, at=event.at.replace("2", "1", 1)) for event in events))


_EDITS: Mapping[str, Callable[[Path], None]] = {each.__name__: each for each in (cut_in_a_line, lost, added, rewritten)}


def _tampering(name: str, entry: Mapping[str, Json]) -> Tampering:
    pattern = json.text(entry, "file")

    def edit(run: Path) -> None:
        if entry.get("signed"):
            attestation.sign_evidence(run, keys.fresh())
        file = min(run.glob(pattern))
        if "edit" in entry:
            _EDITS[json.text(entry, "edit")](file)
        else:
            lines = file.read_text("utf-8").splitlines(keepends=True)
            file.write_text("".join(_ranges(lines, entry) if "lines" in entry else _replaced(lines, entry)), "utf-8")

    told: dict[str, Json] = {"verdict": Verdict.UNKNOWN.name, "objects": [Path(pattern).name], **entry}
    return Tampering(**vars(catalogue.expected(name, told, ("file", "signed", "replace", "lines", "edit"))), edit=edit)


def _ranges(lines: list[str], entry: Mapping[str, Json]) -> Iterable[str]:
    for ends in json.items(entry, "lines"):
        first, last = (n if n > 0 else len(lines) + 1 + n for n in json.items(ends) if isinstance(n, int))
        yield from lines[first - 1 : last]


def _replaced(lines: list[str], entry: Mapping[str, Json]) -> Iterable[str]:
    where, old, new = (json.text(entry, "replace", key) for key in ("in", "old", "new"))
    at = next(number for number, line in enumerate(lines) if where in line and old in line)
    return [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]


_FILE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
TAMPERINGS = tuple(_tampering(*each) for each in _FILE["drill"].items())
EDITED = tuple(_tampering(*each) for each in _FILE["other"].items())
"""For proofs and migrations, whose good runs have a part of 20 rows."""
