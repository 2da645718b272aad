"""`plan` refuses whatever `run` refuses before a cluster is created: with the same line, and in seconds."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import shop
from fakes import RememberedDocker

from harness.cli import app as cli
from harness.clusters import local
from harness.clusters.images import versions
from harness.core.errors import Misconfigured

SECONDS = 3
STARTED = shop.DATABASE.replace("image: mysql:9.7", "image: mysql:9.7\n          command: [/start.sh]")


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RememberedDocker:
    """An engine without images, no registry, and an empty cache. `ensure_engine` fails the test."""
    docker = RememberedDocker()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.clusters.local.find_engine", lambda _: docker)

    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return docker


def outcome(capsys: pytest.CaptureFixture[str], command: str, *words: str) -> tuple[int, str]:
    began = time.process_time()
    code = cli.main([command, *words])
    assert time.process_time() - began < SECONDS
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, err


def database(*lines: str) -> str:
    return shop.DATABASE.replace("image: mysql:9.7", "\n          ".join(("image: mysql:9.7", *lines)))


BAD: tuple[tuple[dict[str, str], tuple[str, ...], str], ...] = (
    ({}, (), "the container server of db-0 starts by the entrypoint of docker.io/library/mysql:9.7"),
    ({"database": database("args: [--log-bin]")}, (), "starts by the entrypoint"),
    ({"database": database("command: [docker-entrypoint.sh, mysqld]")}, (), "starts by the entrypoint"),
    ({"database": database('command: [sh, -c, "exec /usr/local/bin/docker-entrypoint.sh mysqld"]')}, (), "entrypoint"),
    ({"database": STARTED}, (), "the engine lacks the image docker.io/library/nginx:1 (of shop/web-*)"),
    ({"database": STARTED, "web": ""}, (), "the engine lacks the image example.org/exporter:latest"),
    (
        {"database": STARTED.replace("mysql:9.7", "mysql:9.6")},
        (),
        "docker.io does not answer; load it with `docker load`",
    ),
    (
        {"database": STARTED.replace("backup.velero.io/backup-volumes: dump", "own: note")},
        (),
        "copies nothing of shop-mysql, so nothing could bring it back: annotate its pods with backup.velero",
    ),
    ({"secret": ""}, (), "the manifests have no Secret db"),
    ({"file": shop.FILE + "odd = 1\n"}, (), "odd"),
    ({"file": shop.FILE.replace("db-0", "db-1")}, (), "the manifests have no pod db-1"),
    ({"file": shop.FILE.replace('databases = ["shop"]', "databases = [")}, (), "shop.toml"),
    ({}, ("--size", "large"), "--size large applies to generated data"),
    ({}, ("--stores", "redis"), "unknown store 'redis'"),
    ({}, ("--strategy", "files"), "unknown strategy 'files'"),
    ({}, ("--velero", "1.15"), "1.15"),
    ({}, ("--item-block-workers", "0"), "--item-block-workers must be at least 1, not 0"),
    ({}, ("--cluster", "Not_A_Name"), "'Not_A_Name' is not a valid cluster name"),
    ({}, ("--images", "made"), "unknown source of images 'made'"),
    ({}, ("torn_mysql",), "cannot break shop-mysql"),
)


@pytest.mark.parametrize(("texts", "words", "said"), BAD)
def test_plan_and_run_refuse_the_same(
    tmp_path: Path, texts: dict[str, str], words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (*words, "--application", str(shop.write(tmp_path, **texts)), "--runs", str(tmp_path / "runs"))
    planned = outcome(capsys, "plan", *asked)
    assert planned == (64, planned[1])
    assert said in planned[1]
    assert planned[1].count("\n") == 1
    code, err = outcome(capsys, "run", *asked)
    assert (code, err.splitlines()[-1:]) == (64, planned[1].splitlines())
    assert not (tmp_path / "runs").exists()


def test_where_each_image_comes_from_is_listed(
    tmp_path: Path, engine: RememberedDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.answers["image inspect --format={{.Id}} docker.io/library/nginx:1"] = "sha256:1"
    text = STARTED.replace("example.org/exporter:latest", "rancher/local-path-provisioner:v0.0.30")
    words = ("--application", str(shop.write(tmp_path, database=text)), "--runs", str(tmp_path / "runs"))
    assert outcome(capsys, "plan", *words)[0] == 0
    cli.main(["plan", *words])
    shown = capsys.readouterr().out
    assert "image docker.io/library/nginx:1 (of shop/web-*): of the engine" in shown
    assert "docker.io/library/mysql:9.7 (of shop/db-0): built here, not the official one, which has no docker" in shown
    assert (
        "docker.io/rancher/local-path-provisioner:v0.0.30 (of shop/db-0): built here, not the official one\n" in shown
    )
    engine.answers["info"] = "http://proxy.example.org"  # only a pull shows whether it reaches a registry
    cli.main(["plan", *words])
    assert "docker.io/library/mysql:9.7 (of shop/db-0): the official one" in capsys.readouterr().out


def test_an_image_that_was_pulled_has_its_entrypoint() -> None:
    by_entrypoint = {"docker.io/library/postgres:17": "the container db of db-0"}
    local.require_entrypoints(versions.load(), {"postgres": "pulled", "mysql": "built"}, by_entrypoint)
    with pytest.raises(Misconfigured, match="the container db of db-0"):
        local.require_entrypoints(versions.load(), {"postgres": "built"}, by_entrypoint)
