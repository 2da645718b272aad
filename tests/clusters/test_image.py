"""The image of drillproof for a CronJob: every package in it is checked against its hash."""

from __future__ import annotations

import os
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.core import process

BY_TAG = {"docker.io/library/python:3.11-slim-bookworm"}
"""Base images without a digest: it has to come from the registry, by `make pin`; then this list is empty."""

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "clusters" / "images" / "drillproof"


def test_the_lock_of_the_image_has_what_drillproof_needs_with_all_hashes() -> None:
    runtime, everything = (pins((ROOT / name).read_text()) for name in ("runtime.lock", "requirements.lock"))
    assert runtime.items() <= everything.items()
    assert {"sphinx", "mypy", "hypothesis"} <= everything.keys() - runtime.keys()
    required = {canonicalize_name(each.name) for each in map(Requirement, requires("drillproof") or ())}
    assert required | {"hatchling", "urllib3", "cffi"} <= runtime.keys()  # the last two are required indirectly


def pins(lock: str) -> dict[str, str]:
    """The version and hashes of each package in a lock, by its name; every package has a hash."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(==.*(?:\n +.*)*)", lock, re.MULTILINE)
    assert all("--hash=sha256:" in pin for _, pin in found)
    return {canonicalize_name(name): pin for name, pin in found}


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
    assert f"--build-arg BASE={base(FOLDER)} " in calls.read_text()
    installs = [line.split() for line in calls.read_text().splitlines() if " install " in line]
    assert len(installs) == 4
    for words in installs:
        if words[-1] == str(ROOT):
            assert {"--no-deps", "--no-build-isolation"} <= set(words)
        else:
            assert {"--require-hashes", "--only-binary", "--requirement"} <= set(words)


def base(folder: Path) -> str:
    (found,) = re.findall(r"^ARG BASE=(\S+)$", (folder / "Containerfile").read_text(), re.MULTILINE)
    return str(found)


def test_the_base_image_is_pinned_by_digest_or_listed() -> None:
    assert base(FOLDER) in BY_TAG or re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", base(FOLDER))
    assert re.findall("^FROM (.*)$", (FOLDER / "Containerfile").read_text(), re.MULTILINE) == ["${BASE}"]


@pytest.mark.parametrize("before", ["python:3", f"python:3@sha256:{'0' * 64}"])
@pytest.mark.parametrize("digest", [f"sha256:{'a1' * 32}", "sha256:a1", ""])
def test_pin_sets_the_digest_that_the_registry_has(tmp_path: Path, before: str, digest: str) -> None:
    for name in ("Containerfile", "pin.sh"):
        (tmp_path / name).write_text((FOLDER / name).read_text().replace(base(FOLDER), before))
    (tmp_path / "docker").write_text(f'#!/bin/sh\n[ "$6" = python:3 ] && echo "{digest}"\n')
    (tmp_path / "docker").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = process.run(["sh", tmp_path / "pin.sh"], env=environment, check=False)
    good = len(digest) > 64
    assert (done.exit_code == 0) is good
    assert base(tmp_path) == (f"python:3@{digest}" if good else before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Containerfile", "docker", "pin.sh"]
