"""Commands in pods and connections to them, against a server of a few lines that breaks off where a real one may."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from api_stub import ApiStub, Peer, api_stub

from harness.core import wait
from harness.core.errors import ApiFailed, Interrupted, TimedOut, ToolFailed
from harness.core.kubernetes import Kubectl
from harness.core.model import Json

EXEC = "GET /api/v1/namespaces/shop/pods/db-0/exec?container=db&stdout=true&stderr=true&command=cat&command=a+b"
FORWARD = "GET /api/v1/namespaces/shop/pods/db-0/portforward?ports=5432"
SUCCESS: Json = {"status": "Success"}
COMMAND = ("exec", "--namespace=shop", "db-0", "-c", "db", "--", "cat", "a b")
TYPED = ("exec", "--stdin", *COMMAND[1:])
LARGE = bytes(range(256)) * 10_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiStub]:
    with api_stub(tmp_path) as (stub, _):
        stub.says("GET /api/v1/namespaces/shop/pods/db-0", {"status": {"phase": "Running"}})
        yield stub


@pytest.fixture
def kubectl(server: ApiStub, tmp_path: Path) -> Kubectl:
    binary = tmp_path / "kubectl"
    binary.write_text('#!/bin/sh\necho "process: $*"\n')
    binary.chmod(0o755)
    return Kubectl(binary, tmp_path / "kubeconfig")


def ended(peer: Peer, status: Json = SUCCESS) -> None:
    peer.send(3, json.dumps(status).encode())
    peer.close()


def answered(act: Callable[[Peer], None], protocol: str = "") -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: act(Peer(handler, protocol))


def test_what_a_command_prints_is_whole_and_in_order(server: ApiStub, kubectl: Kubectl) -> None:
    def act(peer: Peer) -> None:
        for start in range(0, len(LARGE), 30_000):
            peer.send(1, LARGE[start : start + 30_000])
            peer.send(2, b"not this")
        ended(peer)

    server.says(EXEC, answered(act))
    printed = LARGE.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    assert kubectl(*COMMAND) == printed
    assert server.headers[-1]["authorization"] == "Bearer secret"


def test_a_command_reads_all_of_its_input_and_then_its_end(server: ApiStub, kubectl: Kubectl) -> None:
    def echo(peer: Peer) -> None:
        while (message := peer.receive()) != b"\xff\x00":
            peer.send(1, message[1:])
        ended(peer)

    server.says(f"{EXEC}&stdin=true", answered(echo))
    given = "a line with ü\n" * 100_000
    assert kubectl(*TYPED, stdin=given) == given
    assert kubectl(*TYPED) == ""


def test_a_server_that_cannot_be_told_where_the_input_ends_is_kubectls(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(f"{EXEC}&stdin=true", answered(Peer.close, "v4.channel.k8s.io"))
    assert kubectl(*TYPED, stdin="x").startswith("process: ")


def test_a_command_that_fails_says_how_and_what_it_printed(server: ApiStub, kubectl: Kubectl) -> None:
    causes: Json = [{"reason": "ExitCode", "message": "3"}]

    def fail(peer: Peer) -> None:
        peer.send(1, b"some output")
        peer.send(2, b"no such table\n")
        ended(peer, {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}})

    server.says(EXEC, answered(fail))
    with pytest.raises(ToolFailed, match="exec shop/db-0 cat a b` exited with 3: no such table") as failure:
        kubectl(*COMMAND)
    assert failure.value.exit_code == 3
    assert failure.value.tail.splitlines() == ["no such table", "command terminated with exit code 3"]


def test_a_command_that_cannot_start_says_why(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(EXEC, answered(lambda peer: ended(peer, {"status": "Failure", "message": "no such container"})))
    with pytest.raises(ApiFailed, match="no such container"):
        kubectl(*COMMAND)
    server.says(EXEC, (404, {"reason": "NotFound", "message": 'pods "db-0" not found'}))
    with pytest.raises(ApiFailed, match=r'\(NotFound\): pods "db-0" not found'):
        kubectl(*COMMAND)
    server.says(EXEC, (403, {"reason": "Forbidden"}))
    assert kubectl(*COMMAND).startswith("process: ")


@pytest.mark.parametrize("orderly", [True, False])
def test_an_output_that_is_cut_short_is_never_taken_for_all(server: ApiStub, kubectl: Kubectl, orderly: bool) -> None:
    def cut(peer: Peer) -> None:
        peer.send(1, b"half of")
        if orderly:
            peer.close()

    server.says(EXEC, answered(cut))
    with pytest.raises(ApiFailed, match=r"the connection (broke|was closed)"):
        kubectl(*COMMAND)


def test_a_command_that_hangs_is_given_up_and_one_is_interrupted(server: ApiStub, kubectl: Kubectl) -> None:
    done = threading.Event()

    def hang(peer: Peer) -> None:
        peer.send(1, b"so far")
        done.wait(10)

    server.says(EXEC, answered(hang))
    with pytest.raises(TimedOut, match="last seen: so far"):
        kubectl(*COMMAND, within_s=0.5)
    with wait.cancelled(), pytest.raises(Interrupted, match="stopped during exec"):
        kubectl(*COMMAND)
    done.set()


def test_a_forward_copies_both_ways_until_the_pod_has_said_all(server: ApiStub, kubectl: Kubectl) -> None:
    def echo(peer: Peer) -> None:
        for channel in (0, 1):
            peer.send(channel, (5432).to_bytes(2, "little"))
        read = b""
        while len(read) < len(LARGE):
            message = peer.receive()
            assert message[0] == 0
            read += message[1:]
        for start in range(0, len(read), 30_000):
            peer.send(0, read[start : start + 30_000])
        peer.close()

    server.says(FORWARD, answered(echo))
    with kubectl.forward("shop", "db-0", 5432) as address:
        for _ in range(2):
            with socket.create_connection(address, timeout=10) as client:
                client.sendall(LARGE)
                assert b"".join(iter(lambda: client.recv(65536), b"")) == LARGE
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=1)


@pytest.mark.parametrize("answer", ["refused", "error", "broken"])
def test_a_connection_that_breaks_is_reset(server: ApiStub, kubectl: Kubectl, answer: str) -> None:
    def act(peer: Peer) -> None:
        for channel in (0, 1):
            peer.send(channel, (5432).to_bytes(2, "little"))
        if answer == "error":
            peer.send(1, b"nothing listens")

    server.says(FORWARD, (500, {"message": "no kubelet"}) if answer == "refused" else answered(act))
    with (
        kubectl.forward("shop", "db-0", 5432) as address,
        socket.create_connection(address, timeout=10) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)


def test_a_forward_to_a_pod_that_does_not_run_says_so(server: ApiStub, kubectl: Kubectl) -> None:
    server.says("GET /api/v1/namespaces/shop/pods/db-0", {"status": {"phase": "Pending"}})
    with pytest.raises(ApiFailed, match="the pod does not run; it is Pending"), kubectl.forward("shop", "db-0", 1):
        pass
    with pytest.raises(ApiFailed, match="NotFound"), kubectl.forward("shop", "db-1", 1):
        pass
