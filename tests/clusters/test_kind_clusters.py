"""docker is stood in for by one that remembers what it was asked; kind and kubectl by scripts."""

from __future__ import annotations

import fcntl
import json
import signal
import sys
import threading
from pathlib import Path

import pytest
import yaml
from fakes import RememberedDocker

from harness.backups.object_store import ObjectStore
from harness.clusters import minio
from harness.clusters.docker import Docker
from harness.clusters.gc import leftovers, remove, remove_cluster
from harness.clusters.images.images import PreparedImages, Tools
from harness.clusters.kind import NODES, KindCluster
from harness.clusters.lock import SHARED_LOCK, Lock
from harness.clusters.network import Network, NetworkIsolation
from harness.core import paths, resources
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.ports import Cluster
from harness.core.process import registered, run, spawn
from harness.core.wait import NotYet, until

STORE = ObjectStore("http://in", "http://out", "velero", "key", "secret")


def nodes(*unready: str) -> str:
    things: list[object] = [
        {
            "kind": "Node",
            "metadata": {"name": node},
            "status": {"conditions": [{"type": "Ready", "status": str(node not in unready)}]},
        }
        for node in NODES
    ]
    things += [
        {"kind": "Deployment", "metadata": {"name": name}, "status": {"availableReplicas": 1}}
        for name in ("coredns", "local-path-provisioner")
    ]
    return json.dumps({"items": things})


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minio.Minio, "up", lambda _: STORE)


def cluster(folder: Path, docker: Docker, name: str = "one") -> KindCluster:
    (folder / "nodes.json").write_text(nodes())
    kind = script(
        folder / "kind", f'echo "$@ on $KIND_EXPERIMENTAL_DOCKER_NETWORK via [$HTTPS_PROXY]" >> {folder}/made'
    )
    kubectl = script(folder / "kubectl", f"cat {folder}/nodes.json")
    return KindCluster(
        name,
        docker,
        PreparedImages("node:1", "minio:1", {}, Tools(kind, kubectl, Path("velero")), cached=True),
        state=folder / "state",
    )


def made(folder: Path) -> list[str]:
    path = folder / "made"
    return path.read_text().splitlines() if path.exists() else []


def finished(folder: Path) -> tuple[KindCluster, RememberedDocker]:
    """A cluster that an earlier drill made and left."""
    docker = RememberedDocker()
    earlier = cluster(folder, docker)
    earlier.up()
    earlier.release()
    docker.owners["container", "drillproof-one-minio"] = "one"
    for label in ("=one", " "):
        docker.answers[f"ps --all --filter label=io.x-k8s.kind.cluster{label}"] = "\n".join(
            f"one-{node}" for node in NODES
        )
    return cluster(folder, docker), docker


def test_it_is_a_cluster(tmp_path: Path) -> None:
    it: Cluster = cluster(tmp_path, RememberedDocker())
    assert it.name == "one"


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "a" * 33])
def test_a_name_that_docker_or_the_file_system_would_refuse_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match=repr(name)):
        cluster(tmp_path, RememberedDocker(), name)


def test_the_fence_is_up_before_the_first_node(tmp_path: Path) -> None:
    docker = RememberedDocker(refuses={"run --rm --pull=never --privileged": "no iptables"})
    with pytest.raises(Misconfigured, match="no iptables"):
        cluster(tmp_path, docker).up()
    assert made(tmp_path) == []


def test_nodes_are_made_on_the_drills_own_network_and_without_the_users_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    it = cluster(tmp_path, RememberedDocker())
    it.up()
    assert len(made(tmp_path)) == 1
    assert "--name one --image node:1" in made(tmp_path)[0]
    assert made(tmp_path)[0].endswith("on drillproof-one via []")
    assert it.store is STORE


