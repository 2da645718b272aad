"""Deploys an application into one namespace: built-in stores from fixtures, or a user's own manifests."""

import base64
import json
import secrets
import string
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core import kubernetes, timeouts, wait
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import LABEL, Object, condition, describe_pod, documents, name_of, namespace_of, objects
from harness.core.model import Json
from harness.core.objects import labelled, together
from harness.core.ports import Cluster
from harness.core.reason import Reason

_DEFINITION = "CustomResourceDefinition"


@dataclass(frozen=True)
class Deployment:
    """What is deployed: `credentials` maps a store to the content of its Secret `<store>-credentials`."""

    cluster: Cluster
    namespace: str
    strategy: str
    fixtures: Path
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    create_namespace: Callable[[str], None] | None = None  # for a run, where drillproof may not do so itself
    adapt: Callable[[Object], Object] = lambda thing: thing  # changes each manifest for this cluster
    objects: tuple[Object, ...] = field(default=(), repr=False)  # deployed in place of fixtures
    first: tuple[Object, ...] = field(default=(), repr=False)  # what these objects need around them, outside of backups

    def install_first(self) -> None:
        """Install what the objects need around them, and wait until it runs. Done again on a new cluster. TimedOut."""
        stages: tuple[list[Object], ...] = ([], [], [])
        new = {text(each, "spec", "names", "kind") for each in self.first if each["kind"] == _DEFINITION}
        for thing in self.first:
            stages[0 if thing["kind"] in {_DEFINITION, "Namespace"} else 2 if thing["kind"] in new else 1].append(thing)
        for stage in filter(None, stages):
            wanted = together(stage)

            def applied(wanted: str = wanted) -> None:
                try:  # on the server's side, since a definition is too long for an annotation
                    self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=wanted)
                except ToolFailed as error:  # an operator's webhook does not answer at once
                    raise wait.NotYet(error.tail) from error

            wait.until(applied, waited_for="what is installed first", within_s=timeouts.HEALTHY_S)
            for thing in stage:
                name, here = f"{text(thing, 'kind')}/{name_of(thing)}", namespace_of(thing) or "default"
                if thing["kind"] == _DEFINITION:
                    self.cluster.kubectl("wait", "--for=condition=Established", name, "--timeout=60s", within_s=90)
                elif thing["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}:
                    limit = f"--timeout={timeouts.HEALTHY_S:.0f}s"
                    self.cluster.kubectl("rollout", "status", name, "-n", here, limit, within_s=timeouts.HEALTHY_S + 30)

    def apply(self, run: str) -> None:
        """Create the namespace, the Secrets and the permission for a first start, and apply all manifests."""
        if self.create_namespace:
            self.create_namespace(run)
        else:
            self.remove()
            self.install_first()
            self._apply(_object("Namespace", self.namespace, {LABEL: run}))
        things = [labelled(each, run) if each["kind"] == "Namespace" else each for each in self.manifests()]
        self._apply({"apiVersion": "v1", "kind": "List", "items": [*self.prerequisites(run), *things]})

    def prerequisites(self, run: str) -> tuple[Object, ...]:
        """What must exist before the manifests are applied: the Secrets, and the permission for a first start."""
        objects = [
            _object("Secret", f"{store}-credentials", {LABEL: run}, self.namespace, stringData=dict(values))
            for store, values in self.credentials.items()
        ]
        # The start scripts initialise an empty database only if this exists. Backups exclude it, so after a restore
        # without data they refuse to start, and it cannot look healthy.
        labels: Mapping[str, Json] = {LABEL: run, "velero.io/exclude-from-backup": "true"}
        return (*objects, _object("ConfigMap", "first-start", labels, self.namespace, data={"allowed": "yes"}))

    def manifests(self) -> tuple[Object, ...]:
        """All manifests as they are applied here."""
        if self.objects:
            return tuple(map(self.adapt, self.objects))
        folders = [overlay(self.fixtures, store, self.strategy) for store in self.credentials]
        render = ("create", "--dry-run=client", "--validate=false", "-n", self.namespace, "-o", "json", "-k")
        return tuple(
            self.adapt(thing) for folder in folders for thing in documents(self.cluster.kubectl(*render, str(folder)))
        )

    def forbid_first_start(self) -> None:
        """Withdraw the permission for a first start: from now on an empty volume is a loss."""
        self.cluster.kubectl("delete", "configmap", "first-start", "-n", self.namespace)

    def ready(self) -> None:
        """Return if Kubernetes reports every pod of the manifests as Ready and every Job as Complete; else NotYet."""
        found = objects(self.cluster.kubectl, "statefulsets,deployments,pods,jobs.batch", "-n", self.namespace)
        workloads = [each for each in found if each["kind"] in {"StatefulSet", "Deployment"}]
        wanted = sum(int(text(each, "spec", "replicas")) for each in workloads)
        pods = {name_of(each): condition(each, "Ready") == "True" for each in found if _is_to_run(each)}
        unready = sorted(name for name, is_ready in pods.items() if not is_ready)
        if wanted == 0 or len(pods) < wanted or unready:
            seen = f"{len(pods)} of {wanted} pods; not ready: {', '.join(unready) or 'none'}"
            raise wait.NotYet(seen, (Reason.PodsNotReady,), unready)
        if incomplete := [name_of(each) for each in found if _is_to_complete(each)]:
            raise wait.NotYet(f"not complete: {', '.join(incomplete)}", (Reason.PodsNotReady,), incomplete)

    def not_ready(self) -> tuple[str, ...]:
        """The pods that are not Ready, with the state of their containers."""
        pods = objects(self.cluster.kubectl, "pods", "-n", self.namespace)
        unready = (pod for pod in pods if _is_to_run(pod) and condition(pod, "Ready") != "True")
        return tuple(f"{name_of(pod)} {describe_pod(pod)}" for pod in unready)

    def restart(self, members: Sequence[str]) -> dict[str, dict[str, Json]]:
        """Delete every member's pod at once, as in a power cut. Returns their old and new UIDs, ready or not."""
        return kubernetes.recreate_pods(self.cluster.kubectl, self.namespace, members, within_s=timeouts.HEALTHY_S)

    def remove(self) -> None:
        """Delete the namespace, if it exists. Misconfigured if drillproof did not create it."""
        found = self.cluster.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "-o", "json")
        if not found.strip():
            return
        if LABEL not in json.loads(found)["metadata"].get("labels", {}):
            raise Misconfigured(
                f"the namespace {self.namespace} exists, and drillproof did not create it; delete it first"
            )
        self.cluster.kubectl("delete", "namespace", self.namespace, within_s=timeouts.DAMAGE_S)

    def discard(self, lost: Collection[str]) -> None:
        """Delete claims and the pods that use them, so that controllers create both again. TimedOut if one stays."""
        kubernetes.delete_claims(self.cluster.kubectl, self.namespace, lost)

    def _apply(self, item: Object) -> None:
        self.cluster.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=json.dumps(item))


