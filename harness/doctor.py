"""Is this machine fit for a drill, and which command mends what is not? Looks only; starts and makes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

from harness import data, supplies
from harness.engine.engine import INOTIFY, INOTIFY_WANTED, find_engine
from harness.errors import HarnessError, Misconfigured
from harness.images import versions
from harness.images.debian import release
from harness.images.recipes import ensure_go
from harness.options import Diagnosis

MEMORY_BYTES = 8 * 2**30
CPUS = 2


def diagnose() -> Iterator[Diagnosis]:
    """One diagnosis for each thing that a drill needs."""
    yield _engine()
    yield _asked("pins", lambda: str(len(versions.load(data.clusters() / "versions.toml").images)) + " images pinned")
    yield _asked("Go, to build images", _go)
    yield _asked("room on the disk", _room)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    enough = memory >= MEMORY_BYTES * 0.9  # the kernel keeps some for itself
    yield Diagnosis("memory", enough, f"{memory / 2**30:.0f} GiB, wanted 8", "use a machine with 8 GiB or more")
    cpus = os.cpu_count() or 1
    yield Diagnosis("processors", cpus >= CPUS, f"{cpus}, wanted {CPUS}", "use a machine with two or more")
    if INOTIFY.exists():
        now = int(INOTIFY.read_text())
        fit = now >= INOTIFY_WANTED or os.geteuid() == 0  # a drill of root's raises it by itself
        mend = f"sudo sysctl -w fs.inotify.max_user_instances={INOTIFY_WANTED}"
        yield Diagnosis("inotify instances", fit, f"{now}, wanted {INOTIFY_WANTED}", mend)


def _engine() -> Diagnosis:
    engine = find_engine(supplies.cache())
    if engine is not None:
        whose = "the private one" if engine.private else "the machine's own"
        return Diagnosis("container engine", ok=True, detail=f"{whose} answers")
    can = os.geteuid() == 0 and release().get("ID") in {"debian", "ubuntu"}
    detail = "none runs; a drill starts a private one" if can else "none answers"
    return Diagnosis("container engine", can, detail, "start Docker, or run as root on Debian or Ubuntu")


def _go() -> str:
    for module in sorted((data.clusters() / "images").glob("*/go.mod")):
        ensure_go(module)
    return shutil.which("go") or ""


def _room() -> str:
    supplies.room(supplies.IMAGES_BYTES, "a drill's images and nodes")
    return "enough"


def _asked(name: str, ask: Callable[[], str]) -> Diagnosis:
    try:
        return Diagnosis(name, ok=True, detail=ask())
    except Misconfigured as error:
        return Diagnosis(name, ok=False, detail="not as it should be", mend=str(error))
    except HarnessError as error:
        return Diagnosis(name, ok=False, detail=str(error), mend="see the message")
