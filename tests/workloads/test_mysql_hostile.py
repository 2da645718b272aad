"""A MySQL server that asks its clients for their files gets none, whatever it answers to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from harness.core.errors import ToolFailed
from harness.core.ports import Cluster
from harness.workloads.mysql.adapter import MySQL

_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_CAPABILITIES = 0xF7FF | 0x0080 | 0x0008_8000  # as a server of version 8 offers them; LOCAL FILES among them


class Hostile(threading.Thread):
    """Greets like MySQL, accepts any login, and answers each query that reads with a request for a file."""

    def __init__(self, wanted: Path) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wanted = wanted
        self.received = b""
        self.address: tuple[str, int] = self._listener.getsockname()

    def run(self) -> None:
        with contextlib.suppress(OSError), self._listener, self._listener.accept()[0] as client:
            self._send(client, 0, self._greeting())
            self._read(client)
            self._send(client, 2, _OK)
            while packet := self._read(client):
                if b"SELECT" in packet:
                    self._send(client, 1, b"\xfb" + str(self._wanted).encode())
                else:
                    self._send(client, 1, _OK)

    @staticmethod
    def _greeting() -> bytes:
        low, high = struct.pack("<H", _CAPABILITIES & 0xFFFF), struct.pack("<H", _CAPABILITIES >> 16)
        salt = b"x" * 8 + b"\x00" + low + b"\x2d" + b"\x02\x00" + high + b"\x15" + b"\x00" * 10 + b"y" * 12 + b"\x00"
        return b"\x0a8.4.0\x00" + struct.pack("<I", 1) + salt + b"mysql_native_password\x00"

    @staticmethod
    def _send(client: socket.socket, number: int, body: bytes) -> None:
        client.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

    def _read(self, client: socket.socket) -> bytes:
        head = client.recv(4)
        if len(head) < 4:
            return b""
        body = client.recv(int.from_bytes(head[:3], "little"))
        self.received += body
        return body or b"\x00"


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    secret = tmp_path / "id_ed25519"
    secret.write_text("PRIVATE KEY OF THE USER")
    server = Hostile(secret)
    server.start()
    yield server
    server.join(5)


def test_no_file_is_sent_to_a_server_that_asks_for_one(hostile: Hostile) -> None:
    store = MySQL(cast("Cluster", None), "prod", {"root-password": "x"})
    with pytest.raises(ToolFailed), store._cursor("mysql-primary-0", hostile.address) as sql:
        sql.execute("SELECT 1")
    assert b"SELECT 1" in hostile.received
    assert b"PRIVATE KEY" not in hostile.received
