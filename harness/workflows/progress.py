"""The progress of a run: plain lines, or a live view in a terminal."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from jinja2 import ChainableUndefined, Environment, Template, Undefined

from harness.core import wait
from harness.core.clock import Clock
from harness.core.json import items, mapping, number, text
from harness.core.model import MOVE_STEPS, PROOF_STEPS, STEPS, Event, Json
from harness.core.text import duration, one_line, plural
from harness.evidence.marks import MARKS
from harness.reports.questions import damage_in_words, detected
from harness.workflows.drill.plan import DurationEstimate, estimate
from harness.workflows.drill.request import Options
from harness.workflows.run_options import RunOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 8
"""Lines of what happened last, in the live view."""


class Progress:
    """Turns events into lines, each with the step in which it happened."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._clock = Clock()
        self.first: Event | None = None
        self.step = "prepare"
        self.begun_s: dict[str, float] = {}
        self.ended: dict[str, tuple[str, float]] = {}
        self._steps: tuple[str, ...] = ()
        self._before = DurationEstimate()
        self._begun = self._clock

    def expect(self, options: RunOptions) -> None:
        """Estimate the duration of a drill by past ones; proofs and migrations have no estimate."""
        if isinstance(options, Options):
            self._steps, self._before = options.scenario.steps, estimate(options)

    def __call__(self, event: Event) -> None:
        if self.first is None:
            self.first, self._begun = event, Clock()
        words = self._of_step(event) if event.kind == "step" else words_of(event)
        if words:
            self._show(f"[{event.at_s:7.1f} s] {self.step}: {one_line(words)}")

    def _of_step(self, event: Event) -> str:
        step, phase = text(event.data, "step"), event.data.get("phase")
        if phase == "start":
            self.step, self.begun_s[step] = step, event.at_s
            estimated = self._before.runs or step in self._steps[:1]
            return f"begun; {self.left(event.at_s)}" if estimated else "begun"
        took_s = event.at_s - self.begun_s.get(step, event.at_s)
        self.ended[step] = ("done" if phase == "end" else "FAILED"), took_s
        return f"{self.ended[step][0]} after {duration(took_s)}"

    def say(self, line: str) -> None:
        """Take a line about what is made ready before the drill begins."""
        self._show(f"[{self._clock.now_s():7.1f} s] {self.step}: {one_line(line)}")

    def left(self, at_s: float) -> str:
        """How much longer it will be by past runs, at a moment of the drill; in words."""
        if not self._before.runs:
            return "no past run like it"
        ahead = [step for step in self._steps if step not in self.ended]
        usual_s = self._before.whole_s(tuple(ahead))
        if usual_s is None:
            return "no past run like it went so far"
        goes_on = ahead and ahead[0] in self.begun_s
        spent_s = min(at_s - self.begun_s[ahead[0]], self._before.steps_s[ahead[0]]) if goes_on else 0
        return f"about {duration(usual_s - spent_s)} left by {plural(self._before.runs, 'past run')}"

    def now_s(self) -> float:
        """The moment of the drill; 0 before it begins."""
        return self._begun.now_s() if self.first else 0.0


def words_of(event: Event) -> str:
    """One event in words, as progress.toml has them; nothing for what only a judge needs."""
    template, data = _templates().get(event.kind), event.data
    who = text(data, "member") or text(data, "store")
    return template.render(data, who=who, marks=MARKS, result=data) if template else ""


@contextmanager
def watch(stream: TextIO) -> Iterator[Progress]:
    """Show events on `stream` for as long as the block lasts: live in a terminal, else line by line."""
    if not stream.isatty():
        yield Progress(lambda line: print(line, file=stream, flush=True))
        return
    from rich.console import Console  # noqa: PLC0415 # loaded only where it is seen, so that the rest starts fast
    from rich.live import Live  # noqa: PLC0415 # as above
    from rich.spinner import Spinner  # noqa: PLC0415 # as above

    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    lines: list[str] = []
    progress, spinner = Progress(lines.append), Spinner("dots", style="cyan")
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: _picture(progress, lines, spinner)):
        yield progress


def quiet() -> Progress:
    return Progress(lambda _: None)


def _picture(progress: Progress, lines: list[str], spinner: RenderableType) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 # as above
    from rich.text import Text  # noqa: PLC0415 # as above

    signs = {"done": Text("✓", style="green"), "FAILED": Text("✕", style="bold red")}
    table = Table.grid(padding=(0, 2))
    for step in _steps(progress):
        if step in progress.ended:
            how, took_s = progress.ended[step]
            table.add_row(signs[how], Text(step), Text(f"{how} after {duration(took_s)}", style="dim"))
        elif step in progress.begun_s:
            goes_on_s = progress.now_s() - progress.begun_s[step]
            table.add_row(spinner, Text(step, style="bold"), Text(f"for {duration(goes_on_s)}", style="dim"))
        else:
            table.add_row(Text("·", style="dim"), Text(step, style="dim"), Text(""))
    whole = Table.grid()
    whole.add_row(table)
    whole.add_row(Text(f"{duration(progress.now_s())} so far; {progress.left(progress.now_s())}", style="bold"))
    for each in wait.pending():
        seen = one_line(f"waiting for {each.waited_for}; last seen: {each.last_seen}")
        whole.add_row(Text(seen, style="yellow", no_wrap=True, overflow="ellipsis"))
    for line in lines[-_SHOWN:]:
        whole.add_row(Text(line, style="dim", no_wrap=True, overflow="ellipsis"))
    return whole


def _steps(progress: Progress) -> tuple[str, ...]:
    if "freeze" in progress.begun_s:
        return MOVE_STEPS
    return PROOF_STEPS if "fetch" in progress.begun_s else STEPS


@functools.cache
def _templates() -> dict[str, Template]:
    environment = Environment(undefined=ChainableUndefined, finalize=_shown, autoescape=False)  # noqa: S701 # no HTML
    environment.filters |= {"rows_of": _rows, "counted": _counted, "size": _size, "detected": detected}
    environment.filters["in_words"] = lambda damage: damage_in_words(mapping(damage))
    words = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {kind: environment.from_string(each) for kind, each in words.items()}


def _shown(value: Json | Undefined) -> str:
    return "" if isinstance(value, Undefined) else text(value)


def _rows(parts: Json) -> str:
    rows = sum(number(part, "rows") or 0 for part in mapping(parts).values())
    return f"{len(mapping(parts))} parts, {rows:,.0f} rows"


def _counted(value: Json, thing: str) -> str:
    """How many things it is: a number, or the length of a list or an object."""
    return plural(number(value) or len(items(value)) or len(mapping(value)), thing)


def _size(value: Json) -> str:
    return f"{(number(value) or 0) / 1e6:.1f} MB"
