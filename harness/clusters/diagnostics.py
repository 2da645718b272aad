"""Collects a cluster's logs, events and objects, within bounds, without the content of Secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.clusters.docker import Docker
from harness.core.errors import HarnessError
from harness.core.kubernetes import Kubectl, name_of, objects

MAX_BYTES = 2_000_000
"""No file of the bundle is larger; of a log, the end is kept."""

POD_BYTES = 20_000
"""So much of each container's log is kept, in addition to what `kubectl cluster-info dump` has."""

_OBJECTS_INSIDE = "pvc,statefulsets,deployments,daemonsets,services,endpoints,pods"
_OBJECTS = f"nodes,pv,storageclasses,{_OBJECTS_INSIDE}"


def collect(kubectl: Kubectl, docker: Docker, nodes: Sequence[str], home: Path, into: Path) -> None:
    """Write what is available below `into`; `missing.txt` names the rest."""
    into.mkdir(parents=True, exist_ok=True)
    everywhere = "--all-namespaces"
    dump = into / "dump"
    sources: list[tuple[str, Callable[[], str]]] = [
        ("objects.yaml", lambda: kubectl("get", _OBJECTS, everywhere, "-o", "yaml")),
        ("events.txt", lambda: kubectl("get", "events", everywhere, "--sort-by=.lastTimestamp")),
        ("pods.txt", lambda: kubectl("describe", "pods", everywhere)),
        ("dump.txt", lambda: kubectl("cluster-info", "dump", everywhere, f"--output-directory={dump}", within_s=120)),
        ("kind.log", lambda: (home / "kind.log").read_text(errors="replace")),
    ]
    for node in nodes:
        sources += [
            (f"{node}.log", partial(_journal, docker, node)),
            (f"{node}-pods.log", partial(_pods, docker, node)),
        ]
    missing = [f"{name}: {problem}" for name, source in sources if (problem := _write(into / name, source))]
    for path in dump.rglob("*"):
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            _write(path, partial(path.read_text, errors="replace"))
    if missing:
        _write(into / "missing.txt", lambda: "\n".join(missing))


def collect_namespace(kubectl: Kubectl, namespace: str, into: Path) -> None:
    """The same of one namespace, with rights in that alone."""
    into.mkdir(parents=True, exist_ok=True)
    here = f"--namespace={namespace}"
    sources: list[tuple[str, Callable[[], str]]] = [
        ("objects.yaml", lambda: kubectl("get", _OBJECTS_INSIDE, here, "-o", "yaml")),
        ("events.txt", lambda: kubectl("get", "events", here, "--sort-by=.lastTimestamp")),
        ("pods.txt", lambda: kubectl("describe", "pods", here)),
    ]
    with contextlib.suppress(HarnessError):
        for pod in objects(kubectl, "pods", here):
            name = name_of(pod)
            logs = ("logs", name, here, "--all-containers", "--prefix", f"--limit-bytes={MAX_BYTES}")
            sources.append((f"{name}.log", partial(kubectl, *logs)))
    if missing := [f"{name}: {problem}" for name, source in sources if (problem := _write(into / name, source))]:
        _write(into / "missing.txt", lambda: "\n".join(missing))


def _journal(docker: Docker, node: str) -> str:
    units = ("--unit=kubelet", "--unit=containerd")
    return docker("exec", node, "journalctl", "--no-pager", "--lines=3000", *units, within_s=30)


def _pods(docker: Docker, node: str) -> str:
    """The end of each container's log, the one before its last start as well; also where no API server answers."""
    return docker(
        *("exec", node, "find", "/var/log/pods", "-name", "*.log"),
        *("-exec", "tail", "--verbose", f"--bytes={POD_BYTES}", "{}", "+"),
        within_s=30,
    )


def _write(path: Path, source: Callable[[], str]) -> str:
    """Write what `source` gives; return what went wrong, "" if nothing did."""
    try:
        path.write_bytes(source().encode()[-MAX_BYTES:])
    except (HarnessError, OSError) as error:
        return str(error)
    return ""
