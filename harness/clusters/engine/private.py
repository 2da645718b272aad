"""A Docker of our own, from Debian's packages: unpacked, never installed, everything of it below one folder.

It needs no systemd. Its processes are found again by where their programs lie, and its containers'
processes by their control group, so that nothing of a killed engine goes unnoticed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.engine import network as engine_network
from harness.clusters.images.debian import Suite, release
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.process import daemon, run
from harness.core.wait import NotYet, until

SUITE = "trixie"
"""Docker of Debian 12 cannot start privileged containers where the machine lacks CAP_SYS_RESOURCE."""

PACKAGES = ("docker.io", "docker-cli", "containerd", "tini")
HOST_PACKAGES = ("runc",)
"""From the host's own suite: it is linked against the host's C library."""

START_WITHIN_S = 60
STOP_WITHIN_S = 60


@dataclass(frozen=True)
class Home:
    """The engine's folder and what lies in it."""

    root: Path

    @property
    def bin(self) -> Path:
        """Its programs."""
        return self.root / "bin"

    @property
    def socket(self) -> Path:
        """Where it answers."""
        return self.root / "docker.sock"

    @property
    def data(self) -> Path:
        """Its images, containers and volumes."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.root / "dockerd.log"

    @property
    def cgroup(self) -> str:
        """The control group of all its containers; no other engine has the same."""
        return f"drillproof-{hashlib.sha256(bytes(self.root)).hexdigest()[:8]}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time may start or stop it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def start(cache: Path) -> Home:
    """Start the engine below `cache`, unless it runs, with its packages fetched if they are not there."""
    home = Home(cache / "engine")
    with home.locked():
        _install(home, cache)
        if not (home.socket.exists() and _answers(home)):
            _clear(home)
            _launch(home)
    return home


def stop(cache: Path) -> None:
    """Stop the engine below `cache` with all its containers; its images and volumes stay."""
    home = Home(cache / "engine")
    if home.root.exists():
        with home.locked():
            _clear(home)


def purge(cache: Path) -> None:
    """Stop the engine and remove all that was ever its: images, volumes, networks, firewall chains, files."""
    home = Home(cache / "engine")
    if not home.root.exists():
        return
    with home.locked():
        _clear(home)
        books = home.data / "network/files/local-kv.db"
        engine_network.forget(books.read_bytes() if books.exists() else b"")
        _remove_cgroups(home)
    shutil.rmtree(home.root)


def trust(home: Home, registry: str) -> None:
    """Let the engine pull from `registry` without TLS."""
    with home.locked():
        known: list[str] = json.loads(_config(home).read_text())["insecure-registries"]
        if registry not in known:
            _config(home).write_text(json.dumps({"insecure-registries": [*known, registry]}))
            for process in _processes(home):
                if _program(process).name == "dockerd":
                    os.kill(process, signal.SIGHUP)  # reads its configuration again


def _config(home: Home) -> Path:
    return home.root / "daemon.json"


def _install(home: Home, cache: Path) -> None:
    """Unpack the packages, and keep them only once all are there."""
    if not shutil.which("iptables"):
        run(["apt-get", "update"], within_s=300)
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "install", "--yes", "--no-install-recommends", "iptables"], within_s=300, env=environment)
    if home.bin.is_dir():
        return
    fresh = home.root / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    own = release().get("VERSION_CODENAME", SUITE)
    for suite, packages in ((SUITE, PACKAGES), (own, HOST_PACKAGES)):
        for deb in Suite(suite, cache / "apt" / suite).fetch(packages, fresh / "debs" / suite):
            run(["dpkg-deb", "-x", deb, fresh / "files"], within_s=120)
    (fresh / "bin").mkdir()
    for program in (*(fresh / "files/usr/bin").iterdir(), *(fresh / "files/usr/sbin").iterdir()):
        program.replace(fresh / "bin" / program.name)
    # Docker looks for its init by this name, and Debian's package of it has another.
    (fresh / "bin/docker-init").unlink(missing_ok=True)
    (fresh / "bin/docker-init").symlink_to("tini-static")
    (fresh / "bin").replace(home.bin)
    shutil.rmtree(fresh)


def _launch(home: Home) -> None:
    if not _config(home).exists():
        _config(home).write_text(json.dumps({"insecure-registries": []}))
    argv: list[str | Path] = [home.bin / "dockerd", "--config-file", _config(home)]
    argv += ["--data-root", home.data, "--exec-root", home.root / "run", "--pidfile", home.root / "docker.pid"]
    argv += ["--host", f"unix://{home.socket}", "--group", "root", "--storage-driver", "overlay2"]
    argv += ["--bridge", "none", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{home.cgroup}"]
    daemon(argv, log=home.log, env={"PATH": f"{home.bin}{os.pathsep}{os.environ.get('PATH', '')}"})

    def started() -> None:
        if not _answers(home):
            last = home.log.read_text(errors="replace").splitlines()[-1:]
            if not _processes(home):
                raise HarnessError(f"the private engine ended at its start: {''.join(last)} (log: {home.log})")
            raise NotYet("".join(last))

    until(started, waited_for=f"the private engine to answer (log: {home.log})", within_s=START_WITHIN_S)
    # What an engine that was killed left behind may have been started again: none of it is wanted.
    stale = _docker(home, "ps", "--all", "--quiet").split()
    if stale:
        _docker(home, "rm", "--force", "--volumes", *stale)


def _docker(home: Home, *args: str) -> str:
    return run([home.bin / "docker", "--host", f"unix://{home.socket}", *args], within_s=120).stdout


def _answers(home: Home) -> bool:
    try:
        return bool(_docker(home, "version", "--format", "{{.Server.Version}}"))
    except ToolFailed:
        return False


def _clear(home: Home) -> None:
    """End every process of the engine and of its containers, and take its mounts away."""
    daemons = [process for process in _processes(home) if _program(process).name == "dockerd"]
    _end(daemons, signal.SIGTERM)  # it ends its containers and containerd by itself

    def ended() -> None:
        left = [*_contained(home), *_processes(home)]
        if left:
            _end(left, signal.SIGKILL)
            raise NotYet(f"processes {left}")

    with contextlib.suppress(TimedOut):
        until(lambda: _none(daemons), waited_for="the private engine to stop", within_s=STOP_WITHIN_S)
    until(ended, waited_for="the private engine's processes to end", within_s=STOP_WITHIN_S, every_s=0.1)
    for mount in _mounts(home):
        run(["umount", "--lazy", mount], check=False)
    for name in ("docker.sock", "docker.pid"):
        (home.root / name).unlink(missing_ok=True)
    shutil.rmtree(home.root / "run", ignore_errors=True)


def _none(processes: list[int]) -> None:
    left = [process for process in processes if Path(f"/proc/{process}").exists()]
    if left:
        raise NotYet(f"processes {left}")


def _end(processes: list[int], how: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, how)


def _processes(home: Home) -> list[int]:
    """The engine's own processes: those whose program is one of its."""
    return [process for process in _all_processes() if _program(process).parent == home.bin]


def _contained(home: Home) -> list[int]:
    """The processes in its containers, wherever their parents are."""
    found = []
    for process in _all_processes():
        with contextlib.suppress(OSError):
            if f"/{home.cgroup}/" in Path(f"/proc/{process}/cgroup").read_text():
                found.append(process)
    return found


def _all_processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _program(process: int) -> Path:
    try:
        return Path(str(Path(f"/proc/{process}/exe").readlink()).removesuffix(" (deleted)"))
    except OSError:
        return Path()


def _mounts(home: Home) -> list[str]:
    """What is mounted below the engine's folder, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split()[4].replace("\\040", " ") for line in lines]
    return sorted((place for place in places if place.startswith(f"{home.root}/")), reverse=True)


def _remove_cgroups(home: Home) -> None:
    for root in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        for folder, _, _ in os.walk(root / home.cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
