"""What `detect` and `plan` refuse at once: everything that a drill of the manifests would fail with, and how to go on.

The inputs are rewritten from what people run. Each was once shown as fine, or refused one problem at a time.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import shop
import yaml

from harness.cli import app as cli
from harness.core.errors import Misconfigured
from harness.core.json import text
from harness.workloads.manifests.load import TargetCluster, load
from harness.workloads.manifests.render import read

ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: readers}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
"""
CUSTOM = """
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: watched}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: letters}
"""
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  names: {kind: ServiceMonitor}
  versions: [{name: v1}]
"""
ORDERS = shop.DATABASE.replace("name: db}\nspec", "name: orders}\nspec")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, and both outputs, of a command. Never a traceback, and errors have one line."""
    code = cli.main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert err.count("\n") == (1 if code else 0)
    return code, out, err


def planned(capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, str, str]:
    return run(capsys, "plan", "namespace_loss", "--application", str(path))


# ---------------------------------------------------------------- objects that do not belong


def test_everything_outside_of_the_namespace_is_refused_at_once_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.write(tmp_path, roles=ROLES, custom=CUSTOM)
    names = ("ClusterRole reader", "ClusterRoleBinding readers", "StorageClass fast")
    for code, _, err in (planned(capsys, path), run(capsys, "detect", str(tmp_path / "manifests"))):
        assert code == 64
        assert all(f"roles.yaml: {name} is in no namespace" in err for name in names)
        assert "custom.yaml: SealedSecret sealed is of bitnami.com/v1alpha1, which a new cluster does not serve" in err
        assert '"ClusterRole/reader", "ClusterRoleBinding/readers", "StorageClass/fast"' in err
        assert "install_first" in err


def test_they_can_be_left_out_by_name_and_that_is_shown_and_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ["ClusterRole*/*", "StorageClass/fast", "custom.yaml"]
    file = shop.FILE.replace('strategy = "dump"', f'strategy = "dump"\nleave_out = {json.dumps(wild)}')
    path = shop.write(tmp_path, roles=ROLES, custom=CUSTOM, file=file)
    code, out, _ = planned(capsys, path)
    assert code == 0
    assert all(f"left out: {each}" in out for each in ("ClusterRole/reader", "StorageClass/fast", "custom.yaml"))
    options = [word for each in wild for word in ("--leave-out", each)]
    code, out, _ = run(capsys, "detect", str(tmp_path / "manifests"), *options)
    assert code == 0
    assert f"leave_out = {json.dumps(wild)}" in out


def test_a_name_to_leave_out_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    file = shop.FILE.replace('strategy = "dump"', 'strategy = "dump"\nleave_out = ["Secret/bd"]')
    with pytest.raises(Misconfigured, match="no object or file Secret/bd to leave out"):
        load(shop.write(tmp_path, file=file))


def test_a_definition_is_installed_as_it_is(tmp_path: Path) -> None:
    fields = "{storageClassName: {type: string}, accessModes: {type: array}, resources: {type: object}}"
    container = "{name: {type: string}, image: {type: string}, imagePullPolicy: Always}"
    schema = f"{{type: object, properties: {{claim: {{properties: {fields}}}, container: {container}}}}}"
    definition = DEFINITION.rstrip() + f"\n  schema: {schema}\n"
    (tmp_path / "crd.yaml").write_text(definition)
    file = shop.FILE.replace('strategy = "dump"', 'strategy = "dump"\ninstall_first = ["crd.yaml"]')
    brought = load(shop.write(tmp_path, file=file)).by_manifests
    assert brought is not None
    assert brought.first == tuple(yaml.safe_load_all(definition))


def test_kinds_that_are_installed_first_are_known_and_their_images_are_loaded(tmp_path: Path) -> None:
    monitor = CUSTOM.split("---")[1]
    operator = (
        shop.WEB.replace("name: web}\nspec", "name: operator, namespace: operators}\nspec").replace("web", "run")
        + "---"
    )
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "crd.yaml").write_text(f"{operator}{DEFINITION}---{ROLES}".replace("nginx:1", "operator:2"))
    file = shop.FILE.replace('strategy = "dump"', 'strategy = "dump"\ninstall_first = ["before"]')
    path = shop.write(tmp_path, monitor=monitor, file=file)
    brought = load(path).by_manifests
    assert brought is not None
    assert {text(each, "kind") for each in brought.first} >= {"CustomResourceDefinition", "Deployment", "ClusterRole"}
    assert "docker.io/library/operator:2" in brought.images
    line = "installed first in operators: neither backed up nor restored by the drill: 1 Deployment"
    assert line in brought.summary
    assert tuple(line.split(": ", 1)) in load(path).exclusions["application"]
    with pytest.raises(Misconfigured, match="remove `install_first`: drillproof installs nothing on a shared cluster"):
        load(path, TargetCluster("gp3", "shop"))


