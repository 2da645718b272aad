"""The command line. Exit codes: 0 PASS, 1 FAIL, 2 UNKNOWN, 64 wrong usage, 130 interrupted.

To add a command: `options.command` in one of the `MODULES`, or in a new one, and its texts in commands.toml.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from harness.cli import evidence, fleet, maintenance, migrate, options, output, prove, run, schedule
from harness.cli.__main__ import give_up
from harness.core.errors import HarnessError, Interrupted, Misconfigured
from harness.core.model import Verdict

if TYPE_CHECKING:
    from typer._click.core import Command, Context  # typer has no public names for them
    from typer._click.formatting import HelpFormatter

MODULES = (evidence, fleet, maintenance, migrate, prove, run, schedule)  # their functions are the commands
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
RENAMED = options.COMMANDS["renamed"]  # commands and options with another name than before


class _Commands(TyperGroup):
    """Commands under headings. The error for an old name says the new one."""

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        if args and args[0] in RENAMED and not ctx.resilient_parsing:
            ctx.fail(f"`drillproof {args[0]}` is now `drillproof {RENAMED[args[0]]}`")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 # typer's signature
        width = max(map(len, self.commands))
        sections: dict[str | None, list[tuple[str, str]]] = {section: [] for section in options.SECTIONS}
        for name, each in self.commands.items():
            if isinstance(each, TyperCommand | TyperGroup) and not each.hidden:
                sections[each.rich_help_panel].append((name.ljust(width), each.get_short_help_str(formatter.width)))
        for section, rows in sections.items():
            with formatter.section(str(section)):
                formatter.write_dl(rows)


def _tree() -> typer.Typer:
    """All commands, in the order of commands.toml. Each is in a nameless part, or typer would put the groups last."""
    root = typer.Typer(cls=_Commands, rich_markup_mode=None, context_settings=_SETTINGS, **options.texts("drillproof"))
    groups = {"": root}
    for words, about in options.COMMANDS.items():
        group, _, name = words.rpartition(" ")
        section = about.get("section")
        if words in options.REGISTERED:
            part = typer.Typer()
            part.command(name, rich_help_panel=section, **options.texts(words))(options.REGISTERED[words])
            groups[group].add_typer(part)
        elif section:
            groups[words] = typer.Typer(rich_markup_mode=None, context_settings=_SETTINGS, **options.texts(words))
            root.add_typer(groups[words], name=words, rich_help_panel=section)
    return root


app = _tree()


def main(arguments: Iterable[str] | None = None) -> int:
    """Run one command and return its exit code; 1 only for FAIL, whatever breaks. The user never sees a traceback."""
    try:
        return _main(arguments)
    except BaseException as error:  # noqa: BLE001 # Python would exit with 1
        return give_up(error)


def _main(arguments: Iterable[str] | None) -> int:
    try:
        with _interruptible(), output.internal_errors(options.RUNS):
            words = None if arguments is None else list(arguments)
            code = app(words, standalone_mode=False, prog_name="drillproof")
    except SystemExit as exited:
        # Completion exits with 0. typer exits with 1 when nobody reads our output any more; but 1 is FAIL.
        return output.EXIT_CODES[Verdict.UNKNOWN] if exited.code else 0
    except TyperException as error:
        name = getattr(error, "option_name", "")
        message = f"`{name}` is now `{RENAMED[name]}`" if name in RENAMED else error.format_message()
        return output.error(f"{message} (see drillproof --help)", output.WRONG_USAGE)
    except Misconfigured as error:
        return output.error(str(error), output.WRONG_USAGE)
    except (KeyboardInterrupt, Interrupted) as error:
        return output.error(str(error) or "interrupted", output.INTERRUPTED)
    except HarnessError as error:
        return output.error(f"UNKNOWN: {error}", output.EXIT_CODES[Verdict.UNKNOWN])
    return code if isinstance(code, int) else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt. The second one does not stop the cleanup; the third does.

    SIGHUP comes when the terminal or its SSH session is lost. `nohup` ignores it, and so do we then.
    """
    interruptions = 0

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal interruptions
        interruptions += 1
        if number == signal.SIGHUP:
            _leave_terminal()
        if interruptions == 2:  # noqa: PLR2004 # see above
            output.error("cleaning up; press again to stop, and run `drillproof gc` later", output.INTERRUPTED)
        else:
            raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    earlier = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Write nothing to the lost terminal any more: each line would raise, and stop the cleanup."""
    with Path(os.devnull).open("r+b", buffering=0) as nothing:
        for stream in (0, 1, 2):
            if os.isatty(stream):
                os.dup2(nothing.fileno(), stream)
