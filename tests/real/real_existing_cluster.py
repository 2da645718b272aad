"""By hand, on a real cluster: an account that lacks one rule of clusters/existing/rbac.yaml is refused by its name.

    drillproof run namespace_loss --stores consul --cluster NAME --keep
    export DRILLPROOF_ADMIN=<its kubeconfig> DRILLPROOF_CONFIG=<drillproof.toml>
    pytest -n 0 tests/real/real_existing_cluster.py

The configuration allows the context `there`. Each rule is taken away from its role, one at a time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from existing_cluster import ADMIN, CONFIG, ROLES, Lacks, complaint, elsewhere, forget, listing
from existing_cluster import admin as admin  # noqa: PLC0414 # a fixture
from existing_cluster import guest as guest  # noqa: PLC0414 # as above
from existing_cluster import untouched as untouched  # noqa: PLC0414 # as above

from harness.cli import app as cli
from harness.clusters.cluster_pin import ClusterIdentity, ClusterPin
from harness.clusters.permissions_file import allowed_drill
from harness.core import paths
from harness.core.errors import ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import Kubectl, find_kubectl, objects
from harness.core.model import Json
from harness.core.wait import NotYet, until

SINGLE = [Lacks(role, rule) for role in ROLES for rule in role["rules"]]

pytestmark = pytest.mark.skipif(not ADMIN or not CONFIG, reason="needs a cluster: see above")


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
    line = complaint(capsys)
    assert "permissions are missing on the context there" in line
    assert all(word in line for word in (*lacks.rule["verbs"], *lacks.rule["resources"])), line
    assert not (tmp_path / "runs").exists()


def test_nothing_was_made_where_a_right_was_missing(admin: Kubectl, untouched: set[str]) -> None:
    assert listing(admin) == untouched


def test_another_cluster_under_the_same_name_is_refused(
    admin: Kubectl, guest: Path, untouched: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    uid = admin("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    policy = allowed_drill("there", Path(CONFIG))
    other = ClusterIdentity("00000000-0000-4000-8000-000000000000", "https://other:6443")
    forget(policy)
    ClusterPin.of(policy, paths.state()).require(other)
    try:
        assert drill(guest, "--dry-run") == 64
    finally:
        forget(policy)
    line = complaint(capsys)
    assert all(fact in line for fact in (uid, other.uid, other.server)), line
    assert drill(guest, "--dry-run") == 0
    assert uid in capsys.readouterr().err
    assert listing(admin) == untouched


@pytest.mark.parametrize("wanted", elsewhere("drillproof-inside", "drillproof"), ids=["namespace", "rolebinding"])
def test_the_account_can_let_itself_into_no_other_namespace(admin: Kubectl, guest: Path, wanted: Json) -> None:
    before = listing(admin)
    with pytest.raises(ToolFailed, match="ValidatingAdmissionPolicy 'drillproof'"):
        Kubectl(find_kubectl(), guest, "there")("create", "-f", "-", stdin=json.dumps(wanted))
    assert listing(admin) == before


# ---------------------------------------------------------------- what else makes a drill impossible


VELERO = "--namespace=velero"
LOCATION = ("backupstoragelocations.velero.io", "default", VELERO)


def test_a_quota_that_is_too_small_is_one_line_and_nothing_stays(
    admin: Kubectl, guest: Path, untouched: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with as_soon_as_it_can_be(admin, QUOTA):
        assert drill(guest, "--runs", str(tmp_path / "runs")) == 64
    line = complaint(capsys)
    assert all(fact in line for fact in ("pods: needs 4", "small has 1 free")), line
    assert listing(admin) == untouched


def test_a_location_that_is_not_available_is_one_line(
    admin: Kubectl, guest: Path, untouched: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with located(admin, {"s3Url": "http://127.0.0.1:9"}):
        until(lambda: is_in(admin, "Unavailable"), waited_for="Velero to notice", within_s=180, every_s=2)
        assert drill(guest, "--runs", str(tmp_path / "runs")) == 64
    line = complaint(capsys)
    assert all(fact in line for fact in ("BackupStorageLocation default", "context there", "Unavailable")), line
    until(lambda: is_in(admin, "Available"), waited_for="Velero to look again", within_s=180, every_s=2)
    assert listing(admin) == untouched


def test_a_velero_that_is_not_there_is_one_line(
    admin: Kubectl, guest: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    was = json.loads(admin("get", "deployment", "velero", VELERO, "-o", "json"))
    metadata = {key: was["metadata"][key] for key in ("name", "namespace", "labels")}
    admin("delete", "deployment", "velero", VELERO)
    try:
        assert drill(guest, "--runs", str(tmp_path / "runs")) == 64
    finally:
        admin("create", "-f", "-", stdin=json.dumps({**was, "metadata": metadata, "status": {}}))
        admin("rollout", "status", "deployment", "velero", VELERO, "--timeout=120s", within_s=130)
    line = complaint(capsys)
    assert all(fact in line for fact in ("Velero", "namespace velero", "context there")), line
    assert objects(admin, "namespaces", "--field-selector=metadata.name=drillproof-custos") == ()


@pytest.mark.parametrize("uploader", ["restic", "kopia"])
def test_a_drill_passes_with_just_these_rights(
    admin: Kubectl, guest: Path, uploader: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = {"restic": "kopia", "kopia": "restic"}[uploader]
    with uploading(admin, uploader):
        assert drill(guest, "--runs", str(tmp_path / "runs"), "--engine", f"velero-{other}") == 64
        line = complaint(capsys)
        assert uploader in line, line
        code = drill(guest, "--runs", str(tmp_path / "runs"), "--engine", f"velero-{uploader}")
        with capsys.disabled():
            print(capsys.readouterr().out)  # noqa: T201 # who watches wants to see it
    assert code == 0
    assert objects(admin, "namespaces", "--field-selector=metadata.name=drillproof-custos") == ()
    assert objects(admin, "backups.velero.io,restores.velero.io", VELERO, "--selector=drillproof.run") == ()


QUOTA: Json = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "small", "namespace": "drillproof-custos"},
    "spec": {"hard": {"pods": "1"}},
}


@contextmanager
def as_soon_as_it_can_be(admin: Kubectl, wanted: Json) -> Iterator[None]:
    """Something is made as soon as its namespace is there, as a controller of the cluster's would."""
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            with suppress(ToolFailed):
                admin("create", "--validate=false", "-f", "-", stdin=json.dumps(wanted))
                return

    maker = threading.Thread(target=make)
    maker.start()
    try:
        yield
    finally:
        over.set()
        maker.join()


