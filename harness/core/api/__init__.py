"""The API server, by the official client: what kubectl would do, without a process for each request."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from pathlib import Path

from harness.core.api import streams
from harness.core.api.client import NotServed
from harness.core.api.commands import parse
from harness.core.api.connections import connected, forget
from harness.core.api.watches import Watch
from harness.core.errors import ApiFailed, TimedOut
from harness.core.json import text
from harness.core.wait import Alarm


def asked(kubeconfig: Path, context: str, args: Sequence[str], stdin: str | None, within_s: float) -> str | None:
    """What kubectl would print; None if it must run itself, since it is needed for the command or the kubeconfig.

    ApiFailed, TimedOut.
    """
    understood = parse(args, stdin, within_s)
    api = connected(kubeconfig, context) if understood else None
    if understood is None or api is None:
        return None
    verb, command = understood
    try:
        return verb(api, command)
    except (NotServed, streams.NoStream):
        return None
    except ApiFailed as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise
        forget(kubeconfig, context)
        return None  # kubectl reads the newest token, and knows best what to say if it is refused, too


def forwarded(
    kubeconfig: Path, context: str, namespace: str, pod: str, port: int, *, within_s: float
) -> AbstractContextManager[tuple[str, int]] | None:
    """A local address that reaches a port of a running pod; None if kubectl must give it. ApiFailed, TimedOut."""
    api = connected(kubeconfig, context)
    if api is None:
        return None
    try:
        pods = api.kind("pods")
        phase = text(api.get(pods, pod, namespace, within_s=within_s), "status", "phase")
    except NotServed:
        return None
    if phase != "Running":
        raise ApiFailed(f"forward to {namespace}/{pod}", f"the pod does not run; it is {phase or 'in no phase'}")
    return streams.forwarded(api, pods.path(namespace, pod), port)


@contextmanager
def watched(kubeconfig: Path, context: str, kind: str, namespace: str, name: str) -> Iterator[Alarm | None]:
    """What rings while the block lasts when an object of a kind changes, or the one of a name; None if nothing does."""
    api = connected(kubeconfig, context)
    try:
        path = api.kind(kind).path(namespace) if api else ""
    except (NotServed, ApiFailed, TimedOut):
        path = ""
    if api is None or not path:
        yield None
        return
    with Watch(api, path, f"metadata.name={name}" if name else "") as watch:
        yield watch
