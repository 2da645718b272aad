"""`make mutants`: whether the tests notice when the judge is changed. Some modules only: ARGS=harness/checks/backup.py.

The tests are collected once. They run once unchanged, which tells the tests that reach each line; then, for each
mutant, a fork of the process replaces the code of one function and runs the tests that reach its line, until one fails.
A mutant that survives is an error, unless tests/mutants.toml lists it as equivalent, with the reason.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, Self

import pytest
from _pytest.runner import runtestprotocol
from mutation import AS_PASS, Mutant, functions_of, mutants

from harness.core.model import Finding, Verdict

LISTED = Path(__file__).parents[1] / "mutants.toml"
PROCESSES = 2
SLOWER = 10  # how many times as long as unchanged, and 30 s, the tests of a mutant may take
MEMORY_BYTES = 8 << 30
FEW = 5
FAILED = 1
MISUSED = 64

Key = tuple[str, str, str, str, int]
Line = tuple[str, int]


@dataclass
class Unchanged:
    """What the tests do without a mutant, by their places in the collection."""

    reach: dict[Line, set[int]] = field(default_factory=lambda: defaultdict(set))
    took_s: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)


class Forks:
    """Runs functions in forks of this process, two at a time; a result is what the function returns."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o711)  # a database that a test starts is another user's
        self._folder = folder
        self._running: dict[int, tuple[Path, float, Callable[[Any], None]]] = {}

    def start(self, what: Callable[[], object], within_s: float, then: Callable[[Any], None]) -> None:
        """Call `then` with the result, None if there is none within the time. Waits for a free place."""
        while len(self._running) >= PROCESSES:
            self._reap()
        home = Path(tempfile.mkdtemp(dir=self._folder))
        home.chmod(0o711)
        pid = os.fork()
        if pid == 0:
            _alone(what, home)
        self._running[pid] = home, time.monotonic() + within_s, then

    def finish(self) -> None:
        while self._running:
            self._reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._running:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _reap(self) -> None:
        for pid, (home, until, then) in list(self._running.items()):
            late = time.monotonic() > until
            if late:
                os.killpg(pid, signal.SIGKILL)
            if os.waitpid(pid, 0 if late else os.WNOHANG)[0]:
                del self._running[pid]
                result = home / "result"
                then(pickle.loads(result.read_bytes()) if result.exists() else None)  # noqa: S301 # our own
                shutil.rmtree(home, ignore_errors=True)
        threading.Event().wait(0.005)


def _alone(what: Callable[[], object], home: Path) -> None:
    """In the fork: a process group and a folder of its own, and silence."""
    os.setsid()
    gc.freeze()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(home)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    try:
        (home / "new").write_bytes(pickle.dumps(what()))
        (home / "new").rename(home / "result")
    finally:
        os._exit(0)


