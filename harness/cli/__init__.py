"""The command line. Exit codes: 0 PASS, 1 FAIL, 2 UNKNOWN, 64 wrong usage, 130 interrupted.

To add a command: one module here with an `app` of its own, and its name in `MODULES`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer
from typer.exceptions import TyperException

from harness.cli import (
    catalogue,
    detect,
    evidence,
    machine,
    matrix,
    options,
    prove,
    run,
    runs,
    schedule,
    tell,
    trend,
    unattended,
)
from harness.errors import HarnessError, Interrupted, Misconfigured
from harness.model import Verdict

MODULES = (run, detect, prove, matrix, trend, catalogue, runs, evidence, unattended, schedule, machine)
"""The modules with our commands, in the order in which --help shows them."""

app = typer.Typer(
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    help="Prove, with evidence, that a backup really brings a stateful Kubernetes application back.",
    epilog=options.examples(
        "drillproof doctor                 is this machine fit?",
        "drillproof plan                   what the default drill will do, and how long",
        "drillproof run                    drill it",
        "drillproof open                   look at the newest report",
        "drillproof --install-completion   let your shell complete names of scenarios, runs and options",
    ),
)
for module in MODULES:
    app.add_typer(module.app)


def main(arguments: Iterable[str] | None = None) -> int:  # noqa: PLR0911 # one for each way to end
    """Run one command and return the exit code. Nothing that goes wrong shows a traceback to the user."""
    try:
        with _interruptible():
            words = None if arguments is None else list(arguments)
            code = app(words, standalone_mode=False, prog_name="drillproof")
    except SystemExit as left:
        # A completion leaves with 0. With 1, when nobody reads our output any more; but 1 is FAIL, which it is not.
        return tell.EXIT_CODES[Verdict.UNKNOWN] if left.code else 0
    except TyperException as error:
        return tell.complain(f"{error.format_message()} (see drillproof --help)", tell.WRONG_USAGE)
    except Misconfigured as error:
        return tell.complain(str(error), tell.WRONG_USAGE)
    except (KeyboardInterrupt, Interrupted) as error:
        return tell.complain(str(error) or "interrupted", tell.INTERRUPTED)
    except HarnessError as error:
        return tell.complain(f"UNKNOWN: {error}", tell.EXIT_CODES[Verdict.UNKNOWN])
    except Exception as error:  # noqa: BLE001 # the user gets one line, the traceback a file
        from harness.conduct import keep_traceback

        broke = f"UNKNOWN: drillproof broke: {type(error).__name__}: {error}{keep_traceback(options.RUNS)}"
        return tell.complain(broke, tell.EXIT_CODES[Verdict.UNKNOWN])
    return code if isinstance(code, int) else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt. A second one must not break the cleaning up; a third one does."""
    interruptions = 0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal interruptions
        interruptions += 1
        if interruptions == 2:  # noqa: PLR2004 # see above
            tell.complain("cleaning up; once more leaves the rest to `drillproof gc`", tell.INTERRUPTED)
        else:
            raise KeyboardInterrupt

    earlier = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
