"""Collects a cluster's logs, events and objects, within bounds, without the content of Secrets."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.clusters.docker import Docker
from harness.core.errors import HarnessError
from harness.core.kubernetes import Kubectl, name_of, objects

MAX_BYTES = 2_000_000
"""No file of the bundle is larger; of a log, the end is kept."""

POD_BYTES = 20_000
"""So much of each container's log is kept, in addition to what `kubectl cluster-info dump` has."""

_OBJECTS = "pvc,statefulsets,deployments,daemonsets,services,endpoints,pods"


def collect(kubectl: Kubectl, docker: Docker, nodes: Sequence[str], home: Path, into: Path) -> None:
    """Write what is available below `into`; `missing.txt` names the rest."""
    dump, everywhere = into / "dump", "--all-namespaces"
    sources = _sources(kubectl, f"nodes,pv,storageclasses,{_OBJECTS}", everywhere)
    sources |= {
        "dump.txt": lambda: kubectl("cluster-info", "dump", everywhere, f"--output-directory={dump}", within_s=120),
        "kind.log": lambda: (home / "kind.log").read_text(errors="replace"),
    }
    for node in nodes:
        journal = ["journalctl", "--no-pager", "--lines=3000", "--unit=kubelet", "--unit=containerd"]
        # The end of each container's log, the one before its last start as well; also where no API server answers.
        pods = f"find /var/log/pods -name *.log -exec tail --verbose --bytes={POD_BYTES} {{}} +".split()
        sources |= {
            f"{node}.log": partial(docker, "exec", node, *journal, within_s=30),
            f"{node}-pods.log": partial(docker, "exec", node, *pods, within_s=30),
        }
    _write_all(sources, into)
    for path in dump.rglob("*"):
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            _write(path, partial(path.read_text, errors="replace"))


def collect_namespace(kubectl: Kubectl, namespace: str, into: Path) -> None:
    """The same of one namespace, with rights in that alone."""
    here = f"--namespace={namespace}"
    sources = _sources(kubectl, _OBJECTS, here)
    with contextlib.suppress(HarnessError):
        for name in map(name_of, objects(kubectl, "pods", here)):
            logs = ("logs", name, here, "--all-containers", "--prefix", f"--limit-bytes={MAX_BYTES}")
            sources[f"{name}.log"] = partial(kubectl, *logs)
    _write_all(sources, into)


def _sources(kubectl: Kubectl, kinds: str, where: str) -> dict[str, Callable[[], str]]:
    return {
        "objects.yaml": lambda: kubectl("get", kinds, where, "-o", "yaml"),
        "events.txt": lambda: kubectl("get", "events", where, "--sort-by=.lastTimestamp"),
        "pods.txt": lambda: kubectl("describe", "pods", where),
    }


def _write_all(sources: Mapping[str, Callable[[], str]], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    if missing := [
        f"{name}: {problem}" for name, source in sources.items() if (problem := _write(into / name, source))
    ]:
        _write(into / "missing.txt", lambda: "\n".join(missing))


def _write(path: Path, source: Callable[[], str]) -> str:
    try:
        path.write_bytes(source().encode()[-MAX_BYTES:])
    except (HarnessError, OSError) as error:
        return str(error)
    return ""
