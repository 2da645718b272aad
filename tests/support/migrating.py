"""Two clusters for a migration: as much of each as is asked, with one database and one writer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.backups.backup_selection import volumes_to_copy
from harness.backups.hook_requests import hook_requests
from harness.core.errors import ToolFailed
from harness.core.model import Protected, ToolReport, Volume, VolumeCopy

DIGEST = "part\ttable shop.orders\t20\t71\t1\npart\taccounts\t4\t93\t1\nend\t2\n"
ALTERED = DIGEST.replace("\t71\t", "\t72\t")
KINDS = {
    "pods": "Pod",
    "services": "Service",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "deployments.apps": "Deployment",
    "statefulsets.apps": "StatefulSet",
    "cronjobs.batch": "CronJob",
    "rolebindings.rbac.authorization.k8s.io": "RoleBinding",
    "widgets.example.org": "Widget",
    "backups.velero.io": "Backup",
}
Thing = dict[str, Any]


def thing(kind: str, name: str, version: str = "v1", **content: object) -> Thing:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}


def pod(name: str = "db-0", ip: str = "10.0.0.8") -> Thing:
    env = [{"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    container = {"name": "db", "image": "mysql:9.7", "ports": [{"containerPort": 3306}], "env": env}
    made = thing("Pod", name)
    made["metadata"] |= {
        "namespace": "shop",
        "annotations": {"backup.velero.io/backup-volumes": "data", "pre.hook.backup.velero.io/command": "[]"},
        "labels": {"app": "db"},
    }
    made["spec"] = {
        "nodeName": "worker",
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}],
    }
    made["status"] = {
        "phase": "Running",
        "podIP": ip,
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "db", "state": {"running": {}}}],
    }
    return made


def velero() -> list[Thing]:
    server = {"template": {"spec": {"containers": [{"name": "velero", "image": "velero/velero:v1.16.2"}]}}}
    available = {"conditions": [{"type": "Available", "status": "True"}]}
    place = {"provider": "aws", "objectStorage": {"bucket": "backups"}, "config": {"s3Url": "http://store"}}
    return [
        thing("Deployment", "velero", "apps/v1", spec=server, status=available),
        thing("DaemonSet", "node-agent", "apps/v1", status={"numberReady": 3, "desiredNumberScheduled": 3}),
        thing("BackupStorageLocation", "default", "velero.io/v1", spec=place, status={"phase": "Available"}),
    ]


def held() -> list[Thing]:
    """What the namespace holds."""
    selector = {"matchLabels": {"app": "web"}}
    claim = {"storageClassName": "fast", "volumeName": "pv-1"}
    return [
        pod(),
        thing("PersistentVolumeClaim", "data-db-0", spec=claim),
        thing("Secret", "db", data={"password": "Y29ycmVjdCBob3JzZQ=="}),
        thing("Deployment", "web", "apps/v1", spec={"replicas": 2, "selector": selector}, status={"readyReplicas": 2}),
        thing("CronJob", "nightly", "batch/v1", spec={}),
    ]


def cluster_wide() -> list[Thing]:
    allocatable = {"cpu": "4", "memory": "8Gi"}
    return [
        thing(
            "Node",
            "worker",
            status={
                "allocatable": allocatable,
                "images": [{"names": ["docker.io/library/mysql:9.7"]}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        ),
        thing("StorageClass", "fast", "storage.k8s.io/v1"),
        thing("StorageClass", "slow", "storage.k8s.io/v1"),
        thing("PersistentVolume", "pv-1", spec={"local": {"path": "/data"}}),
        thing("ClusterRole", "view", "rbac.authorization.k8s.io/v1"),
    ]


@dataclass
class Side:
    """One cluster. `kubectl` answers for it; what it holds can be changed."""

    uid: str
    namespaces: dict[str, Thing] = field(default_factory=dict)
    things: dict[str, list[Thing]] = field(default_factory=dict)  # by namespace
    wide: list[Thing] = field(default_factory=cluster_wide)
    kinds: dict[str, str] = field(default_factory=lambda: dict(KINDS))
    says: dict[str, str] = field(
        default_factory=lambda: {
            "ready": "end\t0\n",
            "digest": DIGEST,
            "check": "sound\tshop.orders\nend\t1\n",
            "peers": "end\t0\n",
            "probe": "end\t0\n",
        }
    )
    version: str = "v1.34.4"
    fails: str = ""
    deleted: list[str] = field(default_factory=list)
    mapped: list[dict[str, str]] = field(default_factory=list)  # storage classes, one mapping after the other
    lingers: bool = False  # what is deleted is not gone yet
    digests: list[str] = field(default_factory=list)  # what it says next, before what it always says
    _created: list[Thing] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:  # one for each
        where = next((arg.partition("=")[2] for arg in args if arg.startswith("--namespace=")), "")
        match args[0]:
            case "version":
                return json.dumps({"serverVersion": {"gitVersion": self.version}})
            case "api-resources":
                return "\n".join(self._line(name, kind) for name, kind in self.kinds.items())
            case "get" if "--raw" in args:
                return "ok"
            case "get":
                return json.dumps({"items": self._found(args[1], where, args)})
            case "exec":
                return self._exec(args[-1])
        return self._change(*args, made=json.loads(stdin or "{}"))

    __call__ = kubectl

    def _change(self, verb: str, target: str, *args: str, made: Thing) -> str:
        match verb, target:
            case "patch", _:
                self._patch(target, args[0].partition("=")[2], json.loads(args[-1].partition("=")[2]))
            case "create", _ if made["kind"] == "List":  # of questions about permissions
                return "".join(json.dumps({**each, "status": {"allowed": True}}) for each in made["items"])
            case "create", _:
                self.namespaces[made["metadata"]["name"]] = made
                self.things.setdefault(made["metadata"]["name"], [])
            case "apply", _:
                self.mapped.append(made["data"])
            case "delete", "configmap":
                self.mapped.append({})
            case "delete", "namespace":
                self.deleted.append(args[0])
                if not self.lingers:
                    del self.namespaces[args[0]], self.things[args[0]]
        return ""

    def _exec(self, word: str) -> str:
        if word == self.fails:
            why = "ERROR 2013: Lost connection" if word == "ready" else "ERROR 1045: Access denied"
            raise ToolFailed(["kubectl", "exec"], 1, why)
        if word == "digest" and self.digests:
            return self.digests.pop(0)
        return self.says[word]

    def _line(self, name: str, kind: str) -> str:
        plural, dot, group = name.partition(".")
        return f"{plural}  {group + '/v1' if dot else 'v1'}  true  {kind}"

    def _found(self, kinds: str, where: str, args: tuple[str, ...]) -> list[Thing]:
        names = [arg.rpartition("=")[2] for arg in args if arg.startswith("--field-selector=")]
        wanted = {kind.partition(".")[0].rstrip("s") for kind in kinds.split(",")}
        if "--all-namespaces" in args:
            listed = [*self.wide, *(each for things in self.things.values() for each in things)]
        elif where == "velero":
            listed = [] if self.uid == "bare" else velero() if "deployments" in kinds else []
        elif where:
            listed = self.things.get(where, [])
        else:
            listed = [*self.wide, *self.namespaces.values(), thing("Namespace", "kube-system")]
            listed[-1]["metadata"]["uid"] = self.uid
        asked = [arg.removeprefix("--selector=") for arg in args if arg.startswith("--selector=")]
        selector = dict(pair.split("=", 1) for each in asked for pair in each.split(",") if "=" in pair)
        return [
            copy.deepcopy(each)
            for each in listed
            if _is_of(each, wanted)
            and (not names or each["metadata"]["name"] in names)
            and selector.items() <= each["metadata"].get("labels", {}).items()
        ]

    def _patch(self, target: str, where: str, patch: Thing) -> None:
        kind, _, name = target.partition("/")
        for each in self.things[where]:
            if (each["kind"].lower(), each["metadata"]["name"]) == (kind, name):
                notes = each["metadata"].setdefault("annotations", {})
                notes.update(patch["metadata"]["annotations"])
                each["metadata"]["annotations"] = {key: value for key, value in notes.items() if value is not None}
                each["spec"].update(patch["spec"])

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        claims = [each for each in self.things.get(namespace, ()) if each["kind"] == "PersistentVolumeClaim"]
        return tuple(Volume(each["metadata"]["name"], "1", "pv", "2", "local") for each in claims)

    # ------------------------------------------------------------ Velero

    name = "velero-restic"
    other: Side | None = None  # whose backups it restores
    to: str = "shop"
    copied: int = 500
    phase: str = "Completed"
    meanwhile: Callable[[], None] = lambda: None  # during a backup or a restore

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        pods = self._found("pods", namespace, ())
        return tuple(Protected("", each["metadata"]["name"], name) for each in pods for name in volumes_to_copy(each))

    def hooks(self, namespace: str) -> dict[str, int]:
        return {
            each["metadata"]["name"]: hook_requests({}, [each]).count for each in self._found("pods", namespace, ())
        }

    def backup(self, name: str, namespace: str) -> ToolReport:
        if self.fails == "backup":
            raise ToolFailed(["velero"], 1, "no bucket")
        self.meanwhile()
        return self._report(name)

    def restore(self, name: str, backup: str, namespaces: Sequence[str]) -> ToolReport:
        assert self.other
        assert namespaces == ("shop",)
        self.things[self.to] = copy.deepcopy(self.other.things["shop"])
        for each in self.things[self.to]:
            each["metadata"]["namespace"] = self.to
        self.meanwhile()
        return self._report(name, of=backup)

    def _report(self, name: str, of: str = "") -> ToolReport:
        volumes = (VolumeCopy("db-0", "data", "Completed", self.copied, 500, "", "kopia"),)
        return ToolReport(name, self.phase, 0, 0, (), volumes, of, hooks_attempted=1)


def _is_of(each: Thing, wanted: set[str]) -> bool:
    """Whether a thing is of a kind that is wanted by its plural without the last s: `storageclasse`."""
    return each["kind"].lower() in wanted or f"{each['kind'].lower()}e" in wanted


def source() -> Side:
    side = Side("one", namespaces={"shop": thing("Namespace", "shop")}, things={"shop": held()})
    side.namespaces["shop"]["metadata"]["labels"] = {"kubernetes.io/metadata.name": "shop", "team": "a"}
    return side


def target() -> Side:
    return Side("two")