class Mutants:
    """A pytest plugin: instead of running the tests once, runs them for each mutant."""

    def __init__(self, paths: Sequence[Path], listed: Mapping[Key, str], within_s: float) -> None:
        self._files = {str(path.resolve()) for path in paths}
        self._mutants = [mutant for path in paths for mutant in mutants(path)]
        self._listed = listed
        self._until = time.monotonic() + within_s
        self._items: list[pytest.Item] = []
        self._killers: dict[tuple[Path, str], list[int]] = defaultdict(list)
        self.survivors: list[Mutant] = []
        self.killed = self.equivalent = self.not_tried = 0
        self._left = Counter(mutant.path for mutant in self._mutants)
        self._survived: Counter[Path] = Counter()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = session.items
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder, Forks(Path(folder)) as forks:
            unchanged = self._unchanged(forks)
            functions = self._functions()
            for mutant in self._mutants:
                if mutant.key in self._listed:
                    self.equivalent += 1
                    self._done(mutant)
                elif time.monotonic() > self._until:
                    self.not_tried += 1
                else:
                    self._try(forks, mutant, functions, unchanged)
            forks.finish()
        return True

    def _done(self, mutant: Mutant) -> None:
        """Tell how a module fared, once all of its mutants were tried."""
        path = mutant.path
        self._left[path] -= 1
        if not self._left[path]:
            number = sum(each.path == path for each in self._mutants)
            print(f"{path}: {number} mutants, {self._survived[path]} survive", flush=True)  # noqa: T201 # as above

    def unmatched(self) -> list[Key]:
        """The listed mutants of these modules that are not made any more."""
        made = {mutant.key for mutant in self._mutants}
        return [key for key in self._listed if str(Path(key[0]).resolve()) in self._files and key not in made]

    def _unchanged(self, forks: Forks) -> Unchanged:
        """Every test once, by files, half of them in each process."""
        whole = Unchanged()

        def add(part: Unchanged | None) -> None:
            if part is None or len(part.failed) > FEW:
                why = "the tests must pass before they can notice anything: run `make test`"
                print(why, file=sys.stderr)  # noqa: T201 # a command's output
                pytest.exit(why, FAILED)
            for n in part.failed:  # under load, say; without it, no mutant looks killed that is not
                print(f"left out, as it fails unchanged: {self._items[n].nodeid}", file=sys.stderr)  # noqa: T201
            whole.took_s |= part.took_s
            for line, tests in part.reach.items():
                whole.reach[line] |= tests

        files = list(dict.fromkeys(item.path for item in self._items))
        for first in range(min(PROCESSES, len(files))):
            mine = set(files[first::PROCESSES])
            chosen = [n for n, item in enumerate(self._items) if item.path in mine]
            forks.start(lambda chosen=chosen: self._trace(chosen), 1800, add)  # type: ignore[misc] # bound now
        forks.finish()
        return whole

    def _trace(self, chosen: Sequence[int]) -> Unchanged:
        seen = Unchanged()
        lines: set[Line] = set()

        def trace(frame: FrameType, _: str, __: object) -> object:
            if frame.f_code.co_filename not in self._files:
                return None
            lines.add((frame.f_code.co_filename, frame.f_lineno))
            return trace

        threading.settrace(trace)  # type: ignore[arg-type] # as it is called
        for n, following in zip(chosen, [*chosen[1:], None], strict=True):
            lines.clear()
            began = time.monotonic()
            sys.settrace(trace)  # type: ignore[arg-type] # as it is called
            failed = self._fails(n, following)
            sys.settrace(None)
            seen.took_s[n] = time.monotonic() - began
            if failed:
                seen.failed.add(n)
                continue
            for line in lines:
                seen.reach[line].add(n)
        return replace(seen, reach=dict(seen.reach))

    def _fails(self, n: int, following: int | None) -> bool:
        after = None if following is None else self._items[following]
        reports = runtestprotocol(self._items[n], log=False, nextitem=after)
        return any(report.failed for report in reports)

    def _functions(self) -> Mapping[tuple[str, str, int], list[FunctionType]]:
        """All functions of the mutated modules, wherever they are held."""
        found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename in self._files:
                code = each.__code__
                found[code.co_filename, code.co_qualname, code.co_firstlineno].append(each)
        return found

    def _try(
        self,
        forks: Forks,
        mutant: Mutant,
        functions: Mapping[tuple[str, str, int], list[FunctionType]],
        unchanged: Unchanged,
    ) -> None:
        file = str(mutant.path.resolve())
        reached = unchanged.reach.get((file, mutant.line), set())
        first = self._killers[mutant.path, mutant.function]
        tests = sorted(reached, key=lambda n: (-first.count(n), unchanged.took_s[n]))
        (code,) = (each for each in functions_of(mutant.code) if each.co_qualname == mutant.function)

        def run() -> int | None:
            for each in functions[file, code.co_qualname, code.co_firstlineno]:
                each.__code__ = code
                each.__globals__[AS_PASS] = _as_pass
            return next((n for n, then in zip(tests, [*tests[1:], None], strict=False) if self._fails(n, then)), -1)

        def note(killer: int | None) -> None:
            if killer == -1:
                self.survivors.append(mutant)
                self._survived[mutant.path] += 1
                print(f"survives: {shown(mutant)}", flush=True)  # noqa: T201 # a command's output
            else:
                self.killed += 1
                if killer is not None:
                    first.append(killer)
            self._done(mutant)

        forks.start(run, 30 + SLOWER * sum(unchanged.took_s[n] for n in tests), note)


def _as_pass(made: Callable[..., Finding]) -> Callable[..., Finding]:
    return lambda *given, **named: replace(made(*given, **named), verdict=Verdict.PASS)


def shown(mutant: Mutant) -> str:
    nth = f" (number {mutant.nth})" if mutant.nth > 1 else ""
    return f"{mutant.path}:{mutant.line} {mutant.function}{nth}\n  - {mutant.was}\n  + {mutant.becomes}"


def listed_in(document: Mapping[str, Any]) -> dict[Key, str]:
    """The equivalent mutants, by their keys, with the reasons."""
    found = {}
    for each in document.get("equivalent", []):
        key = each["module"], each["function"], each["was"], each["becomes"], each.get("nth", 1)
        if key in found or not each["reason"].strip():
            sys.exit(f"{LISTED.name}: listed twice, or without a reason: {each}")
        found[key] = each["reason"]
    return found


def main(arguments: Iterable[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants ARGS='…'")
    parser.add_argument("path", nargs="*", type=Path, help="the modules to mutate; all of tests/mutants.toml if none")
    parser.add_argument("--within", type=float, default=60, metavar="MINUTES", help="mutants after that are not tried")
    parser.add_argument("--tests", nargs="+", help="only these tests, to see sooner what they notice")
    asked = parser.parse_args(list(arguments))
    document = tomllib.loads(LISTED.read_text("utf-8"))
    known = [path for pattern in document["modules"] for path in sorted(Path().glob(pattern))]
    if strangers := sorted({*asked.path} - {*known}):
        print(f"not among the modules of {LISTED.name}: {', '.join(map(str, strangers))}", file=sys.stderr)  # noqa: T201
        return MISUSED
    paths = asked.path or known
    for path in paths:
        importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    plugin = Mutants(paths, listed_in(document), 60 * asked.within)
    options = ("-s", "-p", "no:cacheprovider", "-p", "no:terminal", "--hypothesis-seed=0")
    code = pytest.main([*options, *(asked.tests or document["tests"])], plugins=[plugin])
    if code:
        return int(code)
    gone = plugin.unmatched()
    for key in gone:
        print(f"{LISTED.name}: no mutant matches this entry any more; remove it: {key}")  # noqa: T201
    judged = plugin.killed + len(plugin.survivors)
    rate = 100 * plugin.killed / judged if judged else 100.0
    print(  # noqa: T201
        f"{judged} mutants, {plugin.killed} killed ({rate:.1f} %), {len(plugin.survivors)} survive; "
        f"{plugin.equivalent} are equivalent; {plugin.not_tried} were not tried"
    )
    return FAILED if plugin.survivors or gone or plugin.not_tried else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