def overlay(fixtures: Path, store: str, strategy: str) -> Path:
    """The folder of manifests for a store under a strategy; Misconfigured if there is none."""
    folder = fixtures / store / strategy
    if not (folder / "kustomization.yaml").is_file():
        known = sorted(path.parent.name for path in (fixtures / store).glob("*/kustomization.yaml"))
        choices = ", ".join(name for name in known if name != "base")
        raise Misconfigured(f"{store} has no strategy {strategy}; choose from: {choices}")
    return folder


def generate(keys: Sequence[str], kinds: Mapping[str, str]) -> dict[str, str]:
    """New secrets for `keys`; `kinds` has those in a special form: uuid, or gossip (32 bytes in base64)."""
    alphabet = string.ascii_letters + string.digits
    forms = {
        "uuid": lambda: str(uuid.uuid4()),
        "gossip": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        "password": lambda: "".join(secrets.choice(alphabet) for _ in range(24)),
    }
    return {key: forms[kinds.get(key, "password")]() for key in keys}


def _object(kind: str, name: str, labels: Mapping[str, Json], namespace: str = "", **content: Json) -> Object:
    metadata: dict[str, Json] = {"name": name, "labels": labels}
    where: dict[str, Json] = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {**metadata, **where}, **content}


def _is_to_complete(item: Object) -> bool:
    is_job = item["kind"] == "Job" and not at(item, "metadata", "ownerReferences")
    return is_job and at(item, "spec", "suspend") is not True and condition(item, "Complete") != "True"


def _is_to_run(item: Object) -> bool:
    return item["kind"] == "Pod" and text(item, "status", "phase") != "Succeeded"
