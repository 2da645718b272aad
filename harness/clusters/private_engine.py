"""A private Docker engine, from Debian's packages: unpacked, never installed, all of it below one folder.

It needs no systemd. Its processes are found by where their programs lie, and its containers' processes by their
control group, so that a killed engine leaves nothing that cannot be found.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.clusters import lock
from harness.clusters.docker import KIND_LABEL, LABEL, Docker
from harness.clusters.images.debian import Suite, release
from harness.core.errors import HarnessError, Misconfigured, TimedOut
from harness.core.process import daemon, run
from harness.core.wait import NotYet, until

SUITE = "trixie"
"""Docker of Debian 12 cannot start privileged containers where the machine lacks CAP_SYS_RESOURCE."""

PACKAGES = ("docker.io", "docker-cli", "containerd", "tini")
HOST_PACKAGES = ("runc",)
"""From the host's own suite: it is linked against the host's C library."""

START_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
ANSWER_WITHIN_S = 10.0


class EngineUnresponsive(Misconfigured):
    """A container engine runs and does not answer: drills may be using it, so it is neither ended nor cleared."""


@dataclass
class Home:
    root: Path

    def __post_init__(self) -> None:
        self.bin = self.root / "bin"
        self.socket = self.root / "docker.sock"
        self.log = self.root / "dockerd.log"
        self.config = self.root / "daemon.json"
        self.docker = Docker(self.bin / "docker", f"unix://{self.socket}", private=True)
        # The control group of all its containers; no other engine has the same.
        self.cgroup = f"drillproof-{hashlib.sha256(bytes(self.root)).hexdigest()[:8]}"

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """One process at a time may start or stop it."""
        return lock.Lock(self.root / "lock").waiting()


def start(cache: Path) -> Home:
    """Start the engine below `cache` unless it runs, with its packages fetched if they are missing.

    EngineUnresponsive if it runs and does not answer; Misconfigured if it ended while drills use its clusters.
    """
    home = Home(cache / "engine")
    with home.locked():
        _install(home, cache)
        if not is_running(home):
            require_unused(cache)
            _clear(home)
            _launch(home, cache)
        else:
            _await_answer(home)
    return home


def stop(cache: Path) -> None:
    """Stop the engine with all its containers; images and volumes stay. Misconfigured while drills use its clusters."""
    home = Home(cache / "engine")
    if home.root.exists():
        with home.locked():
            require_unused(cache)
            _clear(home)


def is_running(home: Home) -> bool:
    """Whether the daemon's process lives, whatever a client says."""
    return bool(_daemons(home))


def require_answer(docker: Docker) -> None:
    """EngineUnresponsive unless the engine answers within seconds."""
    try:
        if docker("version", "--format", "{{.Server.Version}}", within_s=ANSWER_WITHIN_S):
            return
        why = "`docker version` names no server"
    except HarnessError as error:
        why = str(error)
    state = f"at {docker.host} does not answer" if docker.host and not docker.private else "runs but does not answer"
    raise EngineUnresponsive(
        f"the container engine {state}: {why}; wait until the machine is less busy, give it more memory, or restart "
        "the engine yourself"
    )


def require_unused(cache: Path) -> None:
    """Misconfigured, naming clusters and processes, while drills hold the lock of a cluster of this machine."""
    if users := lock.held(cache / "clusters"):
        names = ", ".join(f"{name}{by}" for name, by in users.items())
        raise Misconfigured(
            f"drills are using the clusters {names}, so the private container engine is left as it is; "
            "wait for their end, then try again"
        )


def trust(docker: Docker, registry: str) -> None:
    """Let a private engine pull from `registry` without TLS; the machine's own is the user's to configure."""
    if not docker.private:
        return
    home = Home(docker.binary.parent.parent)
    with home.locked():
        known: list[str] = json.loads(home.config.read_text())["insecure-registries"]
        if registry not in known:
            home.config.write_text(json.dumps({"insecure-registries": [*known, registry]}))
            _signal(_daemons(home), signal.SIGHUP)  # reads its configuration again


