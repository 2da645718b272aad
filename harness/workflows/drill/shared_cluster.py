"""Puts a drill together on a cluster that is there and not ours, once it was asked whether that may and can be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.velero_install import Release
from harness.clusters import capacity, rbac, rbac_discovery, shared_velero
from harness.clusters.context import ANSWER_S, enter, left_alone, without_values
from harness.clusters.environment import SiteCluster
from harness.clusters.images import versions
from harness.clusters.images.recipes import Kitchen
from harness.clusters.permissions_file import Allowed
from harness.clusters.shared_cluster import ExistingCluster, Guest, inside, namespace_object
from harness.clusters.shared_velero import VeleroGuest
from harness.core import paths, resources
from harness.core.errors import Misconfigured, TimedOut, ToolFailed
from harness.core.json import integer, items, text
from harness.core.kubernetes import LABEL, Kubectl, Object, RunsKubectl
from harness.core.model import Json
from harness.core.redaction import without
from harness.workflows.drill import assembly
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import beyond
from harness.workflows.session import SelfTest
from harness.workloads import custos
from harness.workloads.application import Application, Brought
from harness.workloads.deployment import Deployment, generate

_VELERO = "github.com/vmware-tanzu/velero"
_TAG = re.compile(r":v?(\d+\.\d+)\.\d+[^/]*$")
_UPLOADER = "--uploader-type="


@dataclass(frozen=True)
class Existing:
    """What was found there, and is enough for a drill. Implements `harness.clusters.environment.Ground`."""

    allowed: Allowed
    kubectl: Path
    there: ExistingCluster
    guest: Guest
    kubernetes: str
    velero_image: str
    uploader: str
    brought: bool = False  # whether an application of the user's is drilled, whose images are as its manifests say

    @property
    def fenced(self) -> bool:
        """Nothing is laid around a cluster of others."""
        return False

    def cluster(self, name: str) -> ExistingCluster:  # noqa: ARG002 # there is this one
        """The cluster itself."""
        return self.there

    def backup_engine(
        self,
        cluster: SiteCluster,
        uploader: str,
        run: str,
    ) -> VeleroGuest:
        """The Velero that is there."""
        pinned = versions.load(resources.clusters() / "versions.toml")
        release = Release(Path(), self.velero_image, "", lambda: _kopia_check(pinned))
        return VeleroGuest(cluster, self.allowed, release, uploader=uploader, run=run)

    def fitted(self, deployment: Deployment, cluster: SiteCluster) -> Deployment:  # noqa: ARG002 # there is this one
        """In the namespace that was claimed, with this cluster's storage class, and images from where it has them."""
        opened = replace(deployment, open=self.there.open)
        return opened if self.brought else replace(opened, adapt=lambda thing: adapted(self.allowed, thing))

    def facts(self) -> dict[str, Json]:
        """What a report says of it all."""
        return {
            "kubernetes": self.kubernetes,
            "cluster": f"the context {self.allowed.context}, not made by drillproof: no fence is around it",
            "velero": f"{self.velero_image}, copying with {self.uploader}",
            "images from": (not self.brought and self.allowed.mirror)
            or "their own registries, as the cluster pulls them",
        }


