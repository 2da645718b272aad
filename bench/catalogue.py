"""What the catalogue of disasters costs: all of it on one cluster after the other, and on two at once, in one run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.core import process
from harness.core.errors import HarnessError, ToolFailed
from harness.evidence.run_directory import read_json

WITHIN_S = 4 * 3600.0


def measure(words: Sequence[str], say: Path) -> dict[str, float | str]:
    """`catalogue_drills`, and for one and two workers the seconds and the verdict; `words` go to `drillproof matrix`.

    What the drills tell goes to the file `say`. HarnessError if a matrix was not made to its end.
    """
    figures: dict[str, float | str] = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory(prefix="drillproof-bench-") as folder:
            begun = time.monotonic()
            command = [sys.executable, "-m", "harness.cli", "matrix", *words]
            try:
                process.run_logged([*command, f"--workers={workers}", f"--into={folder}"], say, within_s=WITHIN_S)
            except ToolFailed as error:
                if error.exit_code not in {1, 2}:  # verdicts, which are told below
                    raise
            took_s = time.monotonic() - begun
            found = sorted(Path(folder).glob("*/matrix.json"))
            if not found:
                raise HarnessError(f"no matrix was made; see {say}")
            told = read_json(found[0])
        rows = told["rows"]
        assert isinstance(rows, list)
        figures |= {
            "catalogue_drills": float(sum(len(row["runs"]) for row in rows)),
            f"catalogue_{workers}_s": round(took_s, 1),
            f"catalogue_{workers}_verdict": str(told["verdict"]),
        }
    figures["catalogue_ratio"] = round(float(figures["catalogue_1_s"]) / float(figures["catalogue_2_s"]), 2)
    return figures


def main() -> int:
    """Measure, and print; the exit code is 0 if both matrices passed."""
    figures = measure(sys.argv[1:], Path("bench-catalogue.log"))
    for name, figure in figures.items():
        print(f"{name:24} {figure}")
    return 0 if {figures["catalogue_1_verdict"], figures["catalogue_2_verdict"]} == {"pass"} else 1


if __name__ == "__main__":
    sys.exit(main())
