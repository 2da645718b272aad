"""The API server's client on a real cluster: commands in a pod, connections to it, and a control plane that goes away.

    pytest -n 0 -o log_cli=true -o log_cli_level=INFO tests/real/real_api_client.py

It needs what `make drill` needs, and makes a cluster of its own.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from harness.clusters import local
from harness.clusters.kind import KindCluster
from harness.core import process
from harness.core.api import streams
from harness.core.api.connections import connected
from harness.core.errors import ApiFailed, HarnessError, TimedOut, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import changes, find
from harness.core.model import Json
from harness.core.wait import NotYet, until

NAME, SPACE, WITHIN_S = os.environ.get("DRILLPROOF_NAME", "api"), "shop", 300.0
HERE, IN_POD = f"--namespace={SPACE}", ("exec", f"--namespace={SPACE}", "web", "--")
LARGE = os.urandom(20_000_000)

LOG = logging.getLogger(__name__)

POD: Json = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": SPACE},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": "docker.io/hashicorp/consul:1.22.0",  # it is on the nodes, and has a shell
                "imagePullPolicy": "IfNotPresent",
                "command": ["consul", "agent", "-dev"],
            }
        ],
    },
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[KindCluster]:
    found = local.prepare("auto", None, print).cluster(NAME)
    try:
        found.up()
        found.kubectl("create", "namespace", SPACE)
        found.kubectl("create", "-f", "-", stdin=json.dumps(POD))
        found.kubectl("wait", "--for=condition=Ready", "pod/web", HERE, "--timeout=240s", within_s=250)
        until(lambda: found.kubectl(*IN_POD, "consul", "members"), waited_for="Consul", within_s=60)
        process.starts.clear()
        yield found
    finally:
        found.down()


def run(cluster: KindCluster, *command: str, stdin: bytes | None = None) -> streams.Ended:
    """A command in the pod, with its output as it is."""
    api = connected(cluster.kubeconfig, "")
    assert api is not None
    path = api.kind("pods").path(SPACE, "web")
    return streams.execute(api, path, "main", command, stdin=stdin, within_s=120)


def test_a_large_binary_input_and_output_are_whole(cluster: KindCluster) -> None:
    begun = time.monotonic()
    known = hashlib.sha256(LARGE).hexdigest()
    wrote = run(cluster, "sh", "-c", "cat > /consul/data/large; sha256sum < /consul/data/large", stdin=LARGE)
    assert wrote.stdout.split()[0].decode() == known
    LOG.info("20 MB in: %.1f s", time.monotonic() - begun)
    begun = time.monotonic()
    for _ in range(3):
        assert hashlib.sha256(run(cluster, "cat", "/consul/data/large").stdout).hexdigest() == known
    LOG.info("60 MB out: %.1f s", time.monotonic() - begun)


def test_output_errors_and_exit_codes_are_those_of_the_command(cluster: KindCluster) -> None:
    assert run(cluster, "sh", "-c", "printf out; printf err >&2; exit 7") == streams.Ended(b"out", b"err", 7)
    with pytest.raises(ToolFailed, match="exited with 7: err") as failure:
        cluster.kubectl(*IN_POD, "sh", "-c", "printf err >&2; exit 7")
    assert failure.value.exit_code == 7
    assert cluster.kubectl(*IN_POD, "printf", "%s", "two  words 'ü'") == "two  words 'ü'"
    assert cluster.kubectl("exec", "--stdin", *IN_POD[1:], "cat", stdin="") == ""
    for _ in range(50):
        assert run(cluster, "echo", "a line").stdout == b"a line\n"
    with pytest.raises(ToolFailed, match="no-such-program"):
        cluster.kubectl(*IN_POD, "no-such-program")
    with pytest.raises(ApiFailed, match=r"\(NotFound\)"):
        cluster.kubectl("exec", HERE, "nobody", "-c", "main", "--", "true")
    with pytest.raises(TimedOut):
        cluster.kubectl(*IN_POD, "sleep", "60", within_s=2)


def test_a_forward_carries_large_bodies_both_ways_and_many_connections(cluster: KindCluster) -> None:
    body = LARGE[:500_000]
    with cluster.forward(SPACE, "web", 8500) as (host, port):

        def there_and_back(number: int) -> None:
            for _ in range(5):
                client = http.client.HTTPConnection(host, port, timeout=30)
                client.request("PUT", f"/v1/kv/{number}", body)
                assert client.getresponse().read() == b"true"
                client.request("GET", f"/v1/kv/{number}?raw")
                assert client.getresponse().read() == body
                client.close()

        threads = [threading.Thread(target=there_and_back, args=(number,)) for number in range(8)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        LOG.info("40 connections, 20 MB each way: %.1f s", time.monotonic() - begun)
    with (
        cluster.forward(SPACE, "web", 9) as address,
        socket.create_connection(address, timeout=30) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)


def test_logs_and_objects_need_no_process(cluster: KindCluster) -> None:
    assert "Consul agent running" in cluster.kubectl("logs", "web", HERE)
    cluster.kubectl("label", "--overwrite", "pod", "web", HERE, "x=y")
    assert text(find(cluster.kubectl, "pods", "web", SPACE), "metadata", "labels", "x") == "y"
    assert process.starts["kubectl"] == 0


def test_a_control_plane_that_goes_away_breaks_what_runs_and_nothing_after(cluster: KindCluster) -> None:
    """A command that runs fails; the next requests fail; and all works again once it is back, the watch, too."""
    (control,) = (node for node in cluster.nodes() if node.endswith("control-plane"))
    failures: list[HarnessError] = []

    def long() -> None:
        try:
            cluster.kubectl(*IN_POD, "sh", "-c", "while :; do echo more; sleep 0.2; done", within_s=120)
        except HarnessError as error:
            failures.append(error)

    running = threading.Thread(target=long)
    with changes(cluster.kubectl, "pods", SPACE, "web") as alarm:
        assert alarm is not None
        until(lambda: _require(alarm.works), waited_for="the watch", within_s=10)
        running.start()
        time_off = threading.Event()
        time_off.wait(2)
        cluster.machines.power_off(control)
        running.join(60)
        assert not running.is_alive()
        assert isinstance(failures[0], ApiFailed)
        with pytest.raises((ApiFailed, TimedOut)):
            cluster.kubectl("get", "pods", HERE, "-o", "json", within_s=10)
        until(lambda: _require(not alarm.works), waited_for="the watch to end", within_s=30)
        cluster.machines.power_on(control)
        until(lambda: find(cluster.kubectl, "pods", "web", SPACE), waited_for="the API server", within_s=WITHIN_S)
        until(lambda: _require(alarm.works), waited_for="the watch", within_s=60)
        while alarm.rang(1):
            pass
        cluster.kubectl("label", "--overwrite", "pod", "web", HERE, "x=z")
        assert alarm.rang(10)
    LOG.info("it broke with: %s", failures[0])
    until(lambda: cluster.kubectl(*IN_POD, "true"), waited_for="the kubelet", within_s=WITHIN_S)


def _require(condition: bool) -> None:
    if not condition:
        raise NotYet("not yet")
