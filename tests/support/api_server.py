"""A real API server without nodes: for tests of permissions, admission policies and controllers."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from harness.backups import velero_install
from harness.backups.object_store import ObjectStore
from harness.clusters.images import versions
from harness.clusters.images.images import compiled
from harness.core.kubernetes import Kubectl
from harness.core.model import Json
from harness.core.process import spawn
from harness.core.wait import until

STARTED_S = 180.0


@contextmanager
def api_server(folder: Path, *, velero: bool = True) -> Iterator[Kubectl]:
    """Kubectl as its administrator, with Velero's kinds or without.

    The programs are those of the drill's images, compiled if they are not cached.
    """
    pinned = versions.load()
    kubernetes, etcd = compiled(pinned, "kubernetes"), compiled(pinned, "etcd")
    for name in ("kube-apiserver", "kubectl"):  # one program, which looks at its own name
        (folder / name).symlink_to(kubernetes)
    token, (client, peer, port) = secrets.token_hex(16), _free_ports(3)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "accounts.key").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        stack.enter_context(
            spawn(
                [
                    *(etcd, f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"),
                    *(f"--listen-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}"),
                    f"--advertise-client-urls=http://127.0.0.1:{client}",
                ],
                output=log,
            )
        )
        stack.enter_context(
            spawn(
                [
                    *(folder / "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{client}"),
                    *("--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder / 'tls'}"),
                    *("--authorization-mode=RBAC", f"--token-auth-file={folder / 'tokens.csv'}"),
                    *(
                        "--service-account-issuer=https://tests",
                        f"--service-account-key-file={folder / 'accounts.key'}",
                    ),
                    f"--service-account-signing-key-file={folder / 'accounts.key'}",
                    # No controller makes the account `default`, which every pod would need.
                    *(
                        "--disable-admission-plugins=ServiceAccount",
                        "--allow-privileged=true",
                        "--service-cluster-ip-range=10.0.0.0/24",
                    ),
                ],
                output=log,
            )
        )
        admin = Kubectl(folder / "kubectl", kubeconfig(folder / "admin", f"https://127.0.0.1:{port}", token))
        until(lambda: admin("get", "--raw", "/readyz"), waited_for="the API server", within_s=STARTED_S)
        if velero:
            admin("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": _velero(pinned)}))
            admin("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield admin


def as_account(admin: Kubectl, namespace: str, name: str) -> Kubectl:
    """Kubectl with a token of a ServiceAccount."""
    token = admin("create", "token", name, f"--namespace={namespace}").strip()
    server = admin("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    return Kubectl(admin.binary, kubeconfig(admin.kubeconfig.with_name(f"{namespace}-{name}"), server, token))


def kubeconfig(file: Path, server: str, token: str) -> Path:
    """A kubeconfig whose only context is `there`."""
    cluster: Json = {"server": server, "insecure-skip-tls-verify": True}
    content: Json = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "there",
    }
    file.write_text(json.dumps(content))
    return file


def _velero(pinned: versions.Versions) -> list[Json]:
    release = velero_install.Release(compiled(pinned, f"velero-{pinned.lane}/velero"), "server", "plugin", Path)
    store = ObjectStore("http://127.0.0.1:9", "http://127.0.0.1:9", "velero", "access", "secret")
    found = velero_install.manifests(store, release, "kopia")
    return [each for each in found if each["kind"] in {"CustomResourceDefinition", "Namespace"}]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]
