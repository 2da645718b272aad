"""Which engine is used, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen  # noqa: TID251 # for a type

import pytest

from harness.clusters import engine, gc, private_engine
from harness.clusters.images import debian
from harness.clusters.lock import SHARED_LOCK, Lock
from harness.clusters.private_engine import EngineUnresponsive
from harness.core.errors import Misconfigured
from harness.core.process import spawn


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
    assert (found.binary, found.private, found.host) == (docker, False, "")
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
    with pytest.raises(Misconfigured, match="root on Debian"):
        engine.ensure_engine(tmp_path)


def test_root_on_debian_gets_a_private_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "release", lambda: {"ID": "debian"})
    monkeypatch.setattr(private_engine, "start", lambda cache: private_engine.Home(cache / "engine"))
    found = engine.ensure_engine(tmp_path)
    assert found.private
    assert found.env["DOCKER_HOST"] == f"unix://{tmp_path}/engine/docker.sock"
    assert found.env["PATH"].startswith(f"{tmp_path}/engine/bin:")


def test_nothing_is_started_by_looking(tmp_path: Path) -> None:
    assert engine.find_engine(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_engines_of_two_caches_never_share_a_control_group(tmp_path: Path) -> None:
    assert private_engine.Home(tmp_path / "a").cgroup != private_engine.Home(tmp_path / "b").cgroup


def test_building_elsewhere_than_on_debian_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "release", lambda: {"ID": "fedora"})
    with pytest.raises(Misconfigured, match="--images pull"):
        debian.mirror()


# ---------------------------------------------------------------- an engine that lives is never taken for dead


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> private_engine.Home:
    """An installed private engine that does not run; its client fails, as under a memory limit."""
    found = private_engine.Home(tmp_path / "engine")
    stand_in(found.bin, 1)
    found.socket.touch()
    monkeypatch.setattr(private_engine, "_install", lambda *_: None)
    monkeypatch.setattr(private_engine, "START_WITHIN_S", 0.3)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "release", lambda: {"ID": "debian"})
    return found


@pytest.fixture
def dockerd(home: private_engine.Home) -> Iterator[Popen[bytes]]:
    """A process whose program is the engine's own."""
    shutil.copy("/bin/sleep", home.bin / "dockerd")
    with spawn([home.bin / "dockerd", "60"]) as process:
        yield process


CLIENTS = {"fails": "exit 137", "hangs": "exec sleep 60", "prints nothing": "exit 0"}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("ask", ["ensure_engine", "find_engine"])
def test_a_failing_client_never_ends_a_private_engine_that_runs(
    home: private_engine.Home, dockerd: Popen[bytes], monkeypatch: pytest.MonkeyPatch, client: str, ask: str
) -> None:
    monkeypatch.setattr(private_engine, "ANSWER_WITHIN_S", 0.2)
    (home.bin / "docker").write_text(f"#!/bin/sh\n{CLIENTS[client]}\n")
    with pytest.raises(EngineUnresponsive):
        getattr(engine, ask)(home.root.parent)
    with pytest.raises(EngineUnresponsive):
        private_engine.start(home.root.parent)
    assert dockerd.poll() is None


def test_plain_gc_leaves_an_engine_that_runs_but_does_not_answer(
    home: private_engine.Home, dockerd: Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.core.paths.cache", lambda: home.root.parent)
    with pytest.raises(EngineUnresponsive):
        gc.gc()
    assert dockerd.poll() is None


@pytest.mark.parametrize("act", [private_engine.start, private_engine.stop])
def test_a_dead_engine_is_not_cleared_while_a_drill_has_a_cluster(
    home: private_engine.Home, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], object]
) -> None:
    cleared: list[object] = []
    monkeypatch.setattr(private_engine, "_clear", cleared.append)
    monkeypatch.setattr(private_engine, "_launch", lambda *_: None)
    lock = Lock(home.root.parent / "clusters" / "mine.lock")
    lock.acquire("it")
    with pytest.raises(Misconfigured, match="mine"):
        act(home.root.parent)
    assert cleared == []
    lock.release()
    act(home.root.parent)
    assert cleared == [home]


def test_a_run_on_a_shared_cluster_does_not_hold_up_the_engine(
    home: private_engine.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_engine, "_launch", lambda *_: None)
    lock = Lock(home.root.parent / "clusters" / f"context-0{SHARED_LOCK}")
    lock.acquire("it")
    assert private_engine.start(home.root.parent) == home
    lock.release()


def test_containers_of_a_locked_cluster_outlive_a_start(home: private_engine.Home) -> None:
    """Others are stale: an engine that was killed may have started them again."""
    docker = home.bin / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {home.root}/calls\n'
        """case $1 in version) echo 28;; ps) printf 'aa mine \\nbb  mine\\ncc other \\ndd  \\n';; esac\n"""
    )
    (home.bin / "dockerd").write_text("#!/bin/sh\n")
    (home.bin / "dockerd").chmod(0o755)
    lock = Lock(home.root.parent / "clusters" / "mine.lock")
    lock.acquire("it")
    private_engine._launch(home, home.root.parent)
    assert (home.root / "calls").read_text().splitlines()[-1] == "rm --force --volumes cc dd"


def test_the_machines_own_docker_is_not_replaced_while_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "release", lambda: {"ID": "debian"})
    monkeypatch.setattr(private_engine, "start", lambda cache: private_engine.Home(cache / "engine"))
    docker = stand_in(tmp_path / "bin", 1)
    docker.write_text(f"#!/bin/sh\n[ $1 = context ] || exit 1\necho unix://{tmp_path}/s\n")
    monkeypatch.setattr(shutil, "which", lambda _: str(docker))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
        listener.listen()
        with pytest.raises(EngineUnresponsive):
            engine.ensure_engine(tmp_path / "cache")
    assert engine.ensure_engine(tmp_path / "cache").private  # nothing listens any more
    docker.write_text("#!/bin/sh\nexit 137\n")  # the client cannot even name its endpoint
    with pytest.raises(EngineUnresponsive):
        engine.find_engine(tmp_path / "cache")
