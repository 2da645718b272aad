"""Waits over watches, against a server of a few lines that ends, forbids and forgets them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from api_stub import ApiStub, api_stub

from harness.core import wait
from harness.core.errors import Interrupted, TimedOut
from harness.core.kubernetes import Kubectl, changes, find
from harness.core.model import Json
from harness.core.wait import NotYet, until

LIST = "GET /apis/velero.io/v1/namespaces/velero/backups"
WATCH = f"{LIST}?watch=true&timeoutSeconds=240&fieldSelector=metadata.name%3Db"
ADDED = b'{"type":"ADDED","object":{}}\n'
GONE = b'{"type":"ERROR","object":{"kind":"Status","code":410}}\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiStub]:
    with api_stub(tmp_path) as (stub, _):
        yield stub


@pytest.fixture
def kubectl(server: ApiStub, tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path / "kubectl", tmp_path / "kubeconfig")


def streaming(*events: bytes, until_s: float = 0, after: threading.Event | None = None) -> Callable[..., None]:
    """A watch that sends these events, the last one when `after` is set, and is closed `until_s` seconds later."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for number, event in enumerate(events, 1):
            if after and number == len(events):
                after.wait(10)
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        threading.Event().wait(until_s)
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def awaited(kubectl: Kubectl, probe: Callable[[], str], *, within_s: float = 10, every_s: float = 60) -> str:
    with changes(kubectl, "backups.velero.io", "velero", "b") as alarm:
        return until(probe, waited_for="it", within_s=within_s, every_s=every_s, alarm=alarm)


def test_a_change_is_seen_at_once(server: ApiStub, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "AT_LEAST_S", 60)
    done, asked = threading.Event(), []

    def probe() -> str:
        asked.append(time.monotonic())
        if not done.is_set():
            raise NotYet("phase InProgress")
        return "Completed"

    server.says(WATCH, streaming(ADDED, ADDED, until_s=10, after=done))
    threading.Timer(1, done.set).start()
    began = time.monotonic()
    assert awaited(kubectl, probe, every_s=1) == "Completed"  # every second, until the watch is open
    assert time.monotonic() - began < 8
    assert len(asked) < 6


@pytest.mark.parametrize("end", [b"", GONE])
def test_a_watch_that_ends_is_begun_anew(
    server: ApiStub, kubectl: Kubectl, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "AT_LEAST_S", 60)

    def probe() -> str:
        if server.asked.count(WATCH) < 3:
            raise NotYet("not yet")
        return "seen"

    ended = streaming(*filter(None, [ADDED, end]))
    starting = (403, {"reason": "Forbidden"})  # a server that has just started forbids everything
    server.says(WATCH, ended, starting, streaming(ADDED, until_s=10))
    assert awaited(kubectl, probe, every_s=0.1) == "seen"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_without_a_watch_a_wait_asks_again_and_again(server: ApiStub, kubectl: Kubectl, status: int) -> None:
    server.says(WATCH, (status, {"reason": "Forbidden"}))
    server.says(f"{LIST}?fieldSelector=metadata.name%3Db", {"items": []}, {"items": []}, {"items": [_backup("b")]})

    def probe() -> str:
        if not find(kubectl, "backups.velero.io", "b", "velero"):
            raise NotYet("no such backup")
        return "found"

    assert awaited(kubectl, probe, every_s=0.05) == "found"
    assert status != 403 or server.asked.count(WATCH) == 1


def test_a_watch_does_not_keep_a_wait_from_its_end(server: ApiStub, kubectl: Kubectl) -> None:
    def probe() -> str:
        raise NotYet("phase InProgress")

    server.says(WATCH, streaming(ADDED, until_s=5))
    began = time.monotonic()
    with pytest.raises(TimedOut, match="last seen: phase InProgress"):
        awaited(kubectl, probe, within_s=0.5)
    with wait.cancelled(), pytest.raises(Interrupted):
        awaited(kubectl, probe)
    assert time.monotonic() - began < 4


def _backup(name: str) -> Json:
    return {"metadata": {"name": name}}
