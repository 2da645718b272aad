"""The API server's client, against a server of a few lines that answers as a real one does."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from api_stub import ApiStub, api_stub, kubeconfig

from harness.core.api import client
from harness.core.api.kubeconfig import access
from harness.core.errors import ApiFailed, TimedOut, ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import Kubectl, find, get_object, objects
from harness.core.model import Json

PODS = "GET /api/v1/namespaces/shop/pods"
HERE = "--namespace=shop"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiStub]:
    with api_stub(tmp_path) as (stub, _):
        yield stub


@pytest.fixture
def kubectl(server: ApiStub, tmp_path: Path) -> Kubectl:
    """A process would say so."""
    binary = tmp_path / "kubectl"
    binary.write_text('#!/bin/sh\necho "process: $*"\n')
    binary.chmod(0o755)
    return Kubectl(binary, tmp_path / "kubeconfig")


def pod(name: str, **metadata: Json) -> dict[str, Json]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "managedFields": [{}], **metadata}, "spec": {}}


def listed(*things: Json) -> Json:
    return {"kind": "PodList", "apiVersion": "v1", "items": list(things)}


def test_a_list_has_its_objects_as_kubectl_shows_them(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(PODS, listed(pod("db-0")))
    assert objects(kubectl, "pods", HERE) == (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "uid": "uid-db-0"}, "spec": {}},
    )
    assert server.headers[-1]["authorization"] == "Bearer secret"


def test_kinds_have_the_names_that_kubectl_knows(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(PODS, listed())
    server.says("GET /apis/apps/v1/namespaces/shop/statefulsets", listed(pod("db")))
    server.says("GET /apis/velero.io/v1/backups", listed(pod("nightly")))
    for words in ("pod", "po", "pods", "Pod", "pods.v1."):
        assert objects(kubectl, words, HERE) == ()
    assert [each["kind"] for each in objects(kubectl, "sts,pods", HERE)] == ["StatefulSet"]
    assert kubectl("get", "backups.velero.io", "-A", "-o", "name") == "backup.velero.io/nightly\n"
    assert "GET /apis/metrics.k8s.io/v1/namespaces/shop/pods" not in server.asked


def test_a_kind_that_was_added_since_is_found(server: ApiStub, kubectl: Kubectl) -> None:
    none, all_kinds = (200, b'{"kind": "APIGroupDiscoveryList", "items": []}'), server.answers["GET /apis"][0]
    server.answers["GET /apis"] = [none, all_kinds]
    server.says("GET /apis/velero.io/v1/backups", listed())
    assert kubectl("get", "backups.velero.io", "-A", "-o", "name").startswith("process: ")
    assert kubectl("get", "backups.velero.io", "-A", "-o", "name") == ""


def test_an_object_that_does_not_exist_is_none_where_that_is_asked(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(f"{PODS}?fieldSelector=metadata.name%3Ddb-0", listed(pod("db-0")))
    assert get_object(kubectl, "pod", "db-9", HERE) is None
    assert text(find(kubectl, "pods", "db-0", "shop"), "metadata", "name") == "db-0"
    with pytest.raises(
        ToolFailed, match=r"asked `GET /api/v1/namespaces/shop/pods/db-9`: Error from server \(NotFound\)"
    ):
        kubectl("get", "pod", "db-9", HERE, "-o", "json")


def test_what_is_not_understood_to_the_last_word_is_kubectls(server: ApiStub, kubectl: Kubectl) -> None:
    for words in (
        ("get", "pods"),
        ("get", "pods", "-o", "jsonpath={.items}"),
        ("get", "pods", "-o", "json", "--show-labels"),
        ("describe", "pods"),
        ("create", "--dry-run=client", "-f", "-"),
        ("get", "nonsense", "-o", "json"),
    ):
        assert kubectl(*words).startswith("process: ")


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        (None, {"token": "t", "as": "root"}),
        (None, {"exec": {"command": "login", "apiVersion": "client.authentication.k8s.io/v1"}}),
        (None, {"auth-provider": {"name": "oidc"}}),
        (None, {"username": "u", "password": "p"}),
        ({"proxy-url": "http://127.0.0.1:3128"}, None),
        ({"server": "no-address"}, None),
        ({"certificate-authority": "missing.pem", "server": "https://127.0.0.1"}, None),
    ],
)
def test_a_kubeconfig_that_the_client_would_read_differently_is_kubectls(
    tmp_path: Path, cluster: Json, user: Json
) -> None:
    assert access(kubeconfig(tmp_path / "k", "https://127.0.0.1:1", cluster, user), "") is None


def test_another_context_or_none_is_kubectls(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "k", "https://127.0.0.1:1")
    assert access(file, "it") is not None
    assert access(file, "other") is None
    file.write_text("{")
    assert access(file, "") is None


def test_a_proxy_on_the_way_is_kubectls_and_none_is_on_the_way_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert access(kubeconfig(tmp_path / "a", "https://127.0.0.1:1"), "") is not None
    assert access(kubeconfig(tmp_path / "b", "https://10.1.2.3:1"), "") is None
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert access(kubeconfig(tmp_path / "b", "https://10.1.2.3:1"), "") is not None


def test_a_token_file_goes_before_a_token_and_is_read_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("newest")
    user: Json = {"token": "old", "tokenFile": "token"}
    found = access(kubeconfig(tmp_path / "k", "https://127.0.0.1:1", None, user), "")
    assert found is not None
    assert found.configuration.get_api_key_with_prefix("BearerToken") == "Bearer newest"


def test_a_kubeconfig_that_was_written_again_is_read_again(server: ApiStub, kubectl: Kubectl, tmp_path: Path) -> None:
    server.says(PODS, listed())
    objects(kubectl, "pods", HERE)
    kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{server.port}", None, {"token": "another"})
    objects(kubectl, "pods", HERE)
    assert server.headers[-1]["authorization"] == "Bearer another"


def test_a_token_that_is_no_longer_taken_is_kubectls_to_renew(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(PODS, (401, {"reason": "Unauthorized"}))
    assert kubectl("get", "pods", HERE, "-o", "json").startswith("process: ")


def test_a_refusal_names_its_reason_and_what_was_asked(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(PODS, (403, {"reason": "Forbidden", "message": 'pods is forbidden: User "u" cannot list'}))
    with pytest.raises(ApiFailed, match=r'Error from server \(Forbidden\): pods is forbidden: User "u" cannot list$'):
        objects(kubectl, "pods", HERE)
    server.says("GET /readyz", (500, "not\nready"))
    with pytest.raises(ApiFailed, match="InternalServerError"):
        kubectl("get", "--raw", "/readyz")


def test_a_busy_server_is_asked_again(server: ApiStub, kubectl: Kubectl) -> None:
    def busy(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "0")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.says(PODS, busy, listed(pod("db-0")))
    assert len(objects(kubectl, "pods", HERE)) == 1


def test_a_server_that_is_silent_is_not_waited_for_longer_than_asked(server: ApiStub, kubectl: Kubectl) -> None:
    def silent(_: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(2)

    server.says(PODS, listed())
    objects(kubectl, "pods", HERE)
    server.says(PODS, silent)
    began = time.monotonic()
    with pytest.raises(TimedOut, match="no answer"):
        objects(kubectl, "pods", HERE, within_s=0.2)
    assert time.monotonic() - began < 1.5


def test_a_server_that_is_gone_says_where_and_why(tmp_path: Path, kubectl: Kubectl) -> None:
    kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    with pytest.raises(ApiFailed, match=r"http://127.0.0.1:1 does not answer: .*[Cc]onnection refused"):
        objects(kubectl, "pods", HERE)


def test_an_answer_that_is_cut_short_is_no_answer(server: ApiStub, kubectl: Kubectl) -> None:
    def short(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"items": []}')
        handler.close_connection = True

    server.says(PODS, short)
    with pytest.raises(ApiFailed, match="the connection broke"):
        objects(kubectl, "pods", HERE)


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again_for_a_read(
    server: ApiStub, kubectl: Kubectl
) -> None:
    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    server.says(PODS, close, listed(pod("db-0")))
    assert len(objects(kubectl, "pods", HERE)) == 1


def test_a_change_is_never_sent_twice(server: ApiStub, kubectl: Kubectl) -> None:
    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    create = "POST /apis/velero.io/v1/namespaces/velero/backups"
    server.says(create, close, {})
    backup = {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "b", "namespace": "velero"}}
    with pytest.raises(ApiFailed, match="the connection broke"):
        kubectl("create", "-f", "-", stdin=json.dumps(backup))
    assert server.asked.count(create) == 1


def test_all_of_a_list_is_created_and_every_refusal_said(server: ApiStub, kubectl: Kubectl) -> None:
    things = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}} for name in ("a", "b", "c")]
    there = (409, {"reason": "AlreadyExists", "message": "it exists"})
    server.says("POST /api/v1/namespaces/shop/pods", there, there, pod("c"))
    with pytest.raises(ApiFailed) as failure:
        kubectl("create", "-f", "-", HERE, stdin=json.dumps({"kind": "List", "items": things}))
    assert failure.value.tail.count("it exists") == 2
    assert [text(body, "metadata", "name") for body in server.bodies[-3:]] == ["a", "b", "c"]


def test_what_is_created_is_printed_if_asked(server: ApiStub, kubectl: Kubectl) -> None:
    server.says("POST /api/v1/namespaces/own/pods", pod("a"))
    wanted = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})
    assert text(json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=wanted)), "kind") == "Pod"
    assert kubectl("create", "-f", "-", stdin=wanted) == ""


def test_what_does_not_exist_is_created_by_apply_and_what_exists_is_kubectls(server: ApiStub, kubectl: Kubectl) -> None:
    server.says("POST /api/v1/namespaces/shop/pods", pod("a"), (409, {"reason": "AlreadyExists"}))
    wanted = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})
    assert kubectl("apply", "-f", "-", HERE, stdin=wanted) == ""
    noted = text(server.bodies[-1], "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
    assert json.loads(noted)["metadata"] == {"annotations": {}, "name": "a", "namespace": "shop"}
    assert kubectl("apply", "-f", "-", HERE, stdin=wanted).startswith("process: ")


def test_apply_on_the_servers_side_is_one_patch(server: ApiStub, kubectl: Kubectl) -> None:
    wanted: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    server.says("PATCH /api/v1/namespaces/a?fieldManager=kubectl&force=true", {})
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(wanted))
    assert (server.bodies[-1], server.headers[-1]["Content-Type"]) == (wanted, "application/apply-patch+yaml")


def test_a_patch_a_scale_and_labels_are_patches(server: ApiStub, kubectl: Kubectl) -> None:
    pods = "PATCH /api/v1/namespaces/shop/pods/"
    server.says(f"{pods}a", {})
    server.says(f"{pods}b", {})
    server.says("PATCH /apis/apps/v1/namespaces/shop/statefulsets/db/scale", {})
    kubectl("patch", "pods", "a", "b", HERE, "--type=merge", "-p", '{"x": 1}')
    assert server.bodies[-2:] == [{"x": 1}, {"x": 1}]
    assert server.headers[-1]["Content-Type"] == "application/merge-patch+json"
    kubectl("patch", "pod/a", HERE, "--patch-file=/dev/stdin", stdin='{"x": 2}')
    assert server.headers[-1]["Content-Type"] == "application/strategic-merge-patch+json"
    kubectl("scale", "statefulset", "db", "--replicas=0", HERE)
    assert server.bodies[-1] == {"spec": {"replicas": 0}}
    kubectl("label", "--overwrite", "pod", "a", "x=y", "z-", HERE)
    assert at(server.bodies[-1], "metadata", "labels") == {"x": "y", "z": None}
    kubectl("annotate", "--overwrite", "pod", "a", "x=y", HERE)
    assert at(server.bodies[-1], "metadata", "annotations") == {"x": "y"}


def test_deletion_waits_until_the_same_object_is_gone(server: ApiStub, kubectl: Kubectl) -> None:
    one = f"{PODS}?fieldSelector=metadata.name%3Da"
    server.says("DELETE /api/v1/namespaces/shop/pods/a", pod("a"))
    server.says(one, listed(pod("a")), listed(pod("a")), listed(pod("a", uid="another")))
    kubectl("delete", "pod", "a", HERE)
    assert server.asked.count(one) == 3
    assert server.bodies[-4] == {"propagationPolicy": "Background"}
    server.asked.clear()
    kubectl("delete", "pod", "a", HERE, "--wait=false", "--force", "--grace-period=0")
    assert server.asked == ["DELETE /api/v1/namespaces/shop/pods/a"]
    assert at(server.bodies[-1], "gracePeriodSeconds") == 0
    server.says(one, listed(pod("a")))
    with pytest.raises(ApiFailed, match="timed out after 0 s: pods a exists"):
        kubectl("delete", "pod", "a", HERE, "--timeout=0.1s")
    with pytest.raises(TimedOut, match="last seen: pods a exists"):
        kubectl("delete", "pod", "a", HERE, within_s=0.3)


def test_all_that_is_selected_is_deleted_and_what_is_missing_is_no_failure(server: ApiStub, kubectl: Kubectl) -> None:
    server.says(f"{PODS}?labelSelector=x%3Dy", listed(pod("a", namespace="shop"), pod("b", namespace="shop")))
    server.says("DELETE /api/v1/namespaces/shop/pods/b", {})
    kubectl("delete", "pods", "--selector=x=y", HERE, "--wait=false")
    assert [each for each in server.asked if each.startswith("DELETE")] == [
        "DELETE /api/v1/namespaces/shop/pods/a",
        "DELETE /api/v1/namespaces/shop/pods/b",
    ]
    with pytest.raises(ApiFailed, match="NotFound"):
        kubectl("delete", "pod", "a", HERE, "--wait=false")
    kubectl("delete", "pod", "a", HERE, "--wait=false", "--ignore-not-found")


def test_a_condition_is_waited_for(server: ApiStub, kubectl: Kubectl) -> None:
    met: Json = {"conditions": [{"type": "Ready", "status": "True"}]}
    server.says(f"{PODS}/a", pod("a"), {**pod("a"), "status": met})
    kubectl("wait", "--for=condition=Ready", "pod/a", HERE, "--timeout=5s")
    server.says(f"{PODS}/a", pod("a"))
    with pytest.raises(ApiFailed, match="timed out after 0 s: not Ready: a"):
        kubectl("wait", "--for=condition=Ready", "pod/a", HERE, "--timeout=0.1s")


def test_logs_are_those_of_the_container_that_kubectl_would_choose(server: ApiStub, kubectl: Kubectl) -> None:
    containers: Json = {"containers": [{"name": "first"}, {"name": "second"}]}
    server.says(f"{PODS}/a", {**pod("a"), "spec": containers})
    server.says(f"{PODS}/a/log?container=first&tailLines=5", "a line\r\n")
    assert "a line" in kubectl("logs", "a", HERE, "--tail=5")
    server.says(f"{PODS}/a/log?container=second&previous=true", "another")
    assert "another" in kubectl("logs", "a", HERE, "-c", "second", "--previous")


def test_a_certificate_is_kept_in_memory_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "memfd_create"):
        pytest.skip("only Linux has such files")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    data: Json = {"certificate-authority-data": "Y2VydA=="}
    found = access(kubeconfig(tmp_path / "k", "https://127.0.0.1:1", data), "")
    assert found is not None
    assert Path(str(found.configuration.ssl_ca_cert)).read_bytes() == b"cert"


def test_a_handshake_that_hangs_is_a_failure_that_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        kubeconfig(tmp_path / "kubeconfig", address, {"insecure-skip-tls-verify": True})
        with pytest.raises(ApiFailed, match="does not answer: no connection after"):
            Kubectl(tmp_path / "kubectl", tmp_path / "kubeconfig")("get", "--raw", "/readyz", within_s=20)