@dataclass(frozen=True)
class Place:
    """A context that the user named and that the configuration allows, and how it is come by."""

    allowed: Allowed
    kubeconfig: Path | None = None  # kubectl's own if None

    def engine(self, application: Application | None) -> str:
        """The engine that is there. Misconfigured if no drill of the application, or of ours, can be there."""
        found = look(self, application)
        found.there.down()
        return f"velero-{found.uploader}"

    def settled(self, options: Options) -> Options:
        """A drill as it can be there. Misconfigured, with the reason, if it cannot be."""
        if why := beyond(options.scenario):
            raise Misconfigured(
                f"{options.scenario.name} cannot be on a cluster that drillproof did not make: {why}; "
                "drill it without --context"
            )
        application = replace(options.application or custos.CUSTOS, namespace=self.allowed.namespace)
        return replace(options, application=application, cluster=self.allowed.context)

    def site(self, self_test: SelfTest) -> assembly.Site:
        """Where drills run one after the other there, each in a namespace that is made for it."""
        return assembly.Site(self_test, fresh=True, ground=self.ground)

    def ground(self, options: Options, say: Callable[[str], None]) -> Existing:
        """Looked at anew for each drill, and its namespace claimed. Misconfigured if the drill cannot be."""
        found = look(self, options.application)
        with left_alone(found.there):
            _copies_with(found, options.engine)
            for line in brought.told if (brought := _brought(options.application)) else ():
                say(line)
            say(f"the context {self.allowed.context}: {found.kubernetes}, {found.velero_image}; no fence is around it")
            found.there.claim()
            quotas = capacity.list_quotas(found.there.kubectl, self.allowed.namespace)
            capacity.require_quota(quotas, _deployment(found, options).manifests())
        return found

    def planned(self, options: Options) -> tuple[Object, ...]:
        """Every object that a drill would make there, the values of its Secrets left out; nothing is made.

        Misconfigured as for the drill itself.
        """
        found = look(self, options.application)
        brought = _brought(options.application)
        try:
            _copies_with(found, options.engine)
            run, backup = "the-run", "drill-the-run"
            deployment = _deployment(found, options)
            engine = found.backup_engine(found.there, found.uploader, run)
            binding = (inside(self.allowed).binding(found.guest.user, run),) if found.guest.binds else ()
            restic = engine.wanted_checks("the-repository") if found.uploader == "restic" else ()
            restore = (engine.wanted_restore(backup, backup),) if options.scenario.plan.restore else ()
            made = (*deployment.beginning(run), *deployment.manifests())
            return (
                namespace_object(self.allowed, run),
                *binding,
                *(without(without_values(thing), brought.hidden if brought else ()) for thing in made),
                engine.wanted_backup(backup, self.allowed.namespace),
                *map(without_values, restic),
                *(restore if options.scenario.fault else ()),
                shared_velero.wanted_deletion(self.allowed, backup, "its-uid"),
            )
        finally:
            found.there.down()

    def gc(self) -> tuple[str, ...]:
        """Remove what killed drills left there; return what it was, in words. Misconfigured if one lives here."""
        _, there = entered(self)
        return there.left()


def look(place: Place, application: Application | None = None) -> Existing:
    """Ask a cluster for all that a drill needs; nothing is made. Misconfigured, with what it is, if something lacks.

    The drill is of ours if no application is said.
    """
    allowed = place.allowed
    program, there = entered(place)
    kubectl = there.kubectl
    with left_alone(there):
        try:
            version = json.loads(kubectl("version", "-o", "json", within_s=ANSWER_S))
            user = rbac.whoami(kubectl, ANSWER_S)
        except (ToolFailed, TimedOut) as error:
            raise Misconfigured(f"the cluster of the context {allowed.context} does not let us in: {error}") from error
        knows_velero(kubectl, allowed)
        brought = _brought(application)
        more = rbac_discovery.needed(kubectl, brought.objects, allowed.namespace) if brought else ()
        guest = Guest(user, binds=_has_rights(kubectl, allowed, more), more=more)
        there.guest = guest
        _is_free(there)
        _has_class(kubectl, allowed)
        image, uploader = _has_velero(kubectl, allowed)
        _has_location(kubectl, allowed)
        _opens_bucket(allowed)
    kubernetes = text(version, "serverVersion", "gitVersion")
    return Existing(allowed, program, there, guest, kubernetes, image, uploader, brought is not None)


def entered(place: Place) -> tuple[Path, ExistingCluster]:
    """kubectl, and the cluster of the context as it knows it. Misconfigured if there is no such context."""
    allowed = place.allowed
    made = partial(ExistingCluster, allowed)
    return enter("context", allowed.context, allowed.namespace, place.kubeconfig, made)


