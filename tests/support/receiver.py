"""Somebody who is told by a webhook, on loopback."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Receiver:
    """What it was told, and what it answers."""

    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # one after the other; 204 once there is none left
    url: str = ""

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What it was told, read."""
        return [json.loads(body) for _, body in self.told]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.told.append((dict(self.headers), body))
        self.send_response(self.receiver.answers.pop(0) if self.receiver.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 # the standard library's name


@contextlib.contextmanager
def listening() -> Iterator[Receiver]:
    """One that listens."""
    found = Receiver()
    handler = type("Handler", (_Handler,), {"receiver": found})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/services/T0/hush-hush"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found
