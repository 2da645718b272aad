"""Puts a drill together on a cluster that is there and not ours, once it was asked whether that may and can be."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from harness import assembly, data, supplies
from harness.allowed import Allowed
from harness.application import Application, Brought
from harness.backups import velero_guest
from harness.backups.velero_guest import VeleroGuest
from harness.backups.velero_install import Release
from harness.clusters import kinds, rights, room
from harness.clusters.existing import ExistingCluster, Guest, inside, namespace_object
from harness.deployment import LABEL, Deployment, generate
from harness.errors import Misconfigured, TimedOut, ToolFailed
from harness.ground import SiteCluster
from harness.images import versions
from harness.images.recipes import Kitchen
from harness.k8s import Kubectl, Object, RunsKubectl, items, number, text
from harness.model import Json
from harness.options import Options
from harness.redaction import without
from harness.scenario import beyond
from harness.shell import run

ANSWER_S = 30.0
"""A cluster that is there answers within this."""

_VELERO = "github.com/vmware-tanzu/velero"
_TAG = re.compile(r":v?(\d+\.\d+)\.\d+[^/]*$")
_UPLOADER = "--uploader-type="


class OfOthers(Protocol):
    """A cluster that is there and not ours, in which only some namespaces are."""

    def take(self) -> None:
        """Keep others of this machine away from them. Misconfigured if one is there."""

    def down(self) -> None:
        """Remove what was made there, and nothing else."""


C = TypeVar("C", bound=OfOthers)


@dataclass(frozen=True)
class Existing:
    """What was found there, and is enough for a drill. Implements `harness.ground.Ground`."""

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
        pinned = versions.load(data.clusters() / "versions.toml")
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
        application = replace(options.application or assembly.CUSTOS, namespace=self.allowed.namespace)
        return replace(options, application=application, cluster=self.allowed.context)

    def site(self) -> assembly.Site:
        """Where drills run one after the other there, each in a namespace that is made for it."""
        return assembly.Site(fresh=True, ground=self.ground)

    def ground(self, options: Options, say: Callable[[str], None]) -> Existing:
        """Looked at anew for each drill, and its namespace claimed. Misconfigured if the drill cannot be."""
        found = look(self, options.application)
        with left_alone(found.there):
            _copies_with(found, options.engine)
            for line in brought.told if (brought := _brought(options.application)) else ():
                say(line)
            say(f"the context {self.allowed.context}: {found.kubernetes}, {found.velero_image}; no fence is around it")
            found.there.claim()
            quotas = room.quotas(found.there.kubectl, self.allowed.namespace)
            room.enough(quotas, _deployment(found, options).manifests())
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
                velero_guest.wanted_deletion(self.allowed, backup, "its-uid"),
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
            user = rights.whoami(kubectl, ANSWER_S)
        except (ToolFailed, TimedOut) as error:
            raise Misconfigured(f"the cluster of the context {allowed.context} does not let us in: {error}") from error
        knows_velero(kubectl, allowed)
        brought = _brought(application)
        more = kinds.needed(kubectl, brought.objects, allowed.namespace) if brought else ()
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


def enter(
    what: str, context: str, namespace: str, kubeconfig: Path | None, made: Callable[[Kubectl, Path], C]
) -> tuple[Path, C]:
    """kubectl, and the cluster of a context as `made` of what leads there, and of a folder; it is taken then.

    The folder is called for `what` is done in which `namespace` there.

    What leads to the cluster is copied, alone, to where no other drill is: so neither we nor a user's hook can come to
    another cluster by mistake, whatever becomes the current context meanwhile. Misconfigured if there is no such
    context.
    """
    program = find_kubectl()
    from_file = () if kubeconfig is None else (f"--kubeconfig={kubeconfig}",)
    known = run([program, *from_file, "config", "get-contexts", "--output=name"]).stdout.split()
    if context not in known:
        where = kubeconfig or os.environ.get("KUBECONFIG") or "the default kubeconfig"
        raise Misconfigured(f"{where} has no context {context}; it has: {', '.join(known) or 'none'}")
    home = supplies.state() / f"{what}-{hashlib.sha256(repr((context, namespace)).encode()).hexdigest()[:12]}"
    file = home / "kubeconfig"
    there = made(Kubectl(program, file, context), home)
    there.take()  # before the file is written, which another drill may be using
    alone = ("config", "view", "--minify", "--flatten", "--raw", f"--context={context}")
    home.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as copy:
        copy.write(run([program, *from_file, *alone]).stdout)
    return program, there


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


@contextlib.contextmanager
def left_alone(there: OfOthers) -> Iterator[None]:
    """If this does not come to a good end, nothing of ours is left there."""
    try:
        yield
    except BaseException:
        there.down()
        raise


def find_kubectl() -> Path:
    """kubectl: the user's own, or the one that is kept here. Misconfigured if there is none."""
    found = shutil.which("kubectl")
    program = Path(found) if found else kept("kubectl")
    if program is None:
        raise Misconfigured("there is no kubectl here; install it, of about the cluster's version")
    return program