def _install(home: Home, cache: Path) -> None:
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


def _launch(home: Home, cache: Path) -> None:
    if not home.config.exists():
        home.config.write_text(json.dumps({"insecure-registries": []}))
    argv: list[str | Path] = [home.bin / "dockerd", "--config-file", home.config]
    argv += ["--data-root", home.root / "data", "--exec-root", home.root / "run", "--pidfile", home.root / "docker.pid"]
    argv += ["--host", f"unix://{home.socket}", "--group", "root", "--storage-driver", "overlay2"]
    argv += ["--bridge", "none", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{home.cgroup}"]
    daemon(argv, log=home.log, env={"PATH": f"{home.bin}{os.pathsep}{os.environ.get('PATH', '')}"})
    _await_answer(home)
    # An engine that was killed may have left containers, which now run again; nobody needs them but a running drill.
    in_use = lock.held(cache / "clusters")
    labels = f'{{{{.Label "{LABEL}"}}}} {{{{.Label "{KIND_LABEL}"}}}}'
    listed = (line.split() for line in home.docker("ps", "--all", f"--format={{{{.ID}}}} {labels}").splitlines())
    if stale := [container for container, *owners in listed if not in_use.keys() & set(owners)]:
        home.docker("rm", "--force", "--volumes", *stale)


def _await_answer(home: Home) -> None:
    def answers() -> None:
        try:
            require_answer(home.docker)
        except EngineUnresponsive as error:
            if not is_running(home):
                last = home.log.read_text(errors="replace").splitlines()[-1:] if home.log.exists() else []
                raise HarnessError(
                    f"the private engine ended at its start: {''.join(last)} (log: {home.log})"
                ) from error
            raise NotYet(str(error)) from error

    try:
        until(answers, waited_for="the private engine to answer", within_s=START_WITHIN_S)
    except TimedOut as error:
        raise EngineUnresponsive(f"{error.last_seen} (its log: {home.log})") from error


def _clear(home: Home) -> None:
    """End every process of the engine and of its containers, and remove its mounts. Never while drills use it."""
    daemons = _daemons(home)
    _signal(daemons, signal.SIGTERM)  # it ends its containers and containerd by itself

    def stopped() -> None:
        if living := [process for process in daemons if Path(f"/proc/{process}").exists()]:
            raise NotYet(f"processes {living}")

    def ended() -> None:
        contained = (each for each in _all_processes() if f"/{home.cgroup}/" in _read(f"/proc/{each}/cgroup"))
        if living := [*contained, *_processes(home)]:
            _signal(living, signal.SIGKILL)
            raise NotYet(f"processes {living}")

    with contextlib.suppress(TimedOut):
        until(stopped, waited_for="the private engine to stop", within_s=STOP_WITHIN_S)
    until(ended, waited_for="the private engine's processes to end", within_s=STOP_WITHIN_S, every_s=0.1)
    for mount in _mounts(home):
        run(["umount", "--lazy", mount], check=False)
    for name in ("docker.sock", "docker.pid"):
        (home.root / name).unlink(missing_ok=True)
    shutil.rmtree(home.root / "run", ignore_errors=True)


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _daemons(home: Home) -> list[int]:
    return [process for process in _processes(home) if _program(process).name == "dockerd"]


def _processes(home: Home) -> list[int]:
    return [process for process in _all_processes() if _program(process).parent == home.bin]


def _all_processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))


def _read(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def _program(process: int) -> Path:
    with contextlib.suppress(OSError):
        return Path(str(Path(f"/proc/{process}/exe").readlink()).removesuffix(" (deleted)"))
    return Path()


def _mounts(home: Home) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split()[4].replace("\\040", " ") for line in lines]
    return sorted((place for place in places if place.startswith(f"{home.root}/")), reverse=True)
