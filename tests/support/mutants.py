"""`make mutants`: whether the tests notice when the judge is changed. Some modules only: ARGS=harness/checks/backup.py.

The tests are collected once. They run once unchanged, which tells the tests that reach each line; then, for each
mutant, a fork of the process replaces the code of one function and runs the tests that reach its line, until one fails.
The quick tests come first; only what they do not notice is left to all tests, which take many times as long.
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
    os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["HOME"] = str(home)  # a mutant looked for the key in ours
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

    def __init__(self, asked: Sequence[Mutant], until: float) -> None:
        """Mutants after the moment `until`, by time.monotonic(), are not tried."""
        self._files = {str(mutant.path.resolve()) for mutant in asked}
        self._mutants = asked
        self._until = until
        self._items: list[pytest.Item] = []
        self._killers: dict[tuple[Path, str], list[int]] = defaultdict(list)
        self.survivors: list[Mutant] = []
        self.not_tried: list[Mutant] = []
        self.overran: list[Mutant] = []  # killed by no test that failed: they ran too long, or ended their process

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = session.items
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder, Forks(Path(folder)) as forks:
            unchanged = self._unchanged(forks)
            functions = self._functions()
            for mutant in self._mutants:
                if time.monotonic() > self._until:
                    self.not_tried.append(mutant)
                else:
                    self._try(forks, mutant, functions, unchanged)
            forks.finish()
        return True

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
            if killer is None:
                self.overran.append(mutant)
            elif killer == -1:
                self.survivors.append(mutant)
                print(f"not noticed by these tests: {shown(mutant)}", flush=True)  # noqa: T201 # a command's output
            else:
                first.append(killer)

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
    listed = listed_in(document)
    made = [mutant for path in paths for mutant in mutants(path)]
    equivalent = [mutant for mutant in made if mutant.key in listed]
    left = [mutant for mutant in made if mutant.key not in listed]
    overran: list[Mutant] = []
    not_tried: list[Mutant] = []
    until = time.monotonic() + 60 * asked.within
    options = ("-s", "-p", "no:cacheprovider", "-p", "no:terminal", "--hypothesis-seed=0")
    for tests in [asked.tests] if asked.tests else [document["quick"], document["tests"]]:
        if not left or time.monotonic() > until:
            break
        plugin = Mutants(left, until)
        if code := pytest.main([*options, *tests], plugins=[plugin]):
            return int(code)
        left, overran, not_tried = plugin.survivors, overran + plugin.overran, not_tried + plugin.not_tried
    return _told(made, equivalent, left, overran, not_tried) or _unmatched(listed, paths, made)


def _told(
    made: Sequence[Mutant],
    equivalent: Sequence[Mutant],
    survivors: Sequence[Mutant],
    overran: Sequence[Mutant],
    not_tried: Sequence[Mutant],
) -> int:
    """Say how each module fared, and all together."""
    for mutant in survivors:
        print(f"survives: {shown(mutant)}")  # noqa: T201 # a command's output
    for mutant in overran:
        print(f"killed by no test that failed, as it ran too long or ended its process: {shown(mutant)}")  # noqa: T201
    kinds = [Counter(each.path for each in kind) for kind in (made, equivalent, survivors, not_tried)]
    for path in [*dict.fromkeys(each.path for each in made), None]:
        total, same, alive, untried = (kind[path] if path else kind.total() for kind in kinds)
        judged = total - same - untried
        killed = judged - alive
        print(  # noqa: T201
            f"{path or 'all'}: {judged} mutants, {killed} killed ({100 * killed / judged if judged else 100:.1f} %), "
            f"{alive} survive; {same} are equivalent; {untried} were not tried"
        )
    return FAILED if survivors or not_tried else 0


def _unmatched(listed: Mapping[Key, str], paths: Sequence[Path], made: Sequence[Mutant]) -> int:
    """Name the listed mutants of these modules that are not made any more."""
    names, keys = {path.as_posix() for path in paths}, {mutant.key for mutant in made}
    gone = [key for key in listed if key[0] in names and key not in keys]
    for key in gone:
        print(f"{LISTED.name}: no mutant matches this entry any more; remove it: {key}")  # noqa: T201
    return FAILED if gone else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
