"""The container engine: the Docker that is there, or else a private one of our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.clusters.engine import private as private_engine
from harness.clusters.images.debian import release
from harness.core.errors import HarnessError, Misconfigured
from harness.core.process import run

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 1024
"""Each node of a cluster takes some dozens of them; the kernel's default of 128 is too few for four."""


@dataclass(frozen=True)
class Engine:
    """A Docker that answers."""

    host: str  # for DOCKER_HOST; "" where docker finds it by itself
    docker: Path
    private: bool
    path: tuple[Path, ...] = field(default=())  # folders that must come first in PATH

    def env(self) -> Mapping[str, str]:
        """What docker, kind and others need in their environment to find this engine."""
        found = {"DOCKER_HOST": self.host} if self.host else {}
        if self.path:
            found["PATH"] = os.pathsep.join([*map(str, self.path), os.environ.get("PATH", "")])
        return found

    def run(self, *args: str | Path, within_s: float = 120) -> str:
        """Run docker with `args` and return its standard output, stripped. ToolFailed as ever."""
        return run([self.docker, *args], env=self.env(), within_s=within_s).stdout.strip()

    def trust(self, registry: str) -> None:
        """Let the engine pull from `registry` without TLS, if it is ours; the user's own is the user's to configure."""
        if self.private:
            private_engine.trust(private_engine.Home(self.docker.parent.parent), registry)


def ensure_engine(cache: Path) -> Engine:
    """A Docker that answers: the user's own, or the private one below `cache`, made and started if need be.

    Misconfigured, with what to do, where there is none and we may not make one.
    """
    engine = find_engine(cache)
    if engine is None:
        if "DOCKER_HOST" in os.environ:
            host = os.environ["DOCKER_HOST"]
            raise Misconfigured(f"no Docker answers at DOCKER_HOST={host}; start it, or unset the variable")
        if os.geteuid() != 0 or release().get("ID") not in {"debian", "ubuntu"}:
            raise Misconfigured(
                "no Docker answers; start it (or install it: https://docs.docker.com/engine/install), "
                "or run as root on Debian or Ubuntu, where drillproof brings its own"
            )
        home = private_engine.start(cache)
        engine = _private(home)
    _raise_inotify()
    return engine


def find_engine(cache: Path) -> Engine | None:
    """The engine that `ensure_engine` would use as it stands, or None; starts nothing."""
    docker = shutil.which("docker")
    if docker:
        own = Engine(os.environ.get("DOCKER_HOST", ""), Path(docker), private=False)
        if _answers(own):
            return own
    home = private_engine.Home(cache / "engine")
    if "DOCKER_HOST" not in os.environ and home.socket.exists():
        private = _private(home)
        if _answers(private):
            return private
    return None


def _private(home: private_engine.Home) -> Engine:
    return Engine(f"unix://{home.socket}", home.bin / "docker", private=True, path=(home.bin,))


def _answers(engine: Engine) -> bool:
    try:
        return bool(engine.run("version", "--format", "{{.Server.Version}}", within_s=10))
    except HarnessError:
        return False


def _raise_inotify() -> None:
    """Where we may; a Docker elsewhere (Docker Desktop) has its own kernel."""
    if os.geteuid() == 0 and INOTIFY.exists() and int(INOTIFY.read_text()) < INOTIFY_WANTED:
        INOTIFY.write_text(str(INOTIFY_WANTED))
