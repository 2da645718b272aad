"""As much of an object store as the archive needs, over the wire: versions, locks, and rights that may be missing."""

from __future__ import annotations

import contextlib
import hashlib
import html
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class ObjectStore:
    """One bucket named `theirs`."""

    things: dict[str, bytes] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)  # by method, the code of the error it is answered with
    locked: set[str] = field(default_factory=set)  # keys that cannot be deleted
    asked: list[str] = field(default_factory=list)
    versioned: bool = False
    url: str = ""

    def under(self, folder: str) -> list[str]:
        """The keys below a folder."""
        return sorted(key for key in self.things if key.startswith(folder))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ObjectStore

    def _answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, code: int, word: str) -> None:
        self._answer(code, f"<Error><Code>{word}</Code><Message>no</Message></Error>".encode())

    def _headers(self, key: str) -> dict[str, str]:
        tag = hashlib.md5(self.store.things[key]).hexdigest()  # noqa: S324 # as S3 does
        return {"ETag": f'"{tag}"', **({"x_amz_version_id": f"v-{tag}"} if self.store.versioned else {})}

    def _do(self) -> None:
        address = urlsplit(self.path)
        key = unquote(address.path).removeprefix("/theirs").removeprefix("/")
        body = self._body()
        self.store.asked.append(f"{self.command} {key}")
        if word := self.store.refuses.get(self.command):
            self._error(404 if word.startswith("NoSuch") else 403, word)
        elif self.command == "PUT":
            self.store.things[key] = body
            self._answer(200, b"", **self._headers(key))
        elif self.command == "GET" and not key:
            self._list(parse_qs(address.query).get("prefix", [""])[0])
        elif self.command == "DELETE" and key in self.store.locked:
            self._error(403, "AccessDenied")
        elif key not in self.store.things and self.command != "DELETE":
            self._error(404, "NoSuchKey")
        elif self.command == "DELETE":
            self.store.things.pop(key, None)
            self._answer(204, b"")
        elif self.command == "HEAD":
            self._answer(200, b"", Content_Length=str(len(self.store.things[key])), **self._headers(key))
        else:
            self._answer(200, self.store.things[key], **self._headers(key))

    def _body(self) -> bytes:
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.store.things[key])}</Size>"
            f"<ETag>{html.escape(self._headers(key)['ETag'])}</ETag></Contents>"
            for key in self.store.under(prefix)
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        self._answer(200, body.encode())

    do_GET = do_PUT = do_HEAD = do_DELETE = _do  # noqa: N815 # the standard library's names

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 # the standard library's name


@contextlib.contextmanager
def serve() -> Iterator[ObjectStore]:
    """Serve one on loopback."""
    found = ObjectStore()
    handler = type("Handler", (_Handler,), {"store": found})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