def adapted(allowed: Allowed, thing: Object) -> Object:
    """A manifest with the cluster's storage class, and its images from the registry that mirrors them, if one does."""
    return {**thing, "spec": _adapted(allowed, thing["spec"])} if "spec" in thing else thing


def _adapted(allowed: Allowed, value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _adapted(allowed, _replaced(allowed, key, each)) for key, each in value.items()}
    if isinstance(value, list):
        return [_adapted(allowed, each) for each in value]
    return value


def _replaced(allowed: Allowed, key: str, value: Json) -> Json:
    if key == "storageClassName":
        return allowed.storage_class
    if key == "image" and allowed.mirror:
        return f"{allowed.mirror}/{str(value).partition('/')[2]}"
    return value


def _deployment(found: Existing, options: Options) -> Deployment:
    """The deployment as a drill would make it, with secrets that nobody will use."""
    assert options.application is not None  # it has the namespace that is allowed
    application = options.application
    secrets = {
        name: generate(kind.secret_keys, getattr(kind, "secret_kinds", {}))
        for name, kind in ((name, application.kind(name)) for name in options.stores)
    }
    made = Deployment(found.there, application.namespace, options.strategy, application.fixtures, secrets)
    if brought := application.brought:
        fresh = {name: generate(keys, {}) for name, keys in brought.generate.items()}
        made = replace(made, credentials={}, brought=brought.deployed(fresh))
    return found.fitted(made, found.there)


def _brought(application: Application | None) -> Brought | None:
    return application.brought if application else None


def _copies_with(found: Existing, engine: str) -> None:
    if engine != f"velero-{found.uploader}":
        raise Misconfigured(
            f"the Velero of the context {found.allowed.context} copies with {found.uploader}, and drillproof does not "
            f"change it; drill with --engine velero-{found.uploader}"
        )


def knows_velero(kubectl: RunsKubectl, allowed: Allowed) -> None:
    """Misconfigured where the cluster knows no objects of Velero's."""
    if not rbac.serves(kubectl, "velero.io/v1"):
        raise Misconfigured(f"there is no Velero on the context {allowed.context}; drillproof installs none there")


def _has_rights(kubectl: Kubectl, allowed: Allowed, more: tuple[rbac.Right, ...]) -> bool:
    """Whether those inside the namespace have to be bound to us first. Misconfigured names all that are missing.

    `more` are those that an application of the user's needs there beside what every drill does.
    """
    lacking = rbac.missing(kubectl, rbac.outside(allowed.namespace, allowed.velero))
    to_enter, binds = inside(allowed, more).missing(kubectl)
    lacking += to_enter
    if lacking:
        own = f", and what your own kinds need you add to {allowed.role} there" if set(more) & set(lacking) else ""
        raise Misconfigured(
            f"rights are missing on the context {allowed.context}: {rbac.named(lacking)}; "
            f"clusters/existing/rbac.yaml grants all{own} (docs/how-to/existing-cluster.md)"
        )
    return binds


def _is_free(there: ExistingCluster) -> None:
    allowed = there.allowed
    found = there.namespace()
    if found is not None and not text(found, "metadata", "labels", LABEL):
        raise Misconfigured(
            f"a namespace {allowed.namespace} that drillproof did not make is there; "
            "let drills make another one: `namespace` in the configuration, and in the rights"
        )
    left = [f"the namespace {allowed.namespace}"] if found else []
    left += [f"the backup {text(each, 'metadata', 'name')}" for each in shared_velero.backups(there.kubectl, allowed)]
    if left:
        raise Misconfigured(
            f"another drill is there, or one that was killed: {', '.join(left)}; wait for it, or remove what it left "
            f"with `drillproof gc --context {allowed.context}`"
        )