def test_an_old_api_version_is_refused_with_the_present_one(tmp_path: Path) -> None:
    old = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: calm}"
    with pytest.raises(
        Misconfigured, match="policy/v1beta1, which a new cluster does not serve; write policy/v1"
    ) as no:
        load(shop.write(tmp_path, old=old))
    assert "leave out" not in str(no.value)  # a StatefulSet of apps/v1beta2 may be the database


def test_an_unknown_custom_resource_may_hide_a_database(tmp_path: Path) -> None:
    hidden = "apiVersion: wiki.example.org/v1\nkind: Wiki\nmetadata: {name: pages}"
    with pytest.raises(Misconfigured, match="an operator may create pods of it, databases too, which the manifests do"):
        load(shop.write(tmp_path, hidden=hidden))


# ---------------------------------------------------------------- folders


def test_sub_folders_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop.write(tmp_path)
    deep = tmp_path / "manifests" / "apps" / "orders"
    deep.mkdir(parents=True)
    (deep / "orders.yaml").write_text(ORDERS)
    assert "orders-0" in run(capsys, "detect", str(tmp_path / "manifests"))[1]
    code, _, err = planned(capsys, path)
    assert (code, "orders-0 (mysql" in err) == (64, True)


def test_a_file_that_is_no_manifest_is_named_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(tmp_path, values="password: hunter2-hunter2\nreplicas: 3")
    for words in ((), ("--leave-out", "values.yaml")):
        code, out, err = run(capsys, "detect", str(tmp_path / "manifests"), *words)
        assert "hunter2" not in out + err
        assert code == (0 if words else 64)
        assert "values.yaml" in out + err


def test_a_chart_or_kustomization_inside_of_a_folder_is_named(tmp_path: Path) -> None:
    shop.write(tmp_path)
    for name in ("Chart.yaml", "kustomization.yaml"):
        inner = tmp_path / "manifests" / name.partition(".")[0]
        inner.mkdir()
        (inner / name).write_text("name: x")
    with pytest.raises(Misconfigured, match=r"Chart is a Helm chart.*kustomization is a Helm chart"):
        read(tmp_path / "manifests", "shop")
    assert read(tmp_path / "manifests", "shop", leave_out=["Chart/", "kustomization"]).objects


def test_the_namespace_that_most_objects_name_is_taken_in_any_order(tmp_path: Path) -> None:
    other = shop.SECRET.replace("name: db", "name: aaa, namespace: monitoring")
    ours = [shop.SECRET.replace("name: db", f"name: {name}, namespace: shop") for name in ("x", "y")]
    for number, texts in enumerate(([other, *ours], [*ours, other])):
        file = tmp_path / f"{number}.yaml"
        file.write_text("---".join(texts))
        with pytest.raises(Misconfigured, match="Secret aaa is in the namespace monitoring") as error:
            read(file, None)
        assert "Secret x" not in str(error.value)


