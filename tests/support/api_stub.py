"""An API server of a few lines, for tests of the client: it answers what it is told to, and notes what it was asked."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from websocket import ABNF
from websocket._abnf import frame_buffer

from harness.core.model import Json

Answer = tuple[int, bytes] | Callable[[BaseHTTPRequestHandler], None]

_KINDS = {
    "": (("pods", "Pod", "po", True), ("namespaces", "Namespace", "ns", False), ("nodes", "Node", "no", False)),
    "apps": (("statefulsets", "StatefulSet", "sts", True),),
    "velero.io": (("backups", "Backup", "", True),),
    "metrics.k8s.io": (("pods", "PodMetrics", "", True),),
}


def _discovery(*groups: str) -> Json:
    verbs: list[Json] = ["get", "list", "create", "delete", "patch"]
    return {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {"name": group},
                "versions": [
                    {
                        "version": "v1",
                        "resources": [
                            {
                                "resource": plural,
                                "responseKind": {"kind": kind},
                                "scope": "Namespaced" if namespaced else "Cluster",
                                "singularResource": kind.lower(),
                                "shortNames": [short] if short else [],
                                "verbs": verbs,
                            }
                            for plural, kind, short, namespaced in _KINDS[group]
                        ],
                    }
                ],
            }
            for group in groups
        ],
    }


@dataclass
class ApiStub:
    """`answers` are by method and path with query; a list is answered one after the other, the last one for good."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def says(self, request: str, *answers: Json | tuple[int, Json] | Callable[[BaseHTTPRequestHandler], None]) -> None:
        """The answers to a request (`GET /api/v1/pods`): a document, a status with one, or what writes one itself."""
        self.answers[request] = [
            answer if callable(answer) else _encoded(answer if isinstance(answer, tuple) else (200, answer))
            for answer in answers
        ]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        request = f"{handler.command} {handler.path}"
        self.asked.append(request)
        self.headers.append(dict(handler.headers))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.bodies.append(json.loads(body) if body else None)
        known = self.answers.get(request) or [_encoded((404, {"reason": "NotFound", "message": f"no {request}"}))]
        answer = known.pop(0) if len(known) > 1 else known[0]
        if callable(answer):
            answer(handler)
            return
        status, content = answer
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


class Peer:
    """The server's end of a WebSocket, after its handshake."""

    def __init__(self, handler: BaseHTTPRequestHandler, protocol: str = "") -> None:
        """`protocol`: the one that is chosen, if not the first that was offered."""
        key = handler.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())  # noqa: S324 # of the protocol
        offered = handler.headers["Sec-WebSocket-Protocol"].split(",")[0]
        handler.send_header("Sec-WebSocket-Protocol", protocol or offered)
        handler.end_headers()
        handler.close_connection = True
        self._socket = handler.connection
        self._frames = frame_buffer(self._socket.recv, skip_utf8_validation=True)

    def send(self, channel: int, content: bytes) -> None:
        """One message."""
        self._socket.sendall(ABNF(1, 0, 0, 0, ABNF.OPCODE_BINARY, 0, bytes([channel]) + content).format())

    def close(self) -> None:
        """As a server does that has said all."""
        self._socket.sendall(ABNF(1, 0, 0, 0, ABNF.OPCODE_CLOSE, 0, b"\x03\xe8").format())

    def receive(self) -> bytes:
        """The next message, which starts with its channel."""
        data = self._frames.recv_frame().data
        return data.encode() if isinstance(data, str) else bytes(data)


def _encoded(answer: tuple[int, Json]) -> tuple[int, bytes]:
    return answer[0], json.dumps(answer[1]).encode()


@contextmanager
def api_stub(folder: Path) -> Iterator[tuple[ApiStub, Path]]:
    """The server, which serves some kinds, and a kubeconfig with a token for it."""
    stub = ApiStub()
    stub.says("GET /api", _discovery(""))
    stub.says("GET /apis", _discovery("apps", "velero.io", "metrics.k8s.io"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stub.answer(self)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):  # any other method
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name in the standard library
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", stub.port), Handler)
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub, kubeconfig(folder / "kubeconfig", f"http://127.0.0.1:{stub.port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(file: Path, server: str, cluster: Json = None, user: Json = None, name: str = "it") -> Path:
    """A kubeconfig with one context."""
    content: Json = {
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster if isinstance(cluster, dict) else {})}}],
        "users": [{"name": "u", "user": user if user is not None else {"token": "secret"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u", "namespace": "own"}}],
        "current-context": name,
    }
    file.write_text(json.dumps(content))
    return file
