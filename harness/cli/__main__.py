"""The program `drillproof`, also as `python -m harness.cli`."""

import os
import sys


def main() -> int:
    """Run one command. Exit code 1 means FAIL, but Python also exits with 1 if the harness cannot be imported."""
    try:
        from harness.cli.app import main as run
    except KeyboardInterrupt:
        return 130
    except BaseException as error:  # noqa: BLE001 # see above
        return give_up(error)
    return run()


def give_up(error: BaseException) -> int:
    """Name an error without memory, disk or library, since there may be none; the exit code of UNKNOWN."""
    try:
        os.write(2, b"drillproof: UNKNOWN: internal error: " + type(error).__name__.encode() + b"\n")
    except (OSError, MemoryError):
        return 2
    return 2


if __name__ == "__main__":
    sys.exit(main())
