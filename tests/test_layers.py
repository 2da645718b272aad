"""The tree is the architecture: twelve packages, and imports that only go down."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent / "harness"
LAYERS = (
    "cli",
    "campaigns",
    "selftest",  # above the workflows: it runs a whole drill in memory; who starts a workflow hands it in
    "workflows",
    "reports",
    "faults",
    "clusters",
    "checks",
    "workloads",
    "backups",
    "evidence",
    "core",
)
"""From the top down. A package may import those below it, and none above."""

ALONE = ("core/model.py", "core/errors.py", "core/reason.py")
"""They import nothing of ours but reasons, so that everything may import them."""

SHELLS = {repr(folder + name) for folder in ("", "/bin/", "/usr/bin/") for name in ("sh", "bash", "dash")}
"""The first words of a command that a shell runs."""


def imports(file: Path) -> set[str]:
    """The modules of the harness, and of what lies beside it, that a file imports at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_but_the_packages_is_at_the_top() -> None:
    entries = {path.name for path in HARNESS.iterdir() if path.name != "__pycache__"}
    assert entries == {*LAYERS, "__init__.py"}


@pytest.mark.parametrize("package", LAYERS)
def test_imports_only_go_down(package: str) -> None:
    above = tuple(f"harness.{name}." for name in LAYERS[: LAYERS.index(package)])
    files = sorted((HARNESS / package).rglob("*.py"))
    assert files
    wrong = {
        f"{file.relative_to(HARNESS)}: {name}"
        for file in files
        for name in imports(file)
        if f"{name}.".startswith((*above, "scenarios.", "tests.", "bench."))
    }
    assert not wrong


@pytest.mark.parametrize("module", ALONE)
def test_values_and_errors_import_nothing_of_ours(module: str) -> None:
    ours = {name for name in imports(HARNESS / module) if name.startswith("harness")}
    assert ours <= {"harness.core.reason.Reason"}


def test_checks_start_no_process_and_talk_to_no_cluster() -> None:
    banned = ("harness.core.process", "harness.core.kubernetes", "harness.core.wait")
    wrong = {
        f"{file.name}: {name}"
        for file in (HARNESS / "checks").glob("*.py")
        for name in imports(file)
        if name.startswith(banned)
    }
    assert not wrong


def test_a_shell_of_this_machine_runs_only_hooks() -> None:
    """Whatever a file says, no shell here runs it: the words of a hook come from the command line."""
    shells = {
        str(file.relative_to(HARNESS))
        for file in HARNESS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if (isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) == "True")
        or (isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) in SHELLS)
    }
    assert shells == {"workflows/steps.py"}