def kept(program: str) -> Path | None:
    """A program as it was last made here; None if it never was."""
    made = max((supplies.cache() / "ready").glob(f"*/{program}"), key=lambda path: path.lstat().st_mtime, default=None)
    return made.resolve() if made else None


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


def without_values(thing: Object) -> Object:
    """A Secret as it is, but for what it holds."""
    if text(thing, "kind") != "Secret":
        return thing
    held = ((key, values) for key in ("data", "stringData") if isinstance(values := thing.get(key), Mapping))
    return {**thing, **{key: dict.fromkeys(values, "...") for key, values in held}}


def _copies_with(found: Existing, engine: str) -> None:
    if engine != f"velero-{found.uploader}":
        raise Misconfigured(
            f"the Velero of the context {found.allowed.context} copies with {found.uploader}, and drillproof does not "
            f"change it; drill with --engine velero-{found.uploader}"
        )


def knows_velero(kubectl: RunsKubectl, allowed: Allowed) -> None:
    """Misconfigured where the cluster knows no objects of Velero's."""
    if not rights.serves(kubectl, "velero.io/v1"):
        raise Misconfigured(f"there is no Velero on the context {allowed.context}; drillproof installs none there")


def _has_rights(kubectl: Kubectl, allowed: Allowed, more: tuple[rights.Right, ...]) -> bool:
    """Whether those inside the namespace have to be bound to us first. Misconfigured names all that are missing.

    `more` are those that an application of the user's needs there beside what every drill does.
    """
    lacking = rights.missing(kubectl, rights.outside(allowed.namespace, allowed.velero))
    to_enter, binds = inside(allowed, more).missing(kubectl)
    lacking += to_enter
    if lacking:
        own = f", and what your own kinds need you add to {allowed.role} there" if set(more) & set(lacking) else ""
        raise Misconfigured(
            f"rights are missing on the context {allowed.context}: {rights.named(lacking)}; "
            f"clusters/existing/rbac.yaml grants all{own} (docs/existing.md)"
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
    left += [f"the backup {text(each, 'metadata', 'name')}" for each in velero_guest.backups(there.kubectl, allowed)]
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
    pinned = versions.load(data.clusters() / "versions.toml").go["velero"].pins[_VELERO].removeprefix("v")
    tag = _TAG.search(image)
    known = pinned.rpartition(".")[0]
    if tag is None or tag[1] != known:
        raise Misconfigured(f"Velero {where} is {image}, and drillproof knows {known} only")
    ready, wanted = (number(agents, "status", key) for key in ("numberReady", "desiredNumberScheduled"))
    if not number(server, "status", "availableReplicas") or not wanted or ready < wanted:
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
    kitchen = Kitchen(pinned, data.clusters() / "images", supplies.cache())
    kitchen.compile(pinned.build_of("kopia-check"))
    return kitchen.program("kopia-check")
