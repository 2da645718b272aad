"""A cluster whose port-forwards stay open, for many queries: each forward is a process."""

import contextlib
import threading
from collections.abc import Iterator

from harness.core.ports import ClusterAccess

Place = tuple[str, str, int]


class CachedForwards:
    """Implements `harness.core.ports.ClusterAccess` by a cluster. A forward whose use failed is closed."""

    def __init__(self, cluster: ClusterAccess) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._open: dict[Place, tuple[tuple[str, int], contextlib.ExitStack]] = {}

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        return self._cluster.kubectl(*args, stdin=stdin, within_s=within_s)

    @contextlib.contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """A local address that reaches `port` of `pod`: the open one, if there is one."""
        place = (namespace, pod, port)
        with self._lock:
            if place not in self._open:
                stack = contextlib.ExitStack()
                self._open[place] = stack.enter_context(self._cluster.forward(*place)), stack
            address, mine = self._open[place]
        try:
            yield address
        except GeneratorExit:  # a stream of rows that was not read to its end
            raise
        except BaseException:
            self._forget(place, mine)
            raise

    def close(self) -> None:
        """Close all forwards; may be called twice."""
        for place, (_, stack) in tuple(self._open.items()):
            self._forget(place, stack)

    def _forget(self, place: Place, stack: contextlib.ExitStack) -> None:
        with self._lock:
            if self._open.get(place, (None, None))[1] is stack:
                del self._open[place]
                stack.close()
