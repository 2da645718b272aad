"""`drillproof doctor`: each thing that a machine needs, and the command that fixes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli import app as cli
from harness.cli import diagnose
from harness.cli.diagnose import Diagnosis
from harness.clusters.docker import Docker
from harness.clusters.lock import Lock
from harness.clusters.private_engine import EngineUnresponsive
from harness.core import paths


def found(name: str) -> Diagnosis:
    (one,) = (each for each in diagnose.diagnose() if each.name == name)
    return one


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that answers whatever is written into this program."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho '[\"name=seccomp\"]'\n")
    docker.chmod(0o755)
    monkeypatch.setattr(diagnose, "find_engine", lambda _cache: Docker(docker))
    return docker


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "find_engine", lambda _cache: None)


def test_all_that_a_drill_needs_is_looked_at(engine: Path) -> None:
    names = {
        "container engine",
        "network isolation",
        "permissions",
        "versions",
        "disk space",
        "memory",
        "inotify instances",
    }
    assert names <= {each.name for each in diagnose.diagnose()}
    assert all(each.fix for each in diagnose.diagnose() if each.ok is False)
    assert "Python 3." in found("versions").detail


def test_a_rootless_engine_cannot_be_fenced(engine: Path) -> None:
    assert found("network isolation").ok is True
    engine.write_text("#!/bin/sh\necho '[\"name=rootless\"]'\n")
    assert (found("network isolation").ok, found("network isolation").fix[:18]) == (False, "docker context use")
    engine.write_text("#!/bin/sh\nexit 1\n")
    assert found("network isolation").ok is False


@pytest.mark.usefixtures("no_engine")
def test_what_is_not_known_is_not_called_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fence = found("network isolation")
    assert fence.ok is None
    monkeypatch.setattr(diagnose, "diagnose", lambda: (fence,))
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.startswith("?     network isolation: ")


def unresponsive(_cache: Path) -> None:
    raise EngineUnresponsive("it runs")


def test_an_engine_that_does_not_answer_is_refused_as_by_a_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "find_engine", unresponsive)
    assert (found("container engine").ok, found("container engine").fix) == (False, "it runs")
    assert found("network isolation").ok is None


def test_an_engine_that_died_under_a_drill_is_refused_as_by_a_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_engine: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("harness.clusters.engine.release", lambda: {"ID": "debian"})
    assert found("container engine").ok
    lock = Lock(paths.state() / "mine.lock")
    lock.acquire("it")
    assert found("container engine").ok is False
    assert "mine" in found("container engine").fix
    lock.release()


def test_a_socket_that_is_closed_to_us_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "find_engine", unresponsive)
    monkeypatch.setattr(diagnose, "SOCKET", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    assert (found("container engine").ok, found("container engine").fix[:14]) == (False, "sudo usermod -")


def test_a_folder_that_is_not_ours_is_told(engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    assert found("permissions").ok is True
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    assert (found("permissions").ok, found("permissions").fix) == (False, f'sudo chown -R "$USER" {tmp_path}')
    assert not (tmp_path / "not").exists()
