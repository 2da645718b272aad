"""The container engine: the machine's own Docker, or else a private one."""

import os
import shutil
import socket
from pathlib import Path

from harness.clusters import private_engine
from harness.clusters.docker import Docker
from harness.clusters.images.debian import release
from harness.clusters.private_engine import EngineUnresponsive
from harness.core.errors import HarnessError, Misconfigured

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 1024
"""Each node of a cluster takes some dozens of them; the kernel's default of 128 is too few for four."""


def ensure_engine(cache: Path) -> Docker:
    """The engine that answers; the private one below `cache` is installed and started if there is no other.

    Misconfigured, with what to do, if there is none and it cannot be started, or as `find_engine`.
    """
    engine = find_engine(cache)
    if engine is None:
        require_startable(cache)
        engine = private_engine.start(cache).docker
    _raise_inotify()
    return engine


def require_startable(cache: Path) -> None:
    """Misconfigured, with what to do, unless a private engine may be started here, where no engine runs."""
    if host := os.environ.get("DOCKER_HOST"):
        raise Misconfigured(f"no Docker listens at DOCKER_HOST={host}; start it, or unset the variable")
    if os.geteuid() != 0 or release().get("ID") not in {"debian", "ubuntu"}:
        raise Misconfigured(
            "no container engine runs; start Docker (or install it: https://docs.docker.com/engine/install), "
            "or run as root on Debian or Ubuntu, where drillproof starts a private one"
        )
    private_engine.require_unused(cache)


def find_engine(cache: Path) -> Docker | None:
    """The engine that `ensure_engine` would use, or None if none runs; starts nothing.

    EngineUnresponsive if one runs and does not answer: a client that fails or times out says nothing of the engine.
    """
    if docker := shutil.which("docker"):
        own = Docker(Path(docker), os.environ.get("DOCKER_HOST", ""))
        try:
            private_engine.require_answer(own)
        except EngineUnresponsive:
            if _listens(own):
                raise
        else:
            return own
    home = private_engine.Home(cache / "engine")
    if "DOCKER_HOST" in os.environ or not private_engine.is_running(home):
        return None
    private_engine.require_answer(home.docker)
    return home.docker


def _listens(docker: Docker) -> bool:
    """Whether the machine's own engine may run: only a local socket on which nothing listens says that it does not."""
    try:
        host = docker.host or docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", within_s=10)
    except HarnessError:
        return True
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # no permission, or a full queue
            return True
    return True


def _raise_inotify() -> None:
    """Where that is allowed; a Docker elsewhere (Docker Desktop) has its own kernel."""
    if os.geteuid() == 0 and INOTIFY.exists() and int(INOTIFY.read_text()) < INOTIFY_WANTED:
        INOTIFY.write_text(str(INOTIFY_WANTED))
