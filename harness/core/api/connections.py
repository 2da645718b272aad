"""One connection for each kubeconfig and context, as long as the file stays what it was."""

import threading
from pathlib import Path

from harness.core.api.client import Api
from harness.core.api.kubeconfig import access

_Stamp = tuple[int, int, int]
_lock = threading.Lock()
_known: dict[tuple[Path, str], tuple[_Stamp, Api | None]] = {}


def connected(kubeconfig: Path, context: str) -> Api | None:
    """The API server that a kubeconfig names; None where only kubectl knows the way, or there is no such file.

    A file that was written again, as for a new cluster of the same name, is read again.
    """
    try:
        seen = kubeconfig.stat()
    except OSError:
        return None
    stamp, key = (seen.st_mtime_ns, seen.st_ino, seen.st_size), (kubeconfig, context)
    with _lock:
        if key not in _known or _known[key][0] != stamp:
            found = access(kubeconfig, context)
            _known[key] = stamp, Api(found) if found else None
        return _known[key][1]


def forget(kubeconfig: Path, context: str) -> None:
    """Read the kubeconfig again at the next request: a file that it names may have another token by now."""
    with _lock:
        _known.pop((kubeconfig, context), None)
