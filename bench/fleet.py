"""Time the status of a fleet of 500 targets with 20,000 signed attempts; other numbers by TARGETS ATTEMPTS_OF_EACH.

python -m bench.fleet
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from fleets import Fleets, target

from harness.campaigns.fleet import page


def main(targets: int = 500, each: int = 40) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fleets = Fleets(Path(scratch))
        read = fleets.write(*(target(f"t{n:03}", owner=f'"team {n % 25}"', rto_s="60") for n in range(targets)))
        fleets.read = lambda: read  # type: ignore[method-assign] # parsed once
        for one in read.targets:
            for n in range(each):
                fleets.attempt(one.name, 24 * (each - n) - 20)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, processor = time.monotonic(), time.process_time()
        found = fleets.status()
        text = page.render(found)
        print(f"{page.headline(found)}; {targets * each:,} attempts of {targets} targets")
        print(f"{time.monotonic() - began:.1f} s, {time.process_time() - processor:.1f} s of processor")
        print(f"{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3:.0f} MB more memory")
        print(f"a page of {len(text.encode()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
