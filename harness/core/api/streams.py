"""Commands in pods and connections to their ports, over the client's WebSockets.

A connection that breaks is an error: an output is whole, or there is none.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import websocket
from kubernetes.stream.ws_client import V5_CHANNEL_PROTOCOL, create_websocket, get_websocket_url
from websocket import ABNF

from harness.core import wait
from harness.core.api.client import CONNECT_S, refusal
from harness.core.errors import ApiFailed, Interrupted, TimedOut
from harness.core.json import items, mapping, text

if TYPE_CHECKING:
    from harness.core.api.client import Api, Query
    from harness.core.model import Json

websocket.setdefaulttimeout(CONNECT_S)  # for a handshake, and for the rest of a message that has begun

_STDIN, _STDOUT, _STDERR, _RESULT, _CLOSE = 0, 1, 2, 3, 255
_PROTOCOL = "sec-websocket-protocol"
_V4_PROTOCOL = "v4.channel.k8s.io"
_BLOCK = 1 << 14  # what a socket takes at once when it says that it takes something
_LOOK_S = 1.0
_GRACE_S = 5.0  # for a server to close a connection whose command has ended
_BROKEN = (websocket.WebSocketException, OSError)
_READ, _WRITE = select.POLLIN, select.POLLOUT


class NoStream(Exception):
    """The server lets us have no such connection, but may let kubectl, which knows another way."""


@dataclass(frozen=True)
class Ended:
    """What a command printed, and how it ended."""

    stdout: bytes
    stderr: bytes
    exit_code: int


def execute(
    api: Api, path: str, container: str, command: Sequence[str], *, stdin: bytes | None = None, within_s: float
) -> Ended:
    """Run a command in a container of the pod at `path`. ApiFailed, TimedOut, Interrupted, NoStream."""
    asked = f"exec {path}"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    query += [] if stdin is None else [("stdin", "true")]
    protocols = f"{V5_CHANNEL_PROTOCOL},{_V4_PROTOCOL}" if stdin is None else V5_CHANNEL_PROTOCOL
    read = {channel: bytearray() for channel in (_STDOUT, _STDERR, _RESULT)}
    with _opened(api, f"{path}/exec", query, protocols) as peer:
        if stdin is not None and mapping(peer.getheaders()).get(_PROTOCOL) != V5_CHANNEL_PROTOCOL:
            raise NoStream("an older protocol cannot say where the input ends")
        try:
            if not _converse(asked, peer, stdin, read, within_s):
                raise TimedOut(asked, within_s, _end(read[_STDERR] or read[_STDOUT]))
        except _BROKEN as error:
            raise ApiFailed(asked, f"the connection broke: {error}") from error
    if not read[_RESULT]:
        raise ApiFailed(asked, "the connection was closed before the command ended")
    return Ended(bytes(read[_STDOUT]), bytes(read[_STDERR]), _exit_code(asked, bytes(read[_RESULT])))


def _converse(
    asked: str, peer: websocket.WebSocket, stdin: bytes | None, read: dict[int, bytearray], within_s: float
) -> bool:
    """Send the input, and read what comes until the server closes the connection; False if that takes too long."""
    messages = _input(stdin)
    message, over_s = next(messages, None), 0.0
    while not read[_RESULT] and over_s < within_s:
        began = time.monotonic()
        ready = _ready(peer, _READ | (_WRITE if message else 0))
        if message and ready & _WRITE:
            peer.send(message, ABNF.OPCODE_BINARY)
            message = next(messages, None)
        if ready & _READ and not _take(peer, read):
            return True
        if wait.is_cancelled():
            raise Interrupted(f"stopped during {asked}")
        over_s += min(time.monotonic() - began, _LOOK_S)  # if we were stopped ourselves, it was not slow
    if read[_RESULT]:  # it comes last; the server closes the connection then
        peer.settimeout(_GRACE_S)
        with contextlib.suppress(*_BROKEN):
            while _take(peer, read):
                pass
    return bool(read[_RESULT])


def _input(stdin: bytes | None) -> Iterator[bytes]:
    """The messages of an input, up to its end."""
    for start in range(0, len(stdin or b""), _BLOCK):
        yield bytes([_STDIN]) + (stdin or b"")[start : start + _BLOCK]
    if stdin is not None:
        yield bytes([_CLOSE, _STDIN])


def _take(peer: websocket.WebSocket, read: dict[int, bytearray]) -> bool:
    """Read one message; False if the server closed the connection."""
    message = _received(peer)
    if message and message[0] in read:
        read[message[0]] += message[1:]
    return message is not None


@contextlib.contextmanager
def forwarded(api: Api, path: str, port: int) -> Iterator[tuple[str, int]]:
    """A local address that reaches a port of the pod at `path` while the block lasts.

    Each connection to it is one to the pod. If that breaks, the local one is reset.
    """
    ends: dict[int, socket.socket] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def relay(local: socket.socket) -> None:
            with local, contextlib.suppress(*_BROKEN, ApiFailed, NoStream):
                _reset_on_close(local, reset=True)
                with _opened(api, f"{path}/portforward", [("ports", str(port))], _V4_PROTOCOL) as peer:
                    _relay(local, peer)
                _reset_on_close(local, reset=False)
            ends.pop(id(local), None)

        def accept() -> None:
            with contextlib.suppress(OSError):  # the block has ended
                while True:
                    local, _ = listener.accept()
                    ends[id(local)] = local
                    threading.Thread(target=relay, args=(local,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield "127.0.0.1", int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for local in tuple(ends.values()):
                with contextlib.suppress(OSError):
                    local.shutdown(socket.SHUT_RDWR)


def _relay(local: socket.socket, peer: websocket.WebSocket) -> None:
    """Copy both ways until one side closes. No more is read than the other side takes."""
    local.setblocking(False)
    to_pod, to_local, opened = b"", memoryview(b""), set[int]()
    while True:
        poll = select.poll()
        poll.register(local, (0 if to_pod else _READ) | (_WRITE if to_local else 0))
        remote = _socket(peer)
        poll.register(remote, (0 if to_local else _READ) | (_WRITE if to_pod else 0))
        pending = not to_local and _pending(peer)
        ready = dict(poll.poll(0 if pending else None))
        here, there = ready.get(local.fileno(), 0), ready.get(remote.fileno(), 0)
        if to_local and here & ~_READ:
            to_local = to_local[local.send(to_local) :]
        elif not to_local and (there & ~_WRITE or pending):
            message = _received(peer)
            if message is None:
                return
            channel, content = message[0], message[1:]
            if channel == 1 and 1 in opened:
                raise ConnectionError(content.decode(errors="replace"))
            if channel in opened:
                to_local = memoryview(content)
            opened.add(channel)  # the first message of each only repeats the number of the port
        if to_pod and there & ~_READ:
            peer.send(b"\0" + to_pod, ABNF.OPCODE_BINARY)
            to_pod = b""
        elif not to_pod and here & ~_WRITE:
            to_pod = local.recv(_BLOCK)
            if not to_pod:
                return


def _reset_on_close(sock: socket.socket, *, reset: bool) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))


@contextlib.contextmanager
def _opened(api: Api, path: str, query: Query, protocols: str) -> Iterator[websocket.WebSocket]:
    headers = {**api.headers(), _PROTOCOL: protocols}
    url = get_websocket_url(f"{api.configuration.host}{path}", query)
    try:
        peer = create_websocket(api.configuration, url, headers)
    except websocket.WebSocketBadStatusException as error:
        if error.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST}:
            raise NoStream(str(error)) from error
        raise refusal(f"GET {path}", error.status_code, error.resp_body or b"") from error
    except _BROKEN as error:
        raise ApiFailed(f"GET {path}", f"{api.configuration.host} does not answer: {error}") from error
    try:
        yield peer
    finally:
        with contextlib.suppress(*_BROKEN):
            peer.send(b"\x03\xe8", ABNF.OPCODE_CLOSE)  # a normal end
        peer.shutdown()


def _ready(peer: websocket.WebSocket, events: int) -> int:
    """Which of these can be done now, waiting for a moment."""
    pending = _pending(peer)
    poll, remote = select.poll(), _socket(peer)
    poll.register(remote, events)
    found = dict(poll.poll(0 if pending else _LOOK_S * 1000)).get(remote.fileno(), 0)
    return (found & _WRITE) | (_READ if pending or found & ~_WRITE else 0)


def _socket(peer: websocket.WebSocket) -> socket.socket:
    if peer.sock is None:
        raise ConnectionError("it is closed")
    return peer.sock


def _pending(peer: websocket.WebSocket) -> bool:
    """Whether something was received and decrypted that nobody has read yet, which `poll` does not see."""
    return isinstance(peer.sock, ssl.SSLSocket) and peer.sock.pending() > 0


def _received(peer: websocket.WebSocket) -> bytes | None:
    """The next message, empty for a sign of life; None if the server closed the connection."""
    kind, frame = peer.recv_data_frame(control_frame=True)
    if kind == ABNF.OPCODE_CLOSE:
        return None
    return bytes(frame.data) if kind in {ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT} else b""


def _exit_code(asked: str, result: bytes) -> int:
    status: Json = json.loads(result)
    if text(status, "status") == "Success":
        return 0
    for cause in items(status, "details", "causes"):
        if text(cause, "reason") == "ExitCode":
            return int(text(cause, "message"))
    raise ApiFailed(asked, f"error: {text(status, 'message')}")


def _end(output: bytearray) -> str:
    return output[-500:].decode(errors="replace").strip() or "no output"
