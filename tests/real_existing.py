"""By hand, on a real cluster: whoever lacks one rule of clusters/existing/rbac.yaml is told which, and makes nothing.

    drillproof run namespace_loss --stores consul --cluster NAME --keep
    DRILLPROOF_ADMIN=<its kubeconfig> DRILLPROOF_CONFIG=<drillproof.toml> pytest -n 0 tests/real_existing.py

The configuration allows the context `there`. Each rule is taken away from its role, one at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import cli, data
from harness.errors import ToolFailed
from harness.existing import _program
from harness.k8s import Kubectl, objects, text
from harness.model import Json

ADMIN, CONFIG = os.environ.get("DRILLPROOF_ADMIN", ""), os.environ.get("DRILLPROOF_CONFIG", "")
RBAC = data.clusters() / "existing" / "rbac.yaml"
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


SINGLE = [Lacks(role, rule) for role in ROLES for rule in role["rules"]]

pytestmark = pytest.mark.skipif(not ADMIN or not CONFIG, reason="needs a cluster: see above")


@pytest.fixture(scope="module")
def admin() -> Kubectl:
    return Kubectl(_program(), Path(ADMIN))


@pytest.fixture(scope="module")
def guest(admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig of the documented ServiceAccount; its context is `there`."""
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
    """All that is there before any test."""
    return listing(admin)


def drill(guest: Path, *how: str) -> int:
    where = ("--context", "there", "--kubeconfig", str(guest), "--config", CONFIG)
    return cli.main(["run", "namespace_loss", "--stores", "consul", *where, *how])


def test_with_all_rights_it_could_be(admin: Kubectl, guest: Path, untouched: set[str]) -> None:
    assert drill(guest, "--dry-run") == 0
    assert listing(admin) == untouched


@pytest.mark.parametrize("lacks", SINGLE, ids=str)
def test_a_right_that_is_missing_is_named_and_nothing_is_made(
    admin: Kubectl, guest: Path, lacks: Lacks, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    admin("apply", "-f", "-", stdin=json.dumps(lacks.less()))
    try:
        assert drill(guest, "--runs", str(tmp_path / "runs")) == 64
    finally:
        admin("apply", "-f", "-", stdin=json.dumps(lacks.role))
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("drillproof:")]
    assert "rights are missing on the context there" in line
    assert all(word in line for word in (*lacks.rule["verbs"], *lacks.rule["resources"])), line
    assert not (tmp_path / "runs").exists()


def test_nothing_was_made_where_a_right_was_missing(admin: Kubectl, untouched: set[str]) -> None:
    assert listing(admin) == untouched


@pytest.mark.parametrize(
    "wanted",
    [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "drillproof", "namespace": "kube-system"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "drillproof-inside"},
            "subjects": [{"kind": "ServiceAccount", "name": "drillproof", "namespace": "drillproof"}],
        },
    ],
    ids=["namespace", "rolebinding"],
)
def test_the_account_can_let_itself_into_no_other_namespace(admin: Kubectl, guest: Path, wanted: Json) -> None:
    before = listing(admin)
    with pytest.raises(ToolFailed, match="makes one namespace, drillproof-custos"):
        Kubectl(_program(), guest, "there")("create", "-f", "-", stdin=json.dumps(wanted))
    assert listing(admin) == before