@pytest.mark.parametrize("namespace", ["default", "kube-system", "velero"])
def test_a_namespace_that_cannot_be_deleted_is_refused(
    tmp_path: Path, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"the namespace {namespace} cannot be drilled, because a drill deletes its namespace"
    named = shop.SECRET.replace("name: db", f"name: db, namespace: {namespace}")
    path = shop.write(tmp_path, secret=named, file=shop.FILE.replace("[obj", f'namespace = "{namespace}"\n[obj'))
    for code, _, err in (planned(capsys, path), run(capsys, "detect", str(tmp_path / "manifests"))):
        assert (code, said in err) == (64, True)


def test_values_of_a_chart_are_rendered_and_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(tmp_path, Chart="name: shop")
    values, helm = tmp_path / "prod.yaml", tmp_path / "bin" / "helm"
    values.write_text("a: b")
    helm.parent.mkdir()
    (tmp_path / "rendered").write_text(f"{shop.SECRET}---{shop.DATABASE}")
    helm.write_text(f'#!/bin/sh\ncat {tmp_path}/rendered; echo "$@" >{tmp_path}/asked\n')
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    out = tmp_path / "shop.toml"
    out.unlink()
    words = ("detect", str(tmp_path / "manifests"), "--values", str(values))
    assert run(capsys, *words, "--out", str(out))[0] == 0
    assert f"--values={values}" in (tmp_path / "asked").read_text()
    assert 'values = ["prod.yaml"]' in out.read_text()
    shutil.move(tmp_path / "manifests" / "Chart.yaml", tmp_path / "gone")
    assert "--values is for Helm charts" in run(capsys, *words)[2]


# ---------------------------------------------------------------- what Velero would copy and run

ANNOTATIONS: tuple[tuple[str, str], ...] = (
    ("backup.velero.io/backup-volumes: dmp", "backup-volumes with dmp, which is no volume of its pods; they have da"),
    ("backup.velero.io/backup-volumes: data", "with data, which no container mounts, so Velero does not copy it"),
    ("backup.velero.io/backup-volume: dump", "which Velero does not know; is it backup-volumes?"),
    ('pre.hook.backup.velero.io/command: \'["/bin/sh","-c","a \\ && b"]\'', "neither a JSON list of strings"),
    ("pre.hook.backup.velero.io/command: /bin/sh -c x", "neither a JSON list of strings"),
    ("post.hook.backup.velero.io/command: '[1]'", "neither a JSON list of strings"),
    (
        'pre.hook.backup.velero.io/container: nope\n        "pre.hook.backup.velero.io/command": /x',
        "container with nope",
    ),
    ("post.hook.backup.velero.io/container: server", "container but no command, so Velero runs no hook"),
    (
        'post.hook.restore.velero.io/command: /x\n        "post.hook.restore.velero.io/container": nope',
        "container with nope",
    ),
    (
        'post.hook.restore.velero.io/command: /x\n        "post.hook.restore.velero.io/exec-timeout": 5 min',
        "a duration",
    ),
    ('pre.hook.backup.velero.io/command: /x\n        "pre.hook.backup.velero.io/on-error": Ignore', "Fail or Continue"),
    ("init.hook.restore.velero.io/command: /x", "command but no container-image, so Velero runs no hook"),
)
OWN = """        backup.velero.io/backup-volumes: dump
        pre.hook.backup.velero.io/command: '["/dump.sh"]'
"""


@pytest.mark.parametrize(("line", "said"), ANNOTATIONS)
def test_what_velero_would_ignore_or_fail_with_is_named_by_file_and_object(
    tmp_path: Path, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.write(tmp_path, database=shop.DATABASE.replace(OWN, f"        {line}\n"))
    for code, _, err in (planned(capsys, path), run(capsys, "detect", str(tmp_path / "manifests"))):
        assert code == 64
        assert "database.yaml: StatefulSet db has the annotation " in err
        assert said in err


def test_an_annotation_of_the_controller_itself_is_named(tmp_path: Path) -> None:
    moved = shop.DATABASE.replace(OWN, "        x: y\n").replace(
        "metadata: {name: db}\nspec:\n  replicas",
        "metadata: {name: db, annotations: {backup.velero.io/backup-volumes: dump}}\nspec:\n  replicas",
    )
    with pytest.raises(
        Misconfigured, match=r"StatefulSet db has the annotation .* itself, but Velero reads those of pod"
    ):
        load(shop.write(tmp_path, database=moved))


RESTORE = OWN + (
    '        post.hook.restore.velero.io/command: \'["/bin/sh","-c","psql -f /b/all.sql"]\'\n'
    "        init.hook.restore.velero.io/container-image: example.org/opener:3\n"
)


def test_what_velero_copies_and_runs_also_after_a_restore_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.write(tmp_path, database=shop.DATABASE.replace(OWN, RESTORE))
    told = (
        "after a restore, in server: /bin/sh, whose arguments are not shown",
        "before the first start after a restore, in a new init container: the image's own command",
        "Velero copies dump",
    )
    for _, out, _ in (planned(capsys, path), run(capsys, "detect", str(tmp_path / "manifests"))):
        assert all(each in out for each in told)
    brought = load(path).by_manifests
    assert brought is not None
    assert "example.org/opener:3" in brought.images


def test_a_password_in_a_hook_is_never_shown_and_is_removed_from_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = OWN.replace("/dump.sh", '/bin/bash","-c","PGPASSWORD=hunter2-hunter2 pg_dumpall')
    path = shop.write(tmp_path, database=shop.DATABASE.replace(OWN, secret))
    manifests = str(tmp_path / "manifests")
    for code, out, err in (
        planned(capsys, path),
        run(capsys, "detect", manifests),
        run(capsys, "detect", manifests, "--json"),
    ):
        assert (code, "hunter2" in out + err) == (0, False)
    brought = load(path).by_manifests
    assert brought is not None
    assert "hunter2-hunter2" in brought.hidden


# ---------------------------------------------------------------- what the cluster would refuse

OBJECTS: tuple[tuple[str, str], ...] = (
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: 'ENC[AES256_GCM,data:AA,iv:B]'}", "encrypted"),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nsops: {version: 3.9.0}", "sops decrypt"),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: '<path:kv/db#pw>'}", "unfilled"),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: '${DB_PASSWORD}'}", "unfilled"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {port: 5432}", "data.port that is no text"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {on: yes}}", "metadata.labels.true that is no text"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, resourceVersion: '1'}", "was exported from a cluster"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}", "not a Kubernetes object"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: c", "not a Kubernetes object"),
    (
        "apiVersion: v1\nkind: List\nitems:\n-\n- {apiVersion: v1, kind: ConfigMap, metadata: {}}",
        "not a Kubernetes obj",
    ),
    (ORDERS.replace("name: orders}", f"name: {'o' * 53}}}"), "53 characters, and Kubernetes takes at most 52"),
    (ORDERS.replace("replicas: 1", "replicas: 3000000"), "replicas that is not between 0 and 100"),
    (ORDERS.replace("replicas: 1", "replicas: -1"), "replicas that is not between 0 and 100"),
    (ORDERS.replace("replicas: 1", "replicas: 'two'"), "replicas that is not between 0 and 100"),
    (ORDERS.replace("replicas: 1", "ordinals: {start: x}"), "spec.ordinals.start"),
    (ORDERS.replace("value: shop}", "value: 5432}"), "env MYSQL_DATABASE that is no text"),
    (ORDERS.replace("image: mysql:9.7", "imag: mysql:9.7"), "without a name or an image"),
)


