"""No check is left out: what a module of checks has, a kind of run has to pass."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from hand import run

from harness import checks
from harness.checks.check import EVERY, Check
from harness.evidence.run_directory import PROOF, Run


def test_every_check_is_judged_in_the_runs_that_it_names() -> None:
    names = [each.name for each in pkgutil.iter_modules(checks.__path__)]
    modules = [importlib.import_module(f"harness.checks.{name}") for name in names]
    found = {id(each): each for module in modules for each in vars(module).values() if isinstance(each, Check)}
    assert len(found) > 25
    of_kind = {kind: checks.of_kind(kind) for kind in EVERY}
    assert tuple(of_kind.values()) == (checks.ALL, checks.PROOF, checks.MOVE)
    for check in found.values():
        assert check.kinds, check.name
        assert [kind for kind in EVERY if check in of_kind[kind]] == [kind for kind in EVERY if kind in check.kinds]


def test_no_kind_of_run_has_two_checks_of_one_name() -> None:
    for kind in EVERY:
        names = [check.name for check in checks.of_kind(kind)]
        assert len(names) == len(set(names)), kind


def test_a_run_that_does_not_say_what_it_is_has_to_pass_the_checks_of_a_drill(tmp_path: Path) -> None:
    """Else a run would escape its checks without its run.json."""
    assert checks.of(run(tmp_path, {}, (), kind=PROOF)) == checks.PROOF
    assert checks.of(run(tmp_path, {}, (), kind="new")) == checks.ALL
    assert checks.of(Run(tmp_path / "none")) == checks.ALL