@contextmanager
def located(admin: Kubectl, config: Mapping[str, str]) -> Iterator[None]:
    """Velero's location has another configuration for as long as the block lasts, and is looked at all the time."""
    (was,) = objects(admin, LOCATION[0], VELERO)
    kept = at(was, "spec", "config")
    assert isinstance(kept, Mapping)

    def write(config: Json) -> None:
        patch = json.dumps({"spec": {"config": config, "validationFrequency": "5s"}})
        admin("patch", *LOCATION, "--type=merge", f"--patch={patch}")

    write({**kept, **config})
    try:
        yield
    finally:
        write(dict(kept))


def is_in(admin: Kubectl, phase: str) -> None:
    (found,) = objects(admin, LOCATION[0], VELERO)
    if (now := text(found, "status", "phase")) != phase:
        raise NotYet(now)


@contextmanager
def uploading(admin: Kubectl, uploader: str) -> Iterator[None]:
    """The Velero that is there copies with this for as long as the block lasts."""
    was = json.loads(admin("get", "deployment", "velero", VELERO, "-o", "json"))
    args = was["spec"]["template"]["spec"]["containers"][0]["args"]
    words = [word for word in args if not word.startswith("--uploader-type")]

    def start(args: list[str]) -> None:
        wanted = [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": args}]
        admin("patch", "deployment", "velero", VELERO, "--type=json", f"--patch={json.dumps(wanted)}")
        admin("rollout", "status", "deployment", "velero", VELERO, "--timeout=120s", within_s=130)

    start([*words, f"--uploader-type={uploader}"])
    try:
        yield
    finally:
        start(args)