@pytest.mark.parametrize(("thing", "said"), OBJECTS)
def test_what_would_be_refused_or_wrong_in_the_cluster_is_refused_at_once(
    tmp_path: Path, thing: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop.write(tmp_path, thing=thing)
    for code, _, err in (planned(capsys, path), run(capsys, "detect", str(tmp_path / "manifests"))):
        assert code == 64
        assert "thing.yaml" in err
        assert said in err


def test_long_names_that_kubernetes_takes_are_proposed_and_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "customer-portal-production-eu-mysql-orders-and-more"
    shop.write(tmp_path, more=shop.DATABASE.replace("metadata: {name: db}", f"metadata: {{name: {long}}}"))
    out = tmp_path / "long.toml"
    assert run(capsys, "detect", str(tmp_path / "manifests"), "--namespace", "shop", "--out", str(out))[0] == 0
    out.write_text(out.read_text().replace('"?"', '"dump"').replace("confirmed = false", ""))
    code, shown, err = planned(capsys, out)
    assert (code, err) == (0, "")
    assert f"shop-{long}" in shown


# ---------------------------------------------------------------- files that would take all time and memory

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
HOSTILE: tuple[tuple[bytes, str], ...] = (
    (ALIASES.encode(), "with its aliases it has more than"),
    (b"a: &a [*a]", "an alias is inside of what it stands for"),
    (b"[" * 200_000, "nested more than 100 levels deep"),
    (b"- " * 200_000, "nested more than 100 levels deep"),
    (b"x" * 50_000_000, "at most 5 MB are read"),
    (b"\0\0\0\1", "bytes that are no text"),
    (b"\x89PNG\r\n\x1a\n", "bytes that are no text"),
    (b"a:\n\tb: 2", "line 2: found character that cannot start any token"),
    (b"a: !vault hunter2", "line 1: could not determine a constructor for the tag"),
    (b"password: *hunter2", "line 1: found undefined alias"),
    (b"a: !!int hunter2", "an explicit tag does not fit its value"),
    (b"a: .inf", "not possible in Kubernetes"),
    (b"{{ .Values.hunter2 }}: x", "it looks like a Helm template"),
    (b"hunter2", "not a Kubernetes object"),
    (b"- hunter2", "not a Kubernetes object"),
    (b"42", "not a Kubernetes object"),
)


@pytest.mark.parametrize(("content", "said"), HOSTILE, ids=[said for _, said in HOSTILE])
def test_a_hostile_file_is_one_line_soon_and_never_shown(
    tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    before = time.monotonic()
    code, out, err = run(capsys, "detect", str(file))
    assert time.monotonic() - before < 5
    assert (code, out, said in err) == (64, "", True)
    assert "x.yaml" in err
    assert "hunter2" not in err


def test_a_time_of_day_and_an_equals_sign_are_text_as_kubernetes_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {at: 12:30, is: =}")
    (thing,) = read(file, "shop").objects
    assert thing["data"] == {"at": "12:30", "is": "="}
