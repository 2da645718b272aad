"""A namespace is a list of objects; what is done to it is done to a copy of that list."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core import wait
from harness.workloads.object_digest import (
    EXCLUDED_FIELDS,
    EXCLUDED_KINDS,
    EXCLUDED_OBJECTS,
    EXCLUDED_WORK,
    canonical,
    digest,
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


def put(held: Thing, path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        held = held.setdefault(key, {})
    held[path[-1]] = value


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, path, _ in EXCLUDED_FIELDS])
def test_a_field_that_is_left_out_says_nothing_and_only_there(kind: str, path: tuple[str, ...]) -> None:
    held = thing(kind or "Secret", "one", spec={})
    first = canonical(held)
    put(held, path, "something")
    assert canonical(held) == first
    deeper = thing(kind or "Secret", "one", data={})
    bare = canonical(deeper)
    put(deeper["data"], path, "something")
    assert canonical(deeper) != bare


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, path, _ in EXCLUDED_FIELDS if kind])
def test_a_field_of_one_kind_is_compared_in_every_other(kind: str, path: tuple[str, ...]) -> None:
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
    tables = (EXCLUDED_KINDS, EXCLUDED_OBJECTS, EXCLUDED_WORK, EXCLUDED_FIELDS)
    reasons = [entry[-1] for table in tables for entry in table]
    assert all(reason.strip() for reason in reasons)


def test_a_password_can_not_be_guessed_from_its_digest() -> None:
    part = digest(Server(), "custos")["secret db"]
    guessed = canonical(namespace()["secrets"][0])
    plain = {hashlib.sha256(text.encode()).hexdigest() for text in (guessed, json.dumps([guessed]))}
    assert part.hash not in plain
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