def _has_class(kubectl: Kubectl, allowed: Allowed) -> None:
    if not kubectl("get", "storageclass", allowed.storage_class, "--ignore-not-found", "-o", "name").strip():
        raise Misconfigured(f"there is no StorageClass {allowed.storage_class} on the context {allowed.context}")


def _has_velero(kubectl: Kubectl, allowed: Allowed) -> tuple[str, str]:
    """Its image, and with what it copies. Misconfigured if it is not there, not known, or not well."""
    where = f"in the namespace {allowed.velero} of the context {allowed.context}"
    server, agents = (_one(kubectl, allowed, *kind) for kind in (("deployment", "velero"), ("daemonset", "node-agent")))
    if server is None:
        raise Misconfigured(f"there is no Velero {where}; install it there, or say where it is: `velero`")
    if agents is None:
        raise Misconfigured(
            f"Velero {where} has no node agents, and copies no volumes; install it with --use-node-agent"
        )
    container: Json = next(iter(items(server, "spec", "template", "spec", "containers")), None)
    image = text(container, "image")
    pinned = versions.load(resources.clusters() / "versions.toml").go["velero"].pins[_VELERO].removeprefix("v")
    tag = _TAG.search(image)
    known = pinned.rpartition(".")[0]
    if tag is None or tag[1] != known:
        raise Misconfigured(f"Velero {where} is {image}, and drillproof knows {known} only")
    ready, wanted = (integer(agents, "status", key) for key in ("numberReady", "desiredNumberScheduled"))
    if not integer(server, "status", "availableReplicas") or not wanted or ready < wanted:
        raise Misconfigured(
            f"Velero {where} is not ready: {ready} of {wanted} node agents are, and it must be up itself"
        )
    words = [str(word) for word in (*items(container, "args"), *items(container, "command"))]
    said = [word.removeprefix(_UPLOADER) for word in words if word.startswith(_UPLOADER)]
    return image, said[0] if said else "kopia"  # its own default


def _one(kubectl: Kubectl, allowed: Allowed, kind: str, name: str) -> Object | None:
    found = kubectl("get", kind, name, f"--namespace={allowed.velero}", "--ignore-not-found", "-o", "json")
    return json.loads(found) if found.strip() else None


def _has_location(kubectl: Kubectl, allowed: Allowed) -> None:
    found = _one(kubectl, allowed, "backupstoragelocations.velero.io", allowed.location)
    what = f"the BackupStorageLocation {allowed.location} in {allowed.velero} of the context {allowed.context}"
    if found is None:
        raise Misconfigured(f"there is no such thing as {what}; say which: `location`")
    if (phase := text(found, "status", "phase")) != "Available":
        raise Misconfigured(f"{what} is {phase or 'not looked at yet'}: {text(found, 'status', 'message')}")
    if text(found, "spec", "accessMode") == "ReadOnly":
        raise Misconfigured(f"{what} is read-only, and takes no backup")
    place = f"{text(found, 'spec', 'objectStorage', 'bucket')}/{text(found, 'spec', 'objectStorage', 'prefix')}"
    if place.strip("/") != f"{allowed.store.bucket}/{allowed.store.folder}".strip("/"):
        raise Misconfigured(
            f"{what} is in the bucket {place.strip('/')}, and the configuration names another one: `bucket`"
        )


def _opens_bucket(allowed: Allowed) -> None:
    store = allowed.store
    try:
        store.client().list_objects_v2(Bucket=store.bucket, Prefix=store.folder, MaxKeys=1)
    except (BotoCoreError, ClientError) as error:
        raise Misconfigured(f"the bucket {store.bucket} at {store.outside} cannot be listed: {error}") from error


def _kopia_check(pinned: versions.Versions) -> Path:
    """The program that reads a kopia repository; it is in no image. Misconfigured where it cannot be compiled."""
    kitchen = Kitchen(pinned, resources.clusters() / "images", paths.cache())
    kitchen.compile(pinned.build_of("kopia-check"))
    return kitchen.program("kopia-check")
