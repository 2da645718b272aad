"""What is deployed into one namespace: the stores of `custos`, or another application, as their manifests say."""

from __future__ import annotations

import base64
import json
import secrets
import string
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core import timeouts, wait
from harness.core.errors import Misconfigured
from harness.core.json import at, text
from harness.core.kubernetes import LABEL, Object, condition, documents, make_anew, name_of, objects, standing
from harness.core.model import Json
from harness.core.ports import Cluster
from harness.core.reason import Reason
from harness.workloads import volume_claims


@dataclass(frozen=True)
class Deployment:
    """What is deployed: `credentials` maps a store to the content of its Secret `<store>-credentials`."""

    cluster: Cluster
    namespace: str
    strategy: str
    fixtures: Path
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    open: Callable[[str], None] | None = None  # makes the namespace for a run where that is not ours to do at will
    adapt: Callable[[Object], Object] = lambda thing: thing  # what must be otherwise in a manifest where this is
    brought: tuple[Object, ...] = field(default=(), repr=False)  # deployed in place of fixtures

    def apply(self, run: str) -> None:
        """Create the namespace, its secrets and the leave for a first start, and apply every store's manifests."""
        if self.open:
            self.open(run)
        else:
            self.remove()
            self._apply(_object("Namespace", self.namespace, {LABEL: run}))
        things = [_labelled(each, run) if each["kind"] == "Namespace" else each for each in self.manifests()]
        self._apply({"apiVersion": "v1", "kind": "List", "items": [*self.beginning(run), *things]})

    def beginning(self, run: str) -> tuple[Object, ...]:
        """What is there before any manifest: the Secrets, and the leave for a first start."""
        objects = [
            _object("Secret", f"{store}-credentials", {LABEL: run}, self.namespace, stringData=dict(values))
            for store, values in self.credentials.items()
        ]
        # Empty databases may initialise themselves only where this exists. It is kept out of backups, so that
        # a restore that brought no data is refused by the start scripts, and can't look like a healthy start.
        apart: Mapping[str, Json] = {LABEL: run, "velero.io/exclude-from-backup": "true"}
        return (*objects, _object("ConfigMap", "first-start", apart, self.namespace, data={"allowed": "yes"}))

    def manifests(self) -> tuple[Object, ...]:
        """Every store's manifests under the strategy, or what was brought, as they are applied here."""
        if self.brought:
            return tuple(map(self.adapt, self.brought))
        folders = [overlay(self.fixtures, store, self.strategy) for store in self.credentials]
        render = ("create", "--dry-run=client", "--validate=false", "-n", self.namespace, "-o", "json", "-k")
        return tuple(
            self.adapt(thing) for folder in folders for thing in documents(self.cluster.kubectl(*render, str(folder)))
        )

    def close(self) -> None:
        """Take the leave for a first start back: from now on an empty volume is a loss, never a new beginning."""
        self.cluster.kubectl("delete", "configmap", "first-start", "-n", self.namespace)

    def ready(self) -> None:
        """Return if every pod that the manifests ask for is Ready by the orchestrator's word, and every Job done.

        NotYet otherwise.
        """
        kinds = "statefulsets,deployments,pods,jobs.batch"
        listing = self.cluster.kubectl("get", kinds, "-n", self.namespace, "-o", "json")
        items = json.loads(listing)["items"]
        wanted = sum(item["spec"]["replicas"] for item in items if item["kind"] in {"StatefulSet", "Deployment"})
        pods = {item["metadata"]["name"]: condition(item, "Ready") == "True" for item in items if _is_to_run(item)}
        unready = sorted(name for name, is_ready in pods.items() if not is_ready)
        if wanted == 0 or len(pods) < wanted or unready:
            said = f"{len(pods)} of {wanted} pods; not ready: {', '.join(unready) or 'none'}"
            raise wait.NotYet(said, (Reason.PodsNotReady,), unready)
        if undone := [name_of(item) for item in items if _is_to_be_done(item)]:
            raise wait.NotYet(f"not done: {', '.join(undone)}", (Reason.PodsNotReady,), undone)

    def unwell(self) -> tuple[str, ...]:
        """The pods that are not Ready, and where they stand."""
        pods = objects(self.cluster.kubectl, "pods", "-n", self.namespace)
        unready = (pod for pod in pods if _is_to_run(pod) and condition(pod, "Ready") != "True")
        return tuple(f"{text(pod, 'metadata', 'name')} {standing(pod)}" for pod in unready)

    def restart(self, members: Sequence[str]) -> dict[str, dict[str, Json]]:
        """Let every member's pod be made anew, all at once, as after a power cut; return their UIDs, old and new.

        Returns as soon as the new ones are there, well or not.
        """
        return make_anew(self.cluster.kubectl, self.namespace, members, within_s=timeouts.HEALTHY_S)

    def remove(self) -> None:
        """Remove the namespace, if it is there, with all that is in it; refuse one that is not ours."""
        found = self.cluster.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "-o", "json")
        if not found.strip():
            return
        if LABEL not in json.loads(found)["metadata"].get("labels", {}):
            raise Misconfigured(f"a namespace {self.namespace} that drillproof did not make is there; remove it first")
        self.cluster.kubectl("delete", "namespace", self.namespace, within_s=timeouts.DAMAGE_S)

    def discard(self, lost: Collection[str]) -> None:
        """Remove claims and the pods that hold them, so that both are made anew. TimedOut if one stays."""
        volume_claims.discard(self.cluster.kubectl, self.namespace, lost)

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
    """Fresh secrets for `keys`; `kinds` names those that must have a form: uuid, or gossip (32 bytes in base64)."""
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


def _labelled(thing: Object, run: str) -> Object:
    """An object with our label beside its own."""
    metadata = at(thing, "metadata")
    assert isinstance(metadata, Mapping)  # it has a name
    labels = at(thing, "metadata", "labels")
    own = labels if isinstance(labels, Mapping) else {}
    return {**thing, "metadata": {**metadata, "labels": {**own, LABEL: run}}}


def _is_to_be_done(item: Object) -> bool:
    """Whether it is a Job that the manifests make, and that has not done what it is for."""
    is_job = item["kind"] == "Job" and not at(item, "metadata", "ownerReferences")
    return is_job and at(item, "spec", "suspend") is not True and condition(item, "Complete") != "True"


def _is_to_run(item: Object) -> bool:
    """Whether it is a pod, and not one that has done what it was for."""
    return item["kind"] == "Pod" and text(item, "status", "phase") != "Succeeded"
