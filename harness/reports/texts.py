"""The sentences of the reports: reports/templates/texts.toml as values."""

import tomllib
from collections.abc import Mapping

from harness.core import resources

_FILE = tomllib.loads((resources.folder("reports/templates") / "texts.toml").read_text(encoding="utf-8"))

QUESTIONS: Mapping[str, str] = _FILE["questions"]  # what each check asks, in the order of the report
VERDICTS: Mapping[str, Mapping[str, str]] = _FILE["verdicts"]
"""What a verdict means, by the kind of run (drill, detection, proof, move) and the verdict's value."""

DEFINITIONS: Mapping[str, Mapping[str, str]] = _FILE["definitions"]
"""The words that have another meaning in a kind of run than in a drill."""

NOT_IN_FINGERPRINT: Mapping[str, Mapping[str, str]] = _FILE["not_in_fingerprint"]
"""What no fingerprint contains, by kind of database, and why."""

BARS: Mapping[str, tuple[str, str, str]] = _FILE["bars"]
WRITES: Mapping[str, str] = _FILE["writes"]
WRITE_MARKS: Mapping[str, str] = _FILE["write_marks"]
