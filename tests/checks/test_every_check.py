"""No check is left out: what a module of checks has, a kind of run has to pass."""

from __future__ import annotations

import importlib
import pkgutil

from harness import checks
from harness.checks.check import EVERY, Check

OF_KIND = dict(zip(EVERY, (checks.ALL, checks.PROOF, checks.MOVE), strict=True))


def test_every_check_is_judged_in_the_runs_that_it_names() -> None:
    names = [each.name for each in pkgutil.iter_modules(checks.__path__)]
    modules = [importlib.import_module(f"harness.checks.{name}") for name in names]
    found = {id(each): each for module in modules for each in vars(module).values() if isinstance(each, Check)}
    assert len(found) > 25
    for check in found.values():
        assert check.kinds, check.name
        assert [kind for kind in EVERY if check in OF_KIND[kind]] == [kind for kind in EVERY if kind in check.kinds]


def test_no_kind_of_run_has_two_checks_of_one_name() -> None:
    for kind, asked in OF_KIND.items():
        names = [check.name for check in asked]
        assert len(names) == len(set(names)), kind
