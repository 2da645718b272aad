"""The image of drillproof for a CronJob: every package in it is checked against its hash."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from harness.core import process

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "clusters" / "images" / "drillproof"
LOCK = (ROOT / "requirements.lock").read_text()


@pytest.fixture
def runtime_lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_lock", FOLDER / "runtime_lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_of_the_image_has_what_drillproof_needs_with_all_hashes(runtime_lock: ModuleType) -> None:
    entries = runtime_lock.entries(LOCK)
    assert "".join(entries.values()) == LOCK
    assert all("--hash=sha256:" in entry for entry in entries.values())
    needed = runtime_lock.needed("drillproof")
    assert {"typer", "pyyaml", "urllib3", "cffi"} <= needed <= set(entries)  # the last two are required indirectly
    assert {"sphinx", "mypy", "hypothesis"}.isdisjoint(needed)


def test_pip_installs_nothing_without_a_hash_but_drillproof_itself(tmp_path: Path) -> None:
    """A Python that writes down what it is called with, and makes an environment with itself in it."""
    calls = tmp_path / "calls"
    fake = f"""#!/bin/sh
echo "$@" >> {calls}
if [ "$2" = venv ]; then mkdir -p "$3/bin" "$3/../image"; cp "$0" "$3/bin/python"; fi
"""
    for name in ("python", "docker", "kubectl"):
        (tmp_path / name).write_text(fake)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": str(tmp_path / "python")}
    process.run(["sh", FOLDER / "build.sh", "ref"], env=environment)
    installs = [line.split() for line in calls.read_text().splitlines() if " install " in line]
    assert len(installs) == 4
    for words in installs:
        if words[-1] == str(ROOT):
            assert {"--no-deps", "--no-build-isolation"} <= set(words)
        else:
            assert {"--require-hashes", "--only-binary", "--requirement"} <= set(words)
