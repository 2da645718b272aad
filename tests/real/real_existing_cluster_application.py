"""By hand, on a real cluster: an application of the user's, drilled there by an account with just the rights it takes.

    drillproof run namespace_loss --application examples/application-by-file/shop.toml --cluster NAME --keep
    export DRILLPROOF_ADMIN=<its kubeconfig> DRILLPROOF_CONFIG=<drillproof.toml>
    pytest -n 0 tests/real/real_existing_cluster_application.py

The configuration is that of real_existing_cluster.py. The shop's manifests are drilled with a Deployment beside
them, whose rights no other drill needs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from existing_cluster import ADMIN, CONFIG, ROLES, Lacks, admin, complaint, guest, listing, untouched

from harness.cli import app as cli
from harness.core.kubernetes import Kubectl, objects

__all__ = ["admin", "guest", "untouched"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "application-by-file"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: docker.io/library/postgres:17
          command: [bash, -c, "trap 'exit 0' TERM; sleep infinity & wait"]
          env: [{name: API_TOKEN, value: in-plain-text}]
"""
OWN = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]}
(INSIDE,) = (role for role in ROLES if role["metadata"]["name"] == "drillproof-inside")
GRANTED = {**INSIDE, "rules": [*INSIDE["rules"], OWN]}

pytestmark = pytest.mark.skipif(not ADMIN or not CONFIG, reason="needs a cluster: see above")


@dataclass(frozen=True)
class There:
    """The shop with what is beside its databases, and the cluster on which it is drilled."""

    admin: Kubectl
    guest: Path
    untouched: set[str]  # all that is there before any test
    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def manifests(self) -> Path:
        return self.folder / "shop" / "manifests"

    def drill(self, *how: str) -> int:
        """As the account with few rights."""
        where = ("--context", "there", "--kubeconfig", str(self.guest), "--config", CONFIG)
        file = str(self.folder / "shop" / "shop.toml")
        return cli.main(["run", "namespace_loss", "--application", file, *where, *how])

    def judged(self) -> int:
        """One whole drill, whose run is kept if DRILLPROOF_KEPT says where."""
        code = self.drill("--runs", str(self.folder / "runs"))
        if kept := os.environ.get("DRILLPROOF_KEPT"):
            shutil.copytree(self.folder / "runs", kept, dirs_exist_ok=True)
        with self.capsys.disabled():
            print(self.capsys.readouterr().out)  # noqa: T201 # who watches wants to see it
        return code

    def refused(self) -> str:
        """The one line that says why, where nothing was made."""
        assert self.drill("--runs", str(self.folder / "runs")) == 64
        assert not (self.folder / "runs").exists()
        assert objects(self.admin, "namespaces", "--field-selector=metadata.name=drillproof-custos") == ()
        return complaint(self.capsys)

    def assert_nothing_is_left(self) -> None:
        """Only Velero's own repository of the drill's namespace may stay."""
        now = listing(self.admin)
        new = {thing for thing in now - self.untouched if not thing.startswith("BackupRepository ")}
        assert (new, self.untouched - now) == (set(), set())

    @contextmanager
    def granted(self, role: Mapping[str, Any]) -> Iterator[None]:
        """The rights inside the namespace are these for as long as the block lasts."""
        self.admin("apply", "-f", "-", stdin=json.dumps(role))
        try:
            yield
        finally:
            self.admin("apply", "-f", "-", stdin=json.dumps(INSIDE))


@pytest.fixture
def there(
    admin: Kubectl, guest: Path, untouched: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> There:
    shutil.copytree(EXAMPLE, tmp_path / "shop")
    made = There(admin, guest, untouched, tmp_path, capsys)
    (made.manifests / "web.yaml").write_text(WEB)
    change(made.manifests / "kustomization.yaml", "[mysql", "[web.yaml, mysql")
    return made


def change(file: Path, old: str, new: str) -> None:
    told = file.read_text()
    assert old in told
    file.write_text(told.replace(old, new))


def test_the_rights_of_its_own_kinds_are_missing_and_named_and_nothing_is_made(there: There) -> None:
    said = "create, patch deployments.apps in drillproof-custos; clusters/existing/rbac.yaml grants all, and what your"
    assert said in there.refused()
    there.assert_nothing_is_left()


@pytest.mark.parametrize("rule", GRANTED["rules"], ids=lambda rule: f"{','.join(rule['verbs'])} {rule['resources']}")
def test_each_right_that_is_taken_away_is_named_and_nothing_is_made(there: There, rule: Mapping[str, Any]) -> None:
    with there.granted(Lacks(GRANTED, rule).less()):
        line = there.refused()
    assert all(word in line for word in (*rule["verbs"], *rule["resources"])), line


CLASS = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: urgent}\nvalue: 1\n"
FLOWS = "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: mine}\n"
STRANGE = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: one}\n"
OUTSIDE = (
    ("[web.yaml", "[other.yaml, web.yaml", CLASS, "PriorityClass urgent is of no namespace"),
    ("[web.yaml", "[other.yaml, web.yaml", FLOWS, "FlowSchema mine is of no namespace, and a drill makes nothing"),
    (
        "[web.yaml",
        "[other.yaml, web.yaml",
        STRANGE,
        "the cluster knows no Thing of example.org/v1: leave",
    ),
    ("kind: Kustomization", "kind: Kustomization\nnamespace: prod", "", "is of the namespace prod"),
)


@pytest.mark.parametrize(("old", "new", "other", "said"), OUTSIDE)
def test_what_is_of_no_namespace_or_of_another_is_refused(
    there: There, old: str, new: str, other: str, said: str
) -> None:
    (there.manifests / "other.yaml").write_text(other)
    change(there.manifests / "kustomization.yaml", old, new)
    with there.granted(GRANTED):
        assert said in there.refused()
    there.assert_nothing_is_left()


def test_a_dry_run_prints_all_of_it_and_no_secret(there: There) -> None:
    with there.granted(GRANTED):
        assert there.drill("--dry-run") == 0
    printed = there.capsys.readouterr().out
    kinds = {thing["kind"] for thing in json.loads(printed)["items"]}
    assert {"Namespace", "Deployment", "StatefulSet", "Service", "ConfigMap", "Secret", "Backup", "Restore"} <= kinds
    assert "in-plain-text" not in printed
    there.assert_nothing_is_left()


def test_it_passes_with_just_these_rights_and_nothing_is_left(there: There) -> None:
    with there.granted(GRANTED):
        assert there.judged() == 0
    there.assert_nothing_is_left()
    written = [file for file in (there.folder / "runs").rglob("*") if file.is_file()]
    assert len(written) > 10
    assert not [file for file in written if b"in-plain-text" in file.read_bytes()]


@pytest.mark.parametrize("gone", ["backup.velero.io/backup-volumes: dump", "pre.hook.backup.velero.io/"])
def test_it_fails_where_the_backup_holds_nothing_of_the_orders(there: There, gone: str) -> None:
    file = there.manifests / "mysql.yaml"
    kept = [line for line in file.read_text().splitlines() if gone not in line]
    assert len(kept) < len(file.read_text().splitlines())
    file.write_text("\n".join(kept))
    with there.granted(GRANTED):
        assert there.judged() == 1
    there.assert_nothing_is_left()
