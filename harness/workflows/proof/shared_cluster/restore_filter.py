"""Which objects of a backup are restored on a shared cluster, which are skipped, and which make it impossible."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from harness.backups.bucket_reader import BucketReader
from harness.backups.velero_backup import BackupRecord, archived
from harness.core.errors import Misconfigured
from harness.core.json import at, integer, items, keys, text
from harness.core.kubernetes import LABEL, Object, address, name_of
from harness.core.model import Json
from harness.workloads.detection import Database
from harness.workloads.manifests.isolation import reach_beyond

RESTORED = (
    *("pods", "persistentvolumeclaims", "persistentvolumes", "secrets", "configmaps", "serviceaccounts"),
    *("replicasets.apps", "deployments.apps", "statefulsets.apps"),
)
"""What Velero restores. Other kinds would act next to production (a CronJob, an Ingress), let others act (what an
operator reads, a RoleBinding), open the isolation (NetworkPolicies add up) or lead to production (an EndpointSlice).
The proof creates the Services itself, so that none is reachable from outside the cluster."""

RECREATED = frozenset({"services", "endpoints", "endpointslices.discovery.k8s.io", "events", "events.events.k8s.io"})

_MAKES_PODS = frozenset({"replicasets.apps", "deployments.apps", "statefulsets.apps"})
"""Restored kinds with a pod template. DaemonSets, Jobs, CronJobs and ReplicationControllers are not restored."""

OF_LEFT_OUT = ("job-name", "batch.kubernetes.io/job-name", "pod-template-generation")
"""Labels of the pods of Jobs and DaemonSets: their owners are skipped, so they would run without one."""

_PORT = ("name", "port", "protocol", "appProtocol", "targetPort")


@dataclass(frozen=True)
class Contents:
    services: tuple[Object, ...]
    left_out: tuple[str, ...]  # in words: kinds with their number, and Services with their type


def read(source: BucketReader, recorded: BackupRecord) -> Contents:
    """The contents of the backup. Misconfigured, with all of them, for pods or volumes that affect others."""
    name, kinds = recorded.report.name, Counter[str]()
    if recorded.mover:
        raise Misconfigured(
            f"volumes of the backup {name} were copied from snapshots by Velero's data mover, which is proved on a "
            "cluster of drillproof's own only; prove it without --context"
        )
    services, volumes, makers = list[Object](), list[Object](), list[Object]()
    wanted = {"services": services, "persistentvolumes": volumes, **dict.fromkeys(_MAKES_PODS, makers)}
    for kind, namespace, _, thing in archived(source, name, wanted):
        if namespace and namespace not in recorded.namespaces:
            continue
        if thing:
            wanted[kind].append(thing)
        if kind not in {*RESTORED, *RECREATED, "namespaces"}:
            kinds[kind] += 1
    _may_be_there(recorded, volumes, makers)
    led = tuple(f"service {address(each)} ({leads})" for each in services if (leads := _leads_away(each)))
    reached = tuple(f"{how} of service {address(each)}" for each in services if (how := _reached_by(each)))
    return Contents(
        tuple(each for each in services if not _leads_away(each)),
        (*(f"{kind} ({count})" for kind, count in sorted(kinds.items())), *led, *reached),
    )


def run_there(databases: Collection[Database], pods: Collection[Object]) -> None:
    """Misconfigured if a database runs in a pod that is skipped."""
    kept = {address(pod) for pod in pods if not set(OF_LEFT_OUT) & set(keys(pod, "metadata", "labels"))}
    if lost := [each.key for each in databases if each.place not in kept]:
        raise Misconfigured(
            f"{', '.join(lost)}: pods of Jobs and DaemonSets are not restored on a shared cluster; "
            "prove this backup without --context"
        )


def service(thing: Object, namespace: str, run: str) -> Object:
    """A Service as the proof creates it: reachable inside the cluster only."""
    spec: dict[str, Json] = {"type": "ClusterIP", "selector": at(thing, "spec", "selector")}
    spec["ports"] = [
        {key: at(port, key) for key in _PORT if at(port, key) is not None} for port in items(thing, "spec", "ports")
    ]
    if text(thing, "spec", "clusterIP") == "None":
        spec["clusterIP"] = "None"
    if at(thing, "spec", "publishNotReadyAddresses") is True:
        spec["publishNotReadyAddresses"] = True
    metadata: Json = {"name": name_of(thing), "namespace": namespace, "labels": {LABEL: run}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _may_be_there(recorded: BackupRecord, volumes: Collection[Object], makers: Collection[Object]) -> None:
    amiss = [
        f"{text(each, 'kind') or 'Pod'} {address(each)} ({', '.join(why)})"
        for each in (*recorded.pods, *makers)
        if (why := tuple(dict.fromkeys(_beyond(each))))
    ]
    if amiss:
        raise Misconfigured(
            f"pods of the backup {recorded.report.name} reach beyond their namespace, which a shared cluster does not "
            f"allow: {', '.join(amiss)}; prove it without --context"
        )
    retained = {
        f"{text(each, 'spec', 'claimRef', 'namespace')}/{text(each, 'spec', 'claimRef', 'name')}"
        for each in volumes
        if text(each, "spec", "persistentVolumeReclaimPolicy") not in {"", "Delete"}
    }
    kept = [claim.address for claim in recorded.claims if claim.address in retained]
    if kept:
        raise Misconfigured(
            f"the volumes of {', '.join(kept)} outlive their claims, and Velero would change or create volumes of the "
            "cluster to restore that; prove this backup without --context"
        )


def _beyond(thing: Object) -> Iterator[str]:
    yield from reach_beyond(thing)
    if integer(at(thing, "spec"), "priority") > 0:
        yield "has a priority that preempts other pods"


def _leads_away(thing: Object) -> str:
    if text(thing, "spec", "type") == "ExternalName":
        return f"leads to {text(thing, 'spec', 'externalName')}"
    return "" if keys(thing, "spec", "selector") else "has no selector, and so leads elsewhere"


def _reached_by(thing: Object) -> str:
    if items(thing, "spec", "externalIPs"):
        return "externalIPs"
    kind = text(thing, "spec", "type")
    return kind if kind in {"LoadBalancer", "NodePort"} else ""
