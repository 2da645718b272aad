"""The progress of a run: plain lines, or a live view in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

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
    """One event in words; nothing for what only a judge needs."""
    data = event.data
    words: dict[str, Callable[[], str]] = {
        "mark": lambda: f"{text(data.get('mark'))}: {MARKS.get(text(data.get('mark')), '')}",
        "digest": lambda: f"read {_who(data)}: {_parts(data)}",
        "health": lambda: "" if data.get("ok") is True else f"{_who(data)} is not well: {text(data.get('detail'))}",
        "backup": lambda: _tool(event),
        "restore": lambda: _tool(event),
        "protected": lambda: f"{_count(data, 'volumes', 'volume')} to be copied",
        "stored": lambda: _stored(data),
        "objects": lambda: f"read {_count(data, 'parts', 'object')} of the namespace",
        "fault": lambda: f"fault {text(data.get('name'))}: {text(data.get('phase'))}",
        "damage": lambda: f"damage seen: {damage_in_words(mapping(data.get('what')))}",
        "restart": lambda: f"{text(data.get('member'))} restarted",
        "indexes": lambda: f"indexes of {_who(data)}: {text(data.get('held'))} held against their tables",
        "survivors": lambda: f"ledger of {_who(data)}: {text(data.get('rows'))} rows",
        "balances": lambda: f"balances of {_who(data)}: {_count(data, 'accounts', 'account')}",
        "source": lambda: f"{_who(data)} of the cluster that was left stays at write {text(data.get('newest'))}",
        "corrupt": lambda: f"{_who(data)} says that its data are damaged: {text(data.get('message'))}",
        "unread": lambda: f"{text(data.get('what'))} of {_who(data)} NOT read: {text(data.get('message'))}",
        "fence": lambda: (
            "this cluster has no network isolation; packets that left it were not counted"
            if data.get("there") is False
            else f"network isolation: {_count(data, 'stopped', 'packet')} stopped, {text(data.get('escaped'))} escaped"
        ),
        "selftest": lambda: f"self-test in memory: {detected(data)}",
        "write": lambda: f"new write on {text(data.get('store'))} {'' if data.get('committed') else 'NOT '}committed",
        "listing": lambda: f"the source holds {_count(data, 'objects', 'object')} ({text(data.get('when'))})",
        "fetched": lambda: f"{_count(data, 'objects', 'object')}, {_size(data.get('bytes'))} fetched",
        "fingerprint": lambda: f"fingerprint of {_who(data)}, taken {text(data.get('taken'))}",
        "newest": lambda: f"newest row of {_who(data)}: {text(data.get('newest'))} ({text(data.get('column'))})",
        "sound": lambda: f"{_who(data)} checked itself: {text(data.get('sound'))} parts sound",
        "note": lambda: text(data, "text"),
        "recovery-failed": lambda: f"the recovery failed: {text(data.get('message'))}",
        "error": lambda: f"{text(data.get('type'))}: {text(data.get('message'))}",
    }
    return words[event.kind]() if event.kind in words else ""


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


def _count(data: Json, name: str, thing: str) -> str:
    """How many things an event has: a number, or the length of a list or an object."""
    value = mapping(data).get(name)
    return plural(number(value) or len(items(value)) or len(mapping(value)), thing)


def _stored(data: Json) -> str:
    said = mapping(data)
    seen = f"{text(said.get('objects'))} objects, {_size(said.get('bytes'))} seen in the bucket"
    if damage := items(said, "damage"):
        return f"{seen}; the repository is DAMAGED: {text(damage[0])}"
    if "checked" not in said:
        return seen
    return f"{seen}; the repository {'passed its own check' if said['checked'] is True else 'was NOT checked'}"


def _who(data: Json) -> str:
    return text(data, "member") or text(data, "store")


def _parts(data: Json) -> str:
    parts = mapping(data, "parts")
    rows = sum(number(part, "rows") or 0 for part in parts.values())
    return f"{len(parts)} parts, {rows:,.0f} rows"


def _tool(event: Event) -> str:
    errors, warnings = text(event.data, "errors"), text(event.data, "warnings")
    return f"the tool says of its {event.kind}: {text(event.data.get('phase'))}, {errors} errors, {warnings} warnings"


def _size(value: Json) -> str:
    return f"{(number(value) or 0) / 1e6:.1f} MB"
