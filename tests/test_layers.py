"""Imports go one way, as the design says; a picture that the code does not keep is worth nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent / "harness"
ADAPTERS = tuple(
    f"harness.{name}"
    for name in ("backups", "clusters", "datastores", "engine", "faults", "images", "services", "supplies")
)

REASON = "harness.reason"
"""Below all; the values and the errors name their reasons, and import nothing else of ours."""

FORBIDDEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("reason.py", ("harness",)),
    ("model.py", ("harness",)),
    ("errors.py", ("harness",)),
    ("drill.py", (*ADAPTERS, "harness.checks", "harness.judge", "harness.evidence", "harness.assembly")),
    ("observe.py", (*ADAPTERS, "harness.checks", "harness.judge", "harness.assembly")),
    ("judge.py", (*ADAPTERS, "harness.drill", "harness.shell", "harness.k8s", "harness.assembly")),
    ("checks", (*ADAPTERS, "harness.drill", "harness.shell", "harness.k8s", "harness.wait", "harness.assembly")),
    ("sabotage", (*ADAPTERS, "harness.assembly")),
    ("selftest.py", (*ADAPTERS, "harness.assembly")),
    ("evidence", (*ADAPTERS, "harness.drill", "harness.assembly")),
    ("signing", (*ADAPTERS, "harness.drill", "harness.checks", "harness.evidence", "harness.assembly")),
    ("clusters", ("harness.drill", "harness.checks", "harness.datastores", "harness.assembly")),
    ("datastores", ("harness.drill", "harness.checks", "harness.clusters", "harness.backups", "harness.assembly")),
    ("backups", ("harness.drill", "harness.checks", "harness.datastores", "harness.assembly")),
    ("applications", ("harness.drill", "harness.checks", "harness.clusters", "harness.assembly")),
    ("proof.py", (*ADAPTERS, "harness.prove", "harness.checks", "harness.evidence", "harness.assembly")),
    ("prove/prove.py", ("harness.clusters", "harness.engine", "harness.images", "harness.checks", "harness.assembly")),
    ("move.py", (*ADAPTERS, "harness.migrate", "harness.checks", "harness.evidence", "harness.assembly")),
    ("migrate/plan.py", ("harness.clusters", "harness.engine", "harness.images", "harness.checks", "harness.assembly")),
    ("migrate/move.py", ("harness.clusters", "harness.engine", "harness.images", "harness.checks", "harness.assembly")),
    ("prove/source.py", (*ADAPTERS, "harness.checks", "harness.assembly")),
    ("unattended", ("harness.drill", "harness.checks", "harness.faults", "harness.datastores", "harness.assembly")),
    ("faults", ("harness.drill", "harness.checks", "harness.datastores", "harness.assembly")),
    ("engine", ("harness.drill", "harness.checks", "harness.clusters", "harness.assembly")),
    ("images", ("harness.drill", "harness.checks", "harness.clusters", "harness.assembly")),
    ("dataset", (*ADAPTERS, "harness.drill", "harness.checks", "harness.assembly")),
    ("", ("scenarios", "tests")),
)


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("place", "forbidden"), FORBIDDEN)
def test_imports_go_one_way(place: str, forbidden: tuple[str, ...]) -> None:
    target = HARNESS / place
    files = [target] if target.is_file() else sorted(target.rglob("*.py"))
    assert files
    for file in files:
        allowed = imports(file) - {REASON, f"{REASON}.Reason"} if place in {"model.py", "errors.py"} else imports(file)
        wrong = {name for name in allowed for bad in forbidden if name == bad or name.startswith(f"{bad}.")}
        assert not wrong, f"{file.relative_to(HARNESS)} imports {sorted(wrong)}"
