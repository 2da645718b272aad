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

REASON = "harness.core.reason"
"""Below all; the values and the errors name their reasons, and import nothing else of ours."""

FORBIDDEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("reason.py", ("harness",)),
    ("model.py", ("harness",)),
    ("errors.py", ("harness",)),
    (
        "drill.py",
        (*ADAPTERS, "harness.checks", "harness.checks.judge", "harness.reports", "harness.workflows.drill.assembly"),
    ),
    ("observe.py", (*ADAPTERS, "harness.checks", "harness.checks.judge", "harness.workflows.drill.assembly")),
    (
        "judge.py",
        (
            *ADAPTERS,
            "harness.workflows.drill.drill",
            "harness.core.process",
            "harness.core.kubernetes",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "checks",
        (
            *ADAPTERS,
            "harness.workflows.drill.drill",
            "harness.core.process",
            "harness.core.kubernetes",
            "harness.core.wait",
            "harness.workflows.drill.assembly",
        ),
    ),
    ("sabotage", (*ADAPTERS, "harness.workflows.drill.assembly")),
    ("selftest.py", (*ADAPTERS, "harness.workflows.drill.assembly")),
    ("evidence", (*ADAPTERS, "harness.workflows.drill.drill", "harness.workflows.drill.assembly")),
    (
        "signing",
        (
            *ADAPTERS,
            "harness.workflows.drill.drill",
            "harness.checks",
            "harness.reports",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "clusters",
        ("harness.workflows.drill.drill", "harness.checks", "harness.datastores", "harness.workflows.drill.assembly"),
    ),
    (
        "datastores",
        (
            "harness.workflows.drill.drill",
            "harness.checks",
            "harness.clusters",
            "harness.backups",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "backups",
        ("harness.workflows.drill.drill", "harness.checks", "harness.datastores", "harness.workflows.drill.assembly"),
    ),
    (
        "applications",
        ("harness.workflows.drill.drill", "harness.checks", "harness.clusters", "harness.workflows.drill.assembly"),
    ),
    (
        "proof.py",
        (*ADAPTERS, "harness.workflows.proof", "harness.checks", "harness.reports", "harness.workflows.drill.assembly"),
    ),
    (
        "prove/prove.py",
        (
            "harness.clusters",
            "harness.clusters.engine",
            "harness.clusters.images",
            "harness.checks",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "move.py",
        (
            *ADAPTERS,
            "harness.workflows.migration",
            "harness.checks",
            "harness.reports",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "migrate/plan.py",
        (
            "harness.clusters",
            "harness.clusters.engine",
            "harness.clusters.images",
            "harness.checks",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "migrate/move.py",
        (
            "harness.clusters",
            "harness.clusters.engine",
            "harness.clusters.images",
            "harness.checks",
            "harness.workflows.drill.assembly",
        ),
    ),
    ("prove/source.py", (*ADAPTERS, "harness.checks", "harness.workflows.drill.assembly")),
    (
        "unattended",
        (
            "harness.workflows.drill.drill",
            "harness.checks",
            "harness.faults",
            "harness.datastores",
            "harness.workflows.drill.assembly",
        ),
    ),
    (
        "faults",
        ("harness.workflows.drill.drill", "harness.checks", "harness.datastores", "harness.workflows.drill.assembly"),
    ),
    (
        "engine",
        ("harness.workflows.drill.drill", "harness.checks", "harness.clusters", "harness.workflows.drill.assembly"),
    ),
    (
        "images",
        ("harness.workflows.drill.drill", "harness.checks", "harness.clusters", "harness.workflows.drill.assembly"),
    ),
    ("dataset", (*ADAPTERS, "harness.workflows.drill.drill", "harness.checks", "harness.workflows.drill.assembly")),
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
