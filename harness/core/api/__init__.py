"""The API server, by the official client: what kubectl would do, without a process for each request."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from harness.core.api.client import NotServed
from harness.core.api.commands import parse
from harness.core.api.connections import connected, forget
from harness.core.errors import ApiFailed


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
    except NotServed:
        return None
    except ApiFailed as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise
        forget(kubeconfig, context)
        return None  # kubectl reads the newest token, and knows best what to say if it is refused, too