def test_nodes_that_did_not_come_up_are_there_to_be_asked_why_until_it_is_taken_down(tmp_path: Path) -> None:
    docker = RememberedDocker()
    it = cluster(tmp_path, docker)
    script(tmp_path / "kind", f'echo "$@" >> {tmp_path}/made; echo "the kubelet is not running"; exit 1')
    with pytest.raises(ToolFailed, match="kubelet"):
        it.up()
    assert "--retain" in made(tmp_path)[0].split()
    docker.answers.update(
        {f"ps --all --filter label=io.x-k8s.kind.cluster{one}": "one-worker" for one in ("=one", " ")}
    )
    it.collect(tmp_path / "bundle")
    assert "kubelet is not running" in (tmp_path / "bundle" / "kind.log").read_text()
    assert docker.did("exec one-worker journalctl")
    assert docker.did("exec one-worker find /var/log/pods")
    it.down()
    assert docker.did("rm --force --volumes one-worker")


def test_an_earlier_cluster_of_ours_is_taken_over(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    it.up()
    assert len(made(tmp_path)) == 1
    assert docker.did("rm") == []


def test_an_earlier_cluster_that_is_not_well_is_made_anew(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    (tmp_path / "nodes.json").write_text(nodes("worker2"))
    assert it.is_reusable() is False
    (tmp_path / "nodes.json").write_text(nodes())
    for label in ("=one", " "):
        docker.answers[f"ps --all --filter label=io.x-k8s.kind.cluster{label}"] = "one-worker"
    it.up()
    assert docker.did("rm --force --volumes one-worker")
    assert len(made(tmp_path)) == 2


def test_a_cluster_beside_that_an_earlier_drill_left_goes_when_it_is_made_anew(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    docker.answers["ps --all --filter label=io.x-k8s.kind.cluster "] = "one-x\none-b-x"
    docker.answers["ps --all --filter label=io.x-k8s.kind.cluster=one-b"] = "one-b-x"
    it.second.up()
    assert not docker.did("rm --force --volumes one-x one-b-x"), "the cluster beside is not alone on its network"
    it.up()
    assert docker.did("rm --force --volumes one-x one-b-x")


def test_a_cluster_that_something_was_moved_away_from_is_never_used_again(tmp_path: Path) -> None:
    """Its nodes are fenced off from all others, the bucket among them."""
    it, _ = finished(tmp_path)
    for times in (2, 3):  # it was made once
        it.second.up()
        assert not it.is_reusable()
        it.up()
        assert len([line for line in made(tmp_path) if "--name one " in line]) == times


def test_a_half_made_cluster_is_cleaned_away(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    (it.home / "recipe").unlink()
    it.up()
    assert docker.did("rm --force --volumes one-control-plane")
    assert len(made(tmp_path)) == 2


@pytest.mark.parametrize("stranger", ["theirs one", "one-worker2 other", "one-worker2 "])
def test_a_strangers_cluster_is_refused_and_left_alone(tmp_path: Path, stranger: str) -> None:
    docker = RememberedDocker(answers={"ps --all --format": stranger})
    with pytest.raises(Misconfigured, match=stranger.split(maxsplit=1)[0]):
        cluster(tmp_path, docker).up()
    assert docker.did("rm") == []
    assert docker.did("network create") == []


def test_a_strangers_network_is_refused(tmp_path: Path) -> None:
    docker = RememberedDocker(owners={("network", "drillproof-one"): ""})
    with pytest.raises(Misconfigured, match="drillproof-one"):
        cluster(tmp_path, docker).up()


def test_two_drills_on_one_cluster_are_refused(tmp_path: Path) -> None:
    first, second = cluster(tmp_path, RememberedDocker()), cluster(tmp_path, RememberedDocker())
    first.up()
    with pytest.raises(Misconfigured, match="cluster one"):
        second.up()
    first.release()
    second.up()


def test_down_removes_all_of_it_and_may_be_called_twice(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    it.down()
    assert docker.did("rm --force --volumes one-control-plane one-worker one-worker2 one-worker3")
    assert docker.did("rm --force --volumes drillproof-one-minio")
    assert docker.did("network rm drillproof-one") > docker.did("run --rm --pull=never --privileged")
    assert not it.home.exists()
    done = len(docker.calls)
    it.down()
    assert [call for call in docker.calls[done:] if " rm" in call or call.startswith(("rm", "run"))] == [
        "rm --force --volumes drillproof-one-minio"
    ]


def test_a_store_without_its_nodes_is_something_still(tmp_path: Path) -> None:
    docker = RememberedDocker()
    assert cluster(tmp_path, docker).exists() is False
    docker.owners["container", "drillproof-one-minio"] = "one"
    assert cluster(tmp_path, docker).exists() is True


def test_down_can_keep_the_store_and_what_it_stands_on(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    it.down(keep_store=True)
    assert docker.did("rm --force --volumes one-control-plane")
    assert docker.did("rm --force --volumes drillproof-one-minio") == []
    assert docker.did("network rm") == []


def test_the_network_avoids_ranges_that_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.clusters.network._routed", lambda: frozenset({"10.211.0"}))
    docker = RememberedDocker(refuses={"network create": "Pool overlaps"})
    with pytest.raises(Misconfigured, match="Pool overlaps"):
        Network(docker, "one").up()
    tried = {call.partition("--subnet=")[2].split("/")[0] for call in docker.calls}
    assert len(tried) == 32
    assert "10.211.0.0" not in tried


def test_routes_of_this_machine_are_read_as_prefixes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = tmp_path / "route"
    routes.write_text("Iface\tDestination\tGateway\neth0\t00000000\t0100000A\nbr0\t0067D30A\t00000000\n")
    monkeypatch.setattr("harness.clusters.network._ROUTES", routes)
    docker = RememberedDocker()
    network = Network(docker, "one")
    network._number = 0x67
    network.up()
    assert "--subnet=10.211.104.0/24" in docker.calls[0]


RULES = """[7:389] -A FORWARD -i dp-x ! -o dp-x -m comment --comment "drillproof:one" -j MARK --set-xmark 0x1/0xffffffff
[{escaped}:60] -A POSTROUTING ! -o dp-x -m mark --mark 0x1 -m comment --comment "drillproof:one"
[2:120] -A INPUT -i dp-x -m comment --comment "drillproof:one" -j REJECT --reject-with icmp-port-unreachable
"""
REFUSAL = (
    '[5:300] -A DOCKER-USER -i dp-x ! -o dp-x -m comment --comment "drillproof:one" -j REJECT --reject-with icmp\n'
)


def fence(rules: str) -> NetworkIsolation:
    docker = RememberedDocker(answers={"run": rules})
    return NetworkIsolation(docker, Network(docker, "one"), "node:1")


def test_the_fence_counts_what_it_stopped_and_what_escaped() -> None:
    counts = fence(RULES.format(escaped=3) + REFUSAL).counts()
    assert (counts.stopped, counts.escaped) == (7, 3)


def test_what_the_nodes_own_fence_stopped_is_counted_too(tmp_path: Path) -> None:
    it, docker = finished(tmp_path)
    docker.answers["run --rm"] = RULES.format(escaped=0) + REFUSAL
    docker.answers["exec one-worker3"] = (
        "*mangle\n[4:240] -A POSTROUTING -o eth0 -m comment --comment drillproof -j DROP\n"
        "[9:900] -A POSTROUTING -d 10.244.0.0/16 -o eth0 -j RETURN\nCOMMIT"
    )
    counts = it.packet_counts()
    assert (counts.stopped, counts.escaped) == (11, 0)


def test_a_fence_with_a_rule_missing_is_no_proof() -> None:
    with pytest.raises(ToolFailed, match="drillproof-one"):
        fence(RULES.format(escaped=0)).counts()


def test_a_look_at_a_free_lock_refuses_no_drill(tmp_path: Path) -> None:
    """`is_held` takes the lock for a moment: a drill that began in that moment was refused, with its evidence."""
    mine, looks = Lock(tmp_path / "x.lock"), Lock(tmp_path / "x.lock")
    assert looks.try_acquire(fcntl.LOCK_SH | fcntl.LOCK_NB)  # in the midst of `is_held`
    assert not Lock(tmp_path / "x.lock").is_held()  # nor does one look see another
    threading.Timer(0.05, looks.release).start()
    mine.acquire("it")
    assert looks.is_held()
    with pytest.raises(Misconfigured, match="in use by another drill"):
        looks.acquire("it")


def test_a_lock_is_free_again_when_its_holder_is_gone(tmp_path: Path) -> None:
    mine, theirs = Lock(tmp_path / "x.lock"), Lock(tmp_path / "x.lock")
    assert not theirs.is_held()
    mine.acquire("it")
    mine.acquire("it")
    assert theirs.is_held()
    mine.release()
    mine.release()
    assert not theirs.is_held()


def test_leftovers_are_found_by_label_network_tag_and_files(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files.lock").touch()
    (tmp_path / "of somebody else").mkdir()
    docker = RememberedDocker(
        owners={("container", "m"): "one", ("volume", "v"): "one", ("network", "n"): "one", ("volume", "u"): "used"},
        answers={
            "ps --all --filter label=drillproof": "m",
            "ps --all --filter network=n": "one-worker\nm",
            "volume ls": "v\nu",
            "network ls": "n",
            "run": "drillproof:rules",
        },
    )
    found = {leftover.cluster: leftover for leftover in leftovers(docker, tmp_path, "node:1")}
    assert set(found) == {"one", "used", "files", "rules"}
    one = found["one"]
    assert one.objects == {"container": ("m", "one-worker"), "volume": ("v",), "network": ("n",)}
    assert not one.isolation
    assert found["rules"].isolation
    assert [name for name, leftover in found.items() if leftover.in_use] == []


def test_a_living_drills_things_are_marked_as_in_use(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    lock = Lock(tmp_path / "used.lock")
    lock.acquire("used")
    assert [leftover.in_use for leftover in leftovers(RememberedDocker(), tmp_path)] == [True]


def test_a_run_on_a_shared_cluster_is_in_use_too(tmp_path: Path) -> None:
    (tmp_path / "context-0").mkdir()
    lock = Lock(tmp_path / f"context-0{SHARED_LOCK}")
    lock.acquire("it")
    assert [leftover.in_use for leftover in leftovers(RememberedDocker(), tmp_path)] == [True]
    lock.release()
    assert [leftover.in_use for leftover in leftovers(RememberedDocker(), tmp_path)] == [False]


def test_a_node_belongs_to_its_network_whatever_label_its_image_bears(tmp_path: Path) -> None:
    docker = RememberedDocker(
        owners={("container", "one-worker"): "images", ("network", "n"): "one"},
        answers={
            "ps --all --filter label=drillproof": "one-worker",
            "ps --all --filter label=io.x-k8s.kind.cluster": "one-worker",
            "ps --all --filter network=n": "one-worker",
            "network ls": "n",
        },
    )
    assert [(left.cluster, left.objects["container"]) for left in leftovers(docker, tmp_path)] == [
        ("one", ("one-worker",))
    ]


STARTER = """import sys
from pathlib import Path
from harness.core.process import run
run(["sleep", "60"], register=Path(sys.argv[1]), within_s=60)
"""


def test_the_commands_of_a_killed_drill_are_ended_and_no_others(tmp_path: Path) -> None:
    home = tmp_path / "one"
    home.mkdir()
    (tmp_path / "one.lock").touch()
    records = home / paths.PROCESSES
    editor = ["/bin/sh", "-c", f"while :; do sleep 1; done # {home}/kubeconfig"]  # names the folder, and is not ours
    with spawn(editor) as theirs, spawn([sys.executable, "-c", STARTER, str(records)]) as drill:

        def orphan() -> int:
            if not (found := registered(records)):
                raise NotYet("no process is registered")
            return found[0]

        pid = until(orphan, waited_for="the command to be registered", within_s=10, every_s=0.05)
        drill.kill()
        drill.wait(5)
        (records / str(theirs.pid)).write_text("an earlier process of the same id")
        (leftover,) = leftovers(RememberedDocker(), tmp_path)
        assert leftover.processes == (pid,)
        remove(RememberedDocker(), tmp_path, leftover)

        def ended() -> None:
            if registered(records) or Path(f"/proc/{pid}/exe").exists():
                raise NotYet(f"process {pid} lives")

        until(ended, waited_for="the command to end", within_s=5, every_s=0.05)
        assert theirs.poll() is None
    assert not home.exists()


def test_a_command_that_ended_is_not_registered(tmp_path: Path) -> None:
    run(["true"], register=tmp_path / paths.PROCESSES)
    assert list((tmp_path / paths.PROCESSES).iterdir()) == []
    run(["true"], register=tmp_path / "removed" / paths.PROCESSES)
    assert not (tmp_path / "removed").exists()


HOLD = """import fcntl, signal, sys, time
def end(*_):
    print("cleaned", flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, {handler})
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("holds", flush=True)
time.sleep(60)
"""


def test_one_cluster_is_taken_out_by_its_name_and_no_other(tmp_path: Path) -> None:
    docker = RememberedDocker(
        owners={("container", "m"): "one", ("container", "n"): "two"},
        answers={"ps --all --filter label=drillproof": "m\nn"},
    )
    told = remove_cluster(docker, tmp_path, "one")
    assert told == "cluster one: 1 containers, 0 volumes, 0 networks, 0 processes"
    assert docker.did("container rm --force --volumes m")
    assert docker.did("container rm --force --volumes n") == []


@pytest.mark.parametrize("name", ["three", "", "../one", "on"])
def test_what_is_not_ours_is_refused_by_name_and_nothing_goes(tmp_path: Path, name: str) -> None:
    """A cluster of kind that somebody else made has no label of ours."""
    docker = RememberedDocker(
        owners={("container", "m"): "one"},
        answers={
            "ps --all --filter label=drillproof": "m",
            "ps --all --filter label=io.x-k8s.kind.cluster": "three-control-plane",
        },
    )
    with pytest.raises(Misconfigured, match=r": one$"):
        remove_cluster(docker, tmp_path, name)
    assert not [call for call in docker.calls if " rm " in call]


@pytest.mark.parametrize(("handler", "code"), [("end", 130), ("signal.SIG_IGN", -signal.SIGKILL)])
def test_a_cluster_that_is_used_is_taken_out_once_its_process_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler: str, code: int
) -> None:
    monkeypatch.setattr("harness.core.timeouts.DOWN_S", 1.0 if code < 0 else 20.0)
    docker = RememberedDocker(owners={("container", "m"): "one"}, answers={"ps --all --filter label=drillproof": "m"})
    with (tmp_path / "said").open("wb") as said:
        command = [sys.executable, "-c", HOLD.replace("{handler}", handler), str(tmp_path / "one.lock")]
        with spawn(command, output=said) as drill:

            def holds() -> None:
                if "holds" not in (tmp_path / "said").read_text():
                    raise NotYet("not yet")

            until(holds, waited_for="the lock to be held", within_s=10, every_s=0.05)
            told = remove_cluster(docker, tmp_path, "one")
            assert drill.wait(5) == code
    assert f"process {drill.pid}, which used it, has ended" in told
    assert docker.did("container rm --force --volumes m")
    assert ("cleaned" in (tmp_path / "said").read_text()) == (code == 130)


def test_what_the_topology_mounts_is_there() -> None:
    topology = yaml.safe_load((resources.clusters() / "kind.yaml").read_text())
    assert [node["role"] for node in topology["nodes"]] == ["control-plane", "worker", "worker", "worker"]
    for node in topology["nodes"]:
        for mount in node["extraMounts"]:
            assert (resources.clusters() / mount["hostPath"]).is_file()


def test_names_in_the_cluster_are_never_asked_of_the_world() -> None:
    things = list(yaml.safe_load_all((resources.clusters() / "platform" / "platform.yaml").read_text()))
    (corefile,) = [
        thing["data"]["Corefile"] for thing in things if thing["metadata"]["name"] == "coredns" and "data" in thing
    ]
    assert "forward" not in corefile
    patches = " ".join(yaml.safe_load((resources.clusters() / "kind.yaml").read_text())["kubeadmConfigPatches"])
    assert "addon/coredns" in patches


def test_volumes_of_the_storage_class_are_ones_that_velero_copies() -> None:
    things = list(yaml.safe_load_all((resources.clusters() / "platform" / "platform.yaml").read_text()))
    classes = [thing for thing in things if thing["kind"] == "StorageClass"]
    assert [each["metadata"]["name"] for each in classes] == ["drill", "other"]
    assert [each["reclaimPolicy"] for each in classes] == ["Delete", "Retain"]
    for each in classes:
        assert each["metadata"]["annotations"] == {"defaultVolumeType": "local"}
        assert each["volumeBindingMode"] == "WaitForFirstConsumer"
