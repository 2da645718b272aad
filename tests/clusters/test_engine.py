"""Which engine is used, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from harness.clusters.engine import engine
from harness.clusters.engine import private as private_engine
from harness.clusters.images import debian
from harness.core.errors import Misconfigured


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_raise_inotify", lambda: None)


def stand_in(folder: Path, exit_code: int) -> Path:
    folder.mkdir(parents=True)
    docker = folder / "docker"
    docker.write_text(f"#!/bin/sh\necho 26.1\nexit {exit_code}\n")
    docker.chmod(0o755)
    return docker


def test_a_docker_that_answers_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = stand_in(tmp_path / "bin", 0)
    monkeypatch.setattr(shutil, "which", lambda _: str(docker))
    found = engine.ensure_engine(tmp_path / "cache")
    assert (found.docker, found.private, found.env()) == (docker, False, {})
    assert not (tmp_path / "cache").exists()


def test_a_docker_host_that_does_not_answer_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = stand_in(tmp_path / "bin", 1)
    monkeypatch.setattr(shutil, "which", lambda _: str(docker))
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.9.8.7:2375")
    with pytest.raises(Misconfigured, match=r"tcp://10\.9\.8\.7:2375"):
        engine.ensure_engine(tmp_path / "cache")


@pytest.mark.parametrize(("user", "system"), [(1000, "debian"), (0, "fedora")])
def test_who_may_not_have_a_private_one_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, system: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(engine, "release", lambda: {"ID": system})
    with pytest.raises(Misconfigured, match="no Docker answers; start it"):
        engine.ensure_engine(tmp_path)


def test_root_on_debian_gets_a_private_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "release", lambda: {"ID": "debian"})
    monkeypatch.setattr(private_engine, "start", lambda cache: private_engine.Home(cache / "engine"))
    found = engine.ensure_engine(tmp_path)
    assert found.private
    assert found.env()["DOCKER_HOST"] == f"unix://{tmp_path}/engine/docker.sock"
    assert found.env()["PATH"].startswith(f"{tmp_path}/engine/bin:")


def test_nothing_is_started_by_looking(tmp_path: Path) -> None:
    assert engine.find_engine(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_engines_of_two_caches_never_share_a_control_group(tmp_path: Path) -> None:
    assert private_engine.Home(tmp_path / "a").cgroup != private_engine.Home(tmp_path / "b").cgroup


def test_purging_what_was_never_there_is_quiet(tmp_path: Path) -> None:
    private_engine.purge(tmp_path)
    private_engine.stop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_building_elsewhere_than_on_debian_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "release", lambda: {"ID": "fedora"})
    with pytest.raises(Misconfigured, match="--images pull"):
        debian.mirror()
