"""A namespace is a list of objects; what is done to it is done to a copy of that list."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.checks.data import differing_fields, objects_equal
from harness.core import wait
from harness.core.clock import Clock
from harness.evidence.journal import Journal
from harness.evidence.run_directory import Run
from harness.workloads.object_digest import (
    EVERY,
    EXCLUDED,
    EXCLUDED_FIELDS,
    LONGEST_PATH,
    MOST_FIELDS,
    MOST_FIELDS_OF_ONE,
    digest,
    recorded,
    without_excluded,
)

Thing = dict[str, Any]


def thing(kind: str, name: str, **content: object) -> Thing:
    return {"kind": kind, "metadata": {"name": name, "uid": f"uid-{name}"}, **content}


def pod(name: str, **labels: str) -> Thing:
    made = thing("Pod", name)
    made["metadata"] |= {"labels": {"app": "db", **labels}, "ownerReferences": [{"kind": "StatefulSet"}]}
    return made


def behind(service: str, *pods: str, port: int = 5432) -> Thing:
    made = thing("EndpointSlice", f"{service}-x7k2p", ports=[{"port": port}])
    made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    made["endpoints"] = [{"targetRef": {"name": pod}, "conditions": {"ready": True}} for pod in pods]
    return made


def namespace() -> dict[str, list[Thing]]:
    """All there is, by the name of its kind."""
    return {
        "namespaces": [thing("Namespace", "custos")],
        "services": [
            thing(
                "Service", "db", spec={"clusterIP": "10.1.2.3", "clusterIPs": ["10.1.2.3"], "selector": {"app": "db"}}
            ),
            thing("Service", "all", spec={"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 5432}]}),
        ],
        "secrets": [thing("Secret", "db", data={"password": "aHVudGVyMg=="})],
        "configmaps": [thing("ConfigMap", "scripts", data={"start.sh": "exec db"})],
        "persistentvolumeclaims": [
            thing("PersistentVolumeClaim", "data-db-0", spec={"volumeName": "pvc-1", "storageClassName": "drill"})
        ],
        "statefulsets.apps": [
            thing("StatefulSet", "db", spec={"replicas": 2, "template": {"spec": {"containers": [{"image": "db:1"}]}}})
        ],
        "pods": [pod("db-0"), pod("db-1")],
        "endpointslices.discovery.k8s.io": [behind("db", "db-0", "db-1")],
        "endpoints": [thing("Endpoints", "db", subsets=[{"addresses": [{"ip": "10.9.9.9"}]}])],
        "events.events.k8s.io": [thing("Event", "db.17a")],
        "policies.example.org": [],
    }


@dataclass
class Server:
    """kubectl on a cluster with this namespace. `later` is what it holds after so many looks at its pods."""

    held: dict[str, list[Thing]] = field(default_factory=namespace)
    later: dict[str, list[Thing]] | None = None
    looks: int = 0

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "api-resources":
            return "\n".join(kind for kind in self.held if kind != "namespaces")
        kinds = args[1].split(",")
        if "pods" in kinds:
            self.looks += 1
            if self.later is not None and self.looks > 3:
                self.held = self.later
        return json.dumps({"items": [found for kind in kinds for found in self.held[kind]]})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "_cancel", SimpleNamespace(wait=lambda seconds: False))


def changed(change: Callable[[dict[str, list[Thing]]], object]) -> set[str]:
    """The names of the parts that a change of the namespace shows in."""
    spoilt = copy.deepcopy(namespace())
    change(spoilt)
    before, after = digest(Server(), "custos"), digest(Server(spoilt), "custos")
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_every_object_has_a_part_and_so_has_what_is_behind_each_service() -> None:
    assert set(digest(Server(), "custos")) == {
        *("namespace", "service db", "service all", "secret db", "configmap scripts"),
        *("persistentvolumeclaim data-db-0", "statefulset db", "endpoints db"),
    }


SPOILT: Mapping[str, tuple[Callable[[dict[str, list[Thing]]], object], str]] = {
    "a port": (lambda all_: all_["services"][1]["spec"]["ports"][0].update(port=1), "service all"),
    "a selector": (lambda all_: all_["services"][0]["spec"]["selector"].update(app="x"), "service db"),
    "headless no more": (lambda all_: all_["services"][1]["spec"].update(clusterIP="10.1.1.1"), "service all"),
    "now headless": (lambda all_: all_["services"][0]["spec"].update(clusterIP="None"), "service db"),
    "a secret": (lambda all_: all_["secrets"][0]["data"].update(password="aHVudGVyMw=="), "secret db"),  # noqa: S106 # made up
    "a key more": (lambda all_: all_["secrets"][0]["data"].update(other=""), "secret db"),
    "a script": (lambda all_: all_["configmaps"][0]["data"].update({"start.sh": "exec db "}), "configmap scripts"),
    "gone": (lambda all_: all_["configmaps"].clear(), "configmap scripts"),
    "replicas": (lambda all_: all_["statefulsets.apps"][0]["spec"].update(replicas=1), "statefulset db"),
    "an image": (
        lambda all_: all_["statefulsets.apps"][0]["spec"]["template"]["spec"]["containers"][0].update(image="db:2"),
        "statefulset db",
    ),
    "a claim's class": (
        lambda all_: all_["persistentvolumeclaims"][0]["spec"].update(storageClassName="x"),
        "persistentvolumeclaim data-db-0",
    ),
    "a label": (lambda all_: all_["namespaces"][0]["metadata"].update(labels={"a": "b"}), "namespace"),
    "being deleted": (
        lambda all_: all_["secrets"][0]["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"),
        "secret db",
    ),
    "an extra one": (
        lambda all_: all_["policies.example.org"].append(thing("Policy", "deny")),
        "policy deny",
    ),
    "an extra pod": (lambda all_: all_["pods"].append(thing("Pod", "stranger")), "pod stranger"),
    "the leave to begin empty": (
        lambda all_: all_["configmaps"].append(thing("ConfigMap", "first-start")),
        "configmap first-start",
    ),
    "a pod not ready": (
        lambda all_: all_["endpointslices.discovery.k8s.io"][0]["endpoints"][1]["conditions"].update(ready=False),
        "endpoints db",
    ),
    "another pod": (
        lambda all_: all_["endpointslices.discovery.k8s.io"][0]["endpoints"][1]["targetRef"].update(name="x"),
        "endpoints db",
    ),
    "the port behind": (
        lambda all_: all_["endpointslices.discovery.k8s.io"][0]["ports"][0].update(port=1),
        "endpoints db",
    ),
    "no slice": (lambda all_: all_["endpointslices.discovery.k8s.io"].clear(), "endpoints db"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_change_shows_in_its_own_part_and_in_no_other(name: str) -> None:
    change, part = SPOILT[name]
    assert changed(change) == {part}


def in_namespace(name: str, storage_class: str, subject: str) -> Server:
    """All of it in a namespace of this name; a binding names an account of the namespace `subject`."""
    held = namespace()
    binding = thing("RoleBinding", "admin", subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": subject}])
    held["policies.example.org"] = [binding]
    held["persistentvolumeclaims"][0]["spec"]["storageClassName"] = storage_class
    held["namespaces"] = [thing("Namespace", name)]
    held["namespaces"][0]["metadata"]["labels"] = {"kubernetes.io/metadata.name": name}
    for kind in held.keys() - {"namespaces"}:
        for each in held[kind]:
            each["metadata"]["namespace"] = name
    return Server(held)


@pytest.mark.parametrize(
    ("after", "differs"),
    [
        (in_namespace("new", "fast", "new"), set()),
        (in_namespace("new", "drill", "new"), {"persistentvolumeclaim data-db-0"}),  # it did not get the other class
        (in_namespace("new", "fast", "custos"), {"rolebinding admin"}),  # it still names an account that was left
    ],
)
def test_what_moved_is_what_it_was_under_its_new_names(after: Server, differs: set[str]) -> None:
    before = digest(in_namespace("custos", "drill", "custos"), "custos", storage_class="fast")
    now = digest(after, "new")
    assert {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)} == differs


def test_an_address_that_somebody_wrote_behind_a_service_is_compared() -> None:
    def written(address: str) -> dict[str, list[Thing]]:
        held = namespace()
        held["endpointslices.discovery.k8s.io"][0]["endpoints"] = [
            {"addresses": [address], "conditions": {"ready": True}}
        ]
        return held

    first, second = (digest(Server(written(address)), "custos") for address in ("10.0.0.1", "10.0.0.2"))
    assert first["endpoints db"] != second["endpoints db"]


def test_the_order_in_which_pods_stand_behind_a_service_says_nothing() -> None:
    assert not changed(lambda all_: all_["endpointslices.discovery.k8s.io"][0]["endpoints"].reverse())


def canonical(held: Thing) -> str:
    return json.dumps(without_excluded(held), sort_keys=True)


def steps(path: str) -> list[str]:
    """The keys of a path; `[]` for any entry of a list."""
    return [step.strip("[.]") if step != "[]" else step for step in re.findall(r"\[[^]]*\]|\.?[^.\[\]]+", path)]


def put(held: Thing, path: str, value: object) -> None:
    keys = steps(path)
    for key, following in itertools.pairwise(keys):
        if key == "[]":
            continue
        if following == "[]":
            inner: Thing = {}
            held.setdefault(key, []).append(inner)
            held = inner
        else:
            held = held.setdefault(key, {})
    held[keys[-1]] = value


def of_kind(kind: str) -> Thing:
    """An object to which the rules of `kind` apply."""
    name, _, type_ = ("Secret" if kind == EVERY else kind).partition(" ")
    return thing(name, "one", data={"kept": "x"}, **({"type": type_} if type_ else {}))


OF_KIND = [(kind, path) for kind, path, _ in EXCLUDED_FIELDS if kind != "autoscaled workload"]


@pytest.mark.parametrize(("kind", "path"), OF_KIND)
def test_a_field_that_is_left_out_says_nothing_and_only_there(kind: str, path: str) -> None:
    held = of_kind(kind)
    first = canonical(held)
    put(held, path, "something")
    # A list of things with an excluded field is still a list of things.
    assert canonical(held).replace(', "spec": {"ports": [{}]}', "") == first
    deeper = of_kind(kind)
    bare = canonical(deeper)
    put(deeper["data"], path, "something")
    assert canonical(deeper) != bare


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, path in OF_KIND if kind != EVERY])
def test_a_field_of_one_kind_is_compared_in_every_other(kind: str, path: str) -> None:
    others = {kind for kind, each in OF_KIND if each == path}
    assert "Policy" not in others
    other = thing("Policy", "one")
    first = canonical(other)
    put(other, path, "something")
    assert canonical(other) != first


def test_no_labels_at_all_are_what_an_empty_map_of_them_is() -> None:
    labelled = thing("Secret", "one")
    labelled["metadata"]["labels"] = {"velero.io/restore-name": "r"}
    assert canonical(labelled) == canonical(thing("Secret", "one"))
    assert canonical(thing("Secret", "one", data={})) != canonical(thing("Secret", "one"))


def test_a_kind_that_only_sounds_like_one_that_is_left_out_is_compared() -> None:
    held = namespace() | {"leases.example.org": [thing("Lease", "house")]}
    assert "lease house" in digest(Server(held), "custos")


@pytest.mark.parametrize(("kind", "field"), [("services", "selector"), ("services.serving.example.org", "template")])
def test_two_objects_of_one_kind_and_name_do_not_hide_each_other(kind: str, field: str) -> None:
    """Kinds of two groups may be called alike; some make a Service of their own name for each Service of theirs."""
    held = namespace() | {"services.serving.example.org": [thing("Service", "db", spec={"template": {"app": "db"}})]}
    spoilt = copy.deepcopy(held)
    spoilt[kind][0]["spec"][field]["app"] = "another"
    before, after = digest(Server(held), "custos"), digest(Server(spoilt), "custos")
    assert {name for name in before if before[name] != after[name]} == {"service db"}


def of_controller(made: Thing, uid: str) -> Thing:
    made["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": "web", "uid": uid, "controller": True}]
    return made


def test_what_a_compared_controller_makes_is_not_compared_and_one_that_lost_its_maker_is() -> None:
    held = namespace() | {"replicasets.apps": [of_controller(thing("ReplicaSet", "web-1"), "before")]}
    after = namespace() | {"replicasets.apps": [of_controller(thing("ReplicaSet", "web-1"), "after")]}
    assert digest(Server(held), "custos") == digest(Server(after), "custos")
    orphaned = namespace() | {"replicasets.apps": [thing("ReplicaSet", "web-1")]}
    assert "replicaset web-1" in digest(Server(orphaned), "custos")


def test_work_that_is_done_is_not_compared_and_work_that_is_not_is() -> None:
    done = thing("Job", "load", status={"completionTime": "2026-11-29T00:00:00Z"})
    failed = thing("Job", "again", status={"conditions": [{"type": "Failed", "status": "True"}]})
    held = namespace() | {"jobs.batch": [done, failed, thing("Job", "waits", spec={"suspend": True})]}
    held["pods"] += [thing("Pod", "once", status={"phase": "Succeeded"}), thing("Pod", "shell")]
    parts = digest(Server(held), "custos").keys() - digest(Server(), "custos").keys()
    assert parts == {"job again", "job waits", "pod shell"}


def test_what_is_left_out_has_its_reason() -> None:
    assert len(EXCLUDED) == len(dict(EXCLUDED)) > 60
    assert all(what.strip() and reason.strip() for what, reason in EXCLUDED)


def test_a_password_can_not_be_guessed_from_its_digest() -> None:
    part = digest(Server(), "custos")["secret db"]
    guessed = canonical(namespace()["secrets"][0])
    plain = {hashlib.sha256(text.encode()).hexdigest() for text in (guessed, json.dumps([guessed]))}
    assert part.hash not in plain
    shown = noted(Server())["fields"]["secret db"]
    assert shown["data.password"] not in {
        hashlib.sha256(text.encode()).hexdigest()[:12] for text in ("aHVudGVyMg==", '"aHVudGVyMg=="')
    }
    assert part == digest(Server(), "custos")["secret db"]


def test_services_are_given_time_to_lead_to_all_of_their_pods() -> None:
    behind_ = namespace()
    behind_["endpointslices.discovery.k8s.io"] = [behind("db", "db-0")]
    slow = Server(behind_, later=namespace())
    assert digest(slow, "custos", within_s=60) == digest(Server(), "custos")


def test_a_service_that_never_leads_to_all_of_its_pods_is_digested_as_it_is() -> None:
    held = namespace()
    held["endpointslices.discovery.k8s.io"] = [behind("db", "db-0")]
    assert digest(Server(held), "custos", within_s=0.01)["endpoints db"].rows == 1


# ---------------------------------------------------------------- what a cluster assigns anew

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def shop_public(node_port: int, check: int, asked: int = 0, **spec: object) -> Thing:
    """A Service of type LoadBalancer; its manifest asks for the node port `asked`, if any."""
    port = {"name": "http", "port": 80, "nodePort": node_port}
    made = thing("Service", "shop-public", spec={"type": "LoadBalancer", "ports": [port], "healthCheckNodePort": check})
    made["spec"] |= {"clusterIP": f"10.96.0.{check % 250}", "ipFamilies": ["IPv4"], **spec}
    wanted: Thing = {"spec": {"ports": [{"name": "http", "port": 80, **({"nodePort": asked} if asked else {})}]}}
    made["metadata"] |= {"annotations": {APPLIED: json.dumps(wanted)}, "finalizers": [f"x/{check}"]}
    return made


def token(name: str, value: str, **content: object) -> Thing:
    made = thing("Secret", name, type="kubernetes.io/service-account-token", data={"token": value, "ca.crt": value})
    made["metadata"]["annotations"] = {
        "kubernetes.io/service-account.name": "db",
        "kubernetes.io/service-account.uid": f"uid-{value}",
    }
    return made | content


def without_data(secret: Thing) -> Thing:
    return {key: value for key, value in secret.items() if key != "data"}


def owned(made: Thing, kind: str, name: str, uid: str = "1") -> Thing:
    owner = {"kind": kind, "name": name, "uid": uid, "controller": True}
    return {**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}}


def claim(volume: str) -> Thing:
    made = thing("PersistentVolumeClaim", "files", spec={"volumeName": volume})
    notes = {"pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/selected-node": volume}
    made["metadata"]["annotations"] = notes if volume == "a" else {}
    return made


AUTOSCALER = thing(
    "HorizontalPodAutoscaler", "web", spec={"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9}
)


def web(replicas: int, revision: str) -> Thing:
    made = thing("Deployment", "web", spec={"replicas": replicas})
    made["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
    return made


ASSIGNED: Mapping[str, tuple[list[Thing], list[Thing]]] = {
    "node ports": ([shop_public(31001, 32001)], [shop_public(30007, 30008)]),
    "a port the manifest asks for, and one it does not": (
        [shop_public(31001, 32001, asked=31001)],
        [shop_public(31001, 30008, asked=31001)],
    ),
    "the token controller's Secrets": ([token("db-token-x7k2p", "a")], [token("db-token-5vbn9", "b")]),
    "a token Secret made by hand": ([token("db", "a")], [token("db", "b")]),
    "a token Secret that has no token yet": ([token("db", "a")], [without_data(token("db", "b"))]),
    "the secrets of an account": (
        [thing("ServiceAccount", "default", secrets=[{"name": "default-token-x7k2p"}])],
        [thing("ServiceAccount", "default")],
    ),
    "a pull secret that OpenShift makes": (
        [thing("ServiceAccount", "a", imagePullSecrets=[{"name": "a-dockercfg-x7k2p"}, {"name": "registry"}])],
        [thing("ServiceAccount", "a", imagePullSecrets=[{"name": "registry"}])],
    ),
    "owners": (
        [owned(thing("Secret", "tls"), "Certificate", "tls", "1")],
        [owned(thing("Secret", "tls"), "Certificate", "tls", "2")],
    ),
    "owners that Velero does not restore": (
        [owned(thing("Secret", "tls"), "Certificate", "tls", "1")],
        [thing("Secret", "tls")],
    ),
    "a claim's binding": ([claim("a")], [claim("b")]),
    "revision, and replicas of an autoscaler": ([AUTOSCALER, web(2, "7")], [AUTOSCALER, web(5, "1")]),
    "a CronJob's job without its owner": (
        [thing("CronJob", "nightly"), owned(thing("Job", "nightly-29000001"), "CronJob", "nightly")],
        [thing("CronJob", "nightly"), thing("Job", "nightly-29000001")],
    ),
    "what every namespace has": (
        [thing("ConfigMap", "kube-root-ca.crt", data={"ca.crt": "a"})],
        [thing("ConfigMap", "kube-root-ca.crt", data={"ca.crt": "b"})],
    ),
}


def differing(before: list[Thing], after: list[Thing]) -> set[str]:
    first, last = (digest(Server(namespace() | {"things": held}), "custos") for held in (before, after))
    return {name for name in first.keys() | last.keys() if first.get(name) != last.get(name)}


@pytest.mark.parametrize("name", ASSIGNED)
def test_what_the_cluster_assigns_anew_is_not_compared(name: str) -> None:
    assert differing(*ASSIGNED[name]) == set()


STILL_COMPARED: Mapping[str, tuple[list[Thing], list[Thing], str]] = {
    "a node port that the manifest asks for": (
        [shop_public(31001, 32001, asked=31001)],
        [shop_public(30007, 32001, asked=31001)],
        "service shop-public",
    ),
    "the type of a Service": (
        [shop_public(31001, 32001)],
        [shop_public(31001, 32001, type="ClusterIP")],
        "service shop-public",
    ),
    "what else a token Secret holds": (
        [token("db", "a", data={"token": "a", "more": "a"})],
        [token("db", "b", data={"token": "b", "more": "b"})],
        "secret db",
    ),
    "a token Secret that is gone": ([token("db", "a")], [], "secret db"),
    "a Secret that is only named like one": (
        [thing("Secret", "api-token-abcde", data={"a": "1"})],
        [thing("Secret", "api-token-abcde", data={"a": "2"})],
        "secret api-token-abcde",
    ),
    "a pull secret": (
        [thing("ServiceAccount", "a", imagePullSecrets=[{"name": "registry"}])],
        [thing("ServiceAccount", "a")],
        "serviceaccount a",
    ),
    "replicas without an autoscaler": ([web(2, "7")], [web(5, "7")], "deployment web"),
    "a job of no CronJob": ([], [thing("Job", "load-29000001")], "job load-29000001"),
}


@pytest.mark.parametrize("name", STILL_COMPARED)
def test_what_somebody_chose_is_still_compared(name: str) -> None:
    before, after, part = STILL_COMPARED[name]
    assert differing(before, after) == {part}


NOW = {"app": "web", "restored": "yes"}


def of_deployment(hashes: str, *pods_: str) -> Server:
    held = namespace()
    for name in pods_:
        made = owned(pod(name, **{"pod-template-hash": hashes}), "ReplicaSet", f"web-{hashes}")
        held["pods"].append(made)
    held["endpointslices.discovery.k8s.io"].append(behind("web", *pods_))
    return Server(held)


def test_random_names_of_pods_say_nothing_and_their_number_does() -> None:
    before = digest(of_deployment("5f7", "web-5f7-abcde", "web-5f7-fghij"), "custos")
    assert before == digest(of_deployment("6c8", "web-6c8-klmno", "web-6c8-pqrst"), "custos")
    assert before["endpoints web"] != digest(of_deployment("5f7", "web-5f7-abcde"), "custos")["endpoints web"]


def test_what_a_restore_is_to_change_is_expected_and_must_have_happened() -> None:
    def relabelled(thing: Mapping[str, Any]) -> dict[str, Any]:
        return {**thing, "metadata": {**thing["metadata"], "labels": {"app": "web", "restored": "yes"}}}

    def server(**labels: str) -> Server:
        held = of_deployment("5f7").held
        held["services"] = [{**each, "metadata": {**each["metadata"], "labels": labels}} for each in held["services"]]
        return Server(held)

    wanted = recorded(server(app="web"), "custos", modified=relabelled)["parts"]
    now, unchanged = (recorded(server(**labels), "custos")["parts"] for labels in (NOW, {"app": "web"}))
    assert isinstance(wanted, dict)
    assert isinstance(now, dict)
    assert isinstance(unchanged, dict)
    services = [name for name in wanted if name.startswith("service ")]
    assert services
    assert all(wanted[name] == now[name] != unchanged[name] for name in services)


# ---------------------------------------------------------------- which field differs


def noted(server: Server) -> dict[str, Any]:
    """What a drill would note of a namespace."""
    return cast("dict[str, Any]", recorded(server, "custos"))


def judged(path: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    path.mkdir()
    log = Journal(path / "journal.jsonl", Clock())
    log.append("objects", when="before", **before)
    log.append("objects", when="after", **after)
    log.close()
    (found,) = objects_equal(Run(path))
    return found.objects


def test_the_finding_names_the_field_and_no_value(tmp_path: Path) -> None:
    spoilt = namespace()
    spoilt["services"][1]["spec"]["ports"][0]["port"] = 1
    spoilt["secrets"][0]["data"] = {"password": "b3RoZXI=", "more/x": ""}
    spoilt["endpointslices.discovery.k8s.io"][0]["endpoints"].pop()
    before, after = noted(Server()), noted(Server(spoilt))
    assert judged(tmp_path / "run", before, after) == ("secret db", "service all", "endpoints db")
    assert {name: differing_fields(before["fields"][name], fields) for name, fields in after["fields"].items()} | {
        "secret db": ["data.password", "data[more/x]"],
        "service all": ["spec.ports[0].port"],
        "endpoints db": ["db-1"],
    } == {name: differing_fields(before["fields"][name], fields) for name, fields in after["fields"].items()}
    assert "b3RoZXI" not in json.dumps(after)


def test_a_journal_without_fields_is_still_judged(tmp_path: Path) -> None:
    spoilt = namespace()
    spoilt["secrets"][0]["data"] = {}
    before, after = ({"parts": noted(Server(held))["parts"]} for held in (namespace(), spoilt))
    assert judged(tmp_path / "run", before, after) == ("secret db",)


def test_fields_of_large_objects_are_bounded(tmp_path: Path) -> None:
    held, spoilt = namespace(), namespace()
    held["configmaps"][0]["data"] = {f"key-{number}": "x" * 100 for number in range(5000)}
    spoilt["configmaps"][0]["data"] = {"key-1": "y"}
    long = thing("ConfigMap", "long", data={"k" * (LONGEST_PATH + 1): "x"})
    held["configmaps"].append(long)
    spoilt["configmaps"].append(long)
    before, after = noted(Server(held)), noted(Server(spoilt))
    assert set(before["fields"]["configmap scripts"]) == {"kind", "metadata.name", "data"}
    assert "data" in before["fields"]["configmap long"]
    scripts = "configmap scripts"
    assert differing_fields(before["fields"][scripts], after["fields"][scripts]) == ["data"]
    many = namespace() | {
        "things": [thing("ConfigMap", f"m{n}", data={f"k{m}": "" for m in range(99)}) for n in range(999)]
    }
    shown = noted(Server(many))["fields"]
    assert sum(map(len, shown.values())) <= MOST_FIELDS
    assert max(map(len, shown.values())) <= MOST_FIELDS_OF_ONE


def test_equal_secrets_do_not_show_that_they_are_equal() -> None:
    twins = namespace() | {"things": [thing("Secret", name, data={"a": "eA==", "b": "eA=="}) for name in ("p", "q")]}
    shown = noted(Server(twins))["fields"]
    hashes = [shown[f"secret {name}"][f"data.{key}"] for name in "pq" for key in "ab"]
    assert len(set(hashes)) == 4
