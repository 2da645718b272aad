"""What a drill needs on this machine, whether it is there, and the command that fixes it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from harness.clusters import local
from harness.clusters.docker import Docker
from harness.clusters.engine import INOTIFY, INOTIFY_WANTED, find_engine, require_startable
from harness.clusters.images import versions
from harness.clusters.images.builder import ensure_go
from harness.core import paths, resources
from harness.core.errors import HarnessError, Misconfigured

MEMORY_BYTES = 8 * 2**30
CPUS = 2
SOCKET = Path("/var/run/docker.sock")  # the socket of Docker


Answer = tuple[bool | None, str, str]
"""Whether it is there, what was seen, and the command that fixes it: see `Diagnosis`."""


def diagnose() -> Iterator[Diagnosis]:
    engine, answer = _engine(paths.cache())
    yield Diagnosis("container engine", *answer)
    yield Diagnosis("network isolation", *_isolation(engine))
    yield Diagnosis("permissions", *_permissions(paths.cache()))
    yield Diagnosis("versions", *_of(_versions))
    yield Diagnosis("Go, to build images", *_of(_go))
    yield Diagnosis("disk space", *_of(_disk_space))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    enough = memory >= MEMORY_BYTES * 0.9  # the kernel reserves some
    yield Diagnosis("memory", enough, f"{memory / 2**30:.0f} GiB, needs 8", "use a machine with 8 GiB or more")
    cpus = os.cpu_count() or 1
    yield Diagnosis("processors", cpus >= CPUS, f"{cpus}, needs {CPUS}", "use a machine with two or more")
    if INOTIFY.exists():
        now = int(INOTIFY.read_text())
        fit = now >= INOTIFY_WANTED or os.geteuid() == 0  # as root, a drill raises it
        fix = f"sudo sysctl -w fs.inotify.max_user_instances={INOTIFY_WANTED}"
        yield Diagnosis("inotify instances", fit, f"{now}, needs {INOTIFY_WANTED}", fix)


def _engine(cache: Path) -> tuple[Docker | None, Answer]:
    try:
        engine = find_engine(cache)
        if engine is None:
            require_startable(cache)
    except Misconfigured as error:
        if SOCKET.exists() and not os.access(SOCKET, os.W_OK):
            return None, (False, f"no permission for {SOCKET}", 'sudo usermod -aG docker "$USER", then log in again')
        return None, (False, "unusable", str(error))
    if engine is None:
        return None, (True, "none is running; a drill starts a private one", "")
    return engine, (True, f"{'the private one' if engine.private else 'Docker'} answers", "")


def _isolation(docker: Docker | None) -> Answer:
    """Whether the engine can isolate the network of a drill, as far as known without starting a container."""
    if docker is None:
        return None, "unknown until an engine runs; a drill stops without it", ""
    try:
        rootless = "rootless" in docker("info", "--format", "{{json .SecurityOptions}}", within_s=10)
    except HarnessError as error:
        return False, str(error), "see the message"
    fix = "docker context use default, with Docker running as root"
    if rootless:
        return False, "the engine is rootless, and cannot set firewall rules of its host", fix
    return True, "the engine can set firewall rules", fix


def _permissions(cache: Path) -> Answer:
    for folder in (cache, Path.cwd()):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(existing, os.W_OK):
            return False, f"{existing} is not writable", f'sudo chown -R "$USER" {existing}'
    return True, f"{cache} and the current folder are writable", ""


def _versions() -> str:
    pins = versions.load()
    ours = f"drillproof {metadata.version('drillproof')}, Python {platform.python_version()}"
    velero = f"Velero {pins.lanes[pins.lane].version} (--velero: {', '.join(pins.lanes)})"
    return f"{ours}; a drill runs Kubernetes {pins.kubernetes}, {velero} and {len(pins.images)} pinned images"


def _go() -> str:
    pins = versions.load()
    others = {f"velero-{lane}" for lane in pins.lanes if lane != pins.lane}
    for build in pins.go.values():
        if build.name not in others:
            ensure_go(resources.clusters() / "images" / build.module / "go.mod")
    return shutil.which("go") or ""


def _disk_space() -> str:
    paths.require_disk_space(local.IMAGES_BYTES, "a drill's images and nodes")
    return "enough"


def _of(ask: Callable[[], str]) -> Answer:
    try:
        return True, ask(), ""
    except Misconfigured as error:
        return False, "not usable", str(error)
    except HarnessError as error:
        return False, str(error), "see the message"


@dataclass(frozen=True)
class Diagnosis:
    name: str
    ok: bool | None  # None if not known yet
    detail: str
    fix: str = ""
