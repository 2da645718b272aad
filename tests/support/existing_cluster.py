"""A real cluster that drillproof did not create, and accounts with few rights."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters.cluster_pin import ClusterPin
from harness.clusters.permissions_file import ContextPolicy, allowed_drill
from harness.core import paths, resources
from harness.core.json import text
from harness.core.kubernetes import Kubectl, find_kubectl, objects
from harness.core.model import Json

ADMIN, CONFIG = os.environ.get("DRILLPROOF_ADMIN", ""), os.environ.get("DRILLPROOF_CONFIG", "")


RBAC = resources.clusters() / "existing" / "rbac.yaml"


MANIFESTS = tuple(yaml.safe_load_all(RBAC.read_text()))


ROLES = [each for each in MANIFESTS if each["kind"] in {"ClusterRole", "Role"}]


@dataclass(frozen=True)
class Lacks:
    """One role, but for one of its rules."""

    role: Mapping[str, Any]
    rule: Mapping[str, Any]

    def less(self) -> Mapping[str, Any]:
        """The role as it is then."""
        return {**self.role, "rules": [each for each in self.role["rules"] if each is not self.rule]}

    def __str__(self) -> str:
        return f"{self.role['metadata']['name']}: {','.join(self.rule['verbs'])} {','.join(self.rule['resources'])}"


@pytest.fixture(scope="module")
def admin() -> Kubectl:
    return Kubectl(find_kubectl(), Path(ADMIN))


@pytest.fixture(scope="module")
def guest(admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig of the documented ServiceAccount; its context is `there`, whatever cluster it was pinned to."""
    forget(allowed_drill("there", Path(CONFIG)))
    admin("apply", "-f", str(RBAC))
    cluster = json.loads(admin("config", "view", "--minify", "--raw", "-o", "json"))["clusters"][0]["cluster"]
    token = admin("create", "token", "drillproof", "--namespace=drillproof", "--duration=4h").strip()
    file = tmp_path_factory.mktemp("guest") / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    yield file
    admin("apply", "-f", str(RBAC))


def forget(policy: ContextPolicy) -> None:
    """Accept another cluster than at the last use: each test cluster is new."""
    ClusterPin.of(policy, paths.state()).file.unlink(missing_ok=True)


def listing(admin: Kubectl) -> set[str]:
    """Every object of the cluster by kind, namespace and name, but for what comes and goes by itself."""
    found: set[str] = set()
    for scope in ("true", "false"):
        kinds = admin("api-resources", "--verbs=list", f"--namespaced={scope}", "--output=name").split()
        kept = [kind for kind in kinds if not kind.startswith(("events", "leases", "componentstatuses"))]
        for thing in objects(admin, ",".join(kept), "--all-namespaces"):
            found.add(f"{text(thing, 'kind')} {text(thing, 'metadata', 'namespace')} {text(thing, 'metadata', 'name')}")
    return found


@pytest.fixture(scope="module")
def untouched(admin: Kubectl, guest: Path) -> set[str]:
    """All objects before any test."""
    return listing(admin)


def elsewhere(role: str, account: str) -> tuple[Json, Json]:
    """Another namespace than its own, and the role bound to the account in another: neither may it make."""
    group = "rbac.authorization.k8s.io"
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "drillproof", "namespace": "kube-system"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "drillproof"}],
        },
    )


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that says what is wrong."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("drillproof:")]
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 # who watches wants to see it
    return line
