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
    detect,
    evidence,
    maintenance,
    matrix,
    migrate,
    options,
    output,
    prove,
    run,
    runs,
    scenarios,
    schedule,
    scheduled,
    trend,
)
from harness.core.errors import HarnessError, Interrupted, Misconfigured
from harness.core.model import Verdict

MODULES = (run, detect, prove, migrate, matrix, trend, scenarios, runs, evidence, scheduled, schedule, maintenance)
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
        return output.EXIT_CODES[Verdict.UNKNOWN] if left.code else 0
    except TyperException as error:
        return output.complain(f"{error.format_message()} (see drillproof --help)", output.WRONG_USAGE)
    except Misconfigured as error:
        return output.complain(str(error), output.WRONG_USAGE)
    except (KeyboardInterrupt, Interrupted) as error:
        return output.complain(str(error) or "interrupted", output.INTERRUPTED)
    except HarnessError as error:
        return output.complain(f"UNKNOWN: {error}", output.EXIT_CODES[Verdict.UNKNOWN])
    except Exception as error:  # noqa: BLE001 # the user gets one line, the traceback a file
        from harness.workflows.runner import keep_traceback

        broke = f"UNKNOWN: drillproof broke: {type(error).__name__}: {error}{keep_traceback(options.RUNS)}"
        return output.complain(broke, output.EXIT_CODES[Verdict.UNKNOWN])
    return code if isinstance(code, int) else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt. A second one must not break the cleaning up; a third one does."""
    interruptions = 0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal interruptions
        interruptions += 1
        if interruptions == 2:  # noqa: PLR2004 # see above
            output.complain("cleaning up; once more leaves the rest to `drillproof gc`", output.INTERRUPTED)
        else:
            raise KeyboardInterrupt

    earlier = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
