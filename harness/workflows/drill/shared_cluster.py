"""Drills on a shared cluster: checks that they are allowed and possible, and puts them together."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups import velero_lane
from harness.backups.backup_definition import Definition
from harness.backups.backup_definition import of as definition_of
from harness.backups.velero_install import Release
from harness.clusters import capacity, rbac, shared_velero
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.images import versions
from harness.clusters.images.images import compiled
from harness.clusters.permissions_file import DrillPolicy
from harness.clusters.shared_cluster import DrillCluster, without_values
from harness.clusters.shared_velero import SharedVelero
from harness.core.choices import choose
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import at, integer, items, text
from harness.core.kubernetes import Kubectl, Object, RunsKubectl, get_object, name_of, objects
from harness.core.model import Json
from harness.core.redaction import redact_document
from harness.workflows.drill import assembly
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import beyond
from harness.workflows.session import SelfTest
from harness.workloads import custos
from harness.workloads.application import Application, ManifestApplication
from harness.workloads.deployment import Deployment
from harness.workloads.manifests.load import assigned_secrets

_UPLOADER, _COPIES_ALL = "--uploader-type=", "--default-volumes-to-fs-backup"


@dataclass(frozen=True)
class Found:
    """A shared cluster that has everything that a drill needs. Implements `Environment`."""

    shared: DrillCluster
    role: rbac.NamespaceRole
    user: str  # to bind the role to; "" if we have all permissions anyway
    kubernetes: str
    velero_image: str
    uploader: str
    unknown: bool = False  # whether it is of no lane, and its API has all that a drill needs
    brought: bool = False  # the user's application, whose manifests say where its images come from

    @property
    def kubectl(self) -> Path:
        return self.shared.api.binary

    @property
    def isolated(self) -> bool:
        return False

    def cluster(self, name: str) -> DrillCluster:  # noqa: ARG002 # there is this one
        return self.shared

    def backup_engine(self, cluster: EnvironmentCluster, uploader: str, run: str) -> SharedVelero:
        checker = partial(compiled, versions.load(), "kopia-check")
        release = Release(Path(), self.velero_image, "", checker)
        return SharedVelero(cluster, self.shared.policy, release, uploader=uploader, run=run)

    def adapt(self, deployment: Deployment, cluster: EnvironmentCluster) -> Deployment:  # noqa: ARG002 # there is this one
        """In the claimed namespace, with the StorageClass and the image registry of this cluster."""
        opened = replace(deployment, create_namespace=self.shared.open)
        return opened if self.brought else replace(opened, adapt=lambda thing: adapted(self.shared.policy, thing))

    def facts(self) -> dict[str, Json]:
        mirror = "" if self.brought else self.shared.policy.mirror
        return self.shared.facts(self.kubernetes, f"{self.velero}, copying with {self.uploader}", mirror)

    @property
    def velero(self) -> str:
        """Its image, with a note if drillproof has no lane like it."""
        note = " (no version that drillproof knows; its API has all that a drill needs)" if self.unknown else ""
        return f"{self.velero_image}{note}"


@dataclass(frozen=True)
class SharedDrills:
    policy: DrillPolicy
    kubeconfig: Path | None = None  # kubectl's own if None

    def engine(self, application: Application | None) -> str:
        """The existing backup engine. Misconfigured if no drill of the application is possible."""
        found = look(self, application)
        found.shared.down()
        return f"velero-{found.uploader}"

    def settled(self, options: Options) -> Options:
        """A drill as it is on this cluster. Misconfigured, with the reason, if it is impossible."""
        if why := beyond(options.scenario):
            raise Misconfigured(
                f"{options.scenario.name} is impossible on a cluster that drillproof did not create: {why}; "
                "run it without --context"
            )
        application = options.application or custos.CUSTOS
        original = application.original or application.namespace
        application = replace(application, namespace=self.policy.namespace, original=original)
        return replace(options, application=application, cluster=self.policy.context)

    def schedule(self, name: str) -> Definition:
        """A Schedule of the cluster. Misconfigured, with those that exist, if it is not there."""
        policy, cluster = self.policy, DrillCluster.enter(self.policy, self.kubeconfig)
        try:
            knows_velero(cluster.api, policy)
            _may_read_definitions(cluster.api, policy)
            here = f"--namespace={policy.velero}"
            found = {name_of(each): each for each in objects(cluster.api, "schedules.velero.io", here)}
            choose(f"Schedule in {policy.velero} of the context {policy.context}", name, sorted(found))
            config = text(found[name], "spec", "template", "resourcePolicy", "name")
            maps = {config: known} if config and (known := get_object(cluster.api, "configmap", config, here)) else {}
            # Its status, and what the API server adds, are no part of the definition.
            thing = {key: found[name][key] for key in ("apiVersion", "kind", "metadata", "spec")}
            definition = definition_of(thing, maps, f"the context {policy.context}")
            return _with_defaults(cluster.api, policy, definition)
        finally:
            cluster.down()

    def with_defaults(self, definition: Definition) -> Definition:
        """A definition of a file, with what the Velero of the cluster has for what it does not say. Misconfigured."""
        cluster = DrillCluster.enter(self.policy, self.kubeconfig)
        try:
            return _with_defaults(cluster.api, self.policy, definition)
        finally:
            cluster.down()

    def site(self, self_test: SelfTest) -> assembly.DrillSession:
        """Runs drills one after the other, each in a new namespace."""
        return assembly.DrillSession(self_test, fresh=True, environment=self.environment)

    def environment(self, options: Options, say: Callable[[str], None]) -> Found:
        """Check the cluster, and claim the namespace of a drill. Misconfigured if the drill is impossible."""
        found, context = look(self, options.application), self.policy.context
        with found.shared.removed_on_error():
            _copies_with(found, options.engine)
            require_definition(found, options)
            for line in brought.summary if (brought := _brought(options.application)) else ():
                say(line)
            say(f"the context {context}: {found.kubernetes}, {found.velero}; no network isolation around it")
            found.shared.claim(found.role, found.user)
            quotas = capacity.list_quotas(found.shared.api, self.policy.namespace)
            capacity.require_quota(quotas, _deployment(found, options).manifests())
        return found

    def planned(self, options: Options) -> tuple[Object, ...]:
        """Every object that a drill would create, Secrets without values. Misconfigured as for the drill itself."""
        found = look(self, options.application)
        brought = _brought(options.application)
        try:
            _copies_with(found, options.engine)
            require_definition(found, options)
            run, backup = "the-run", "drill-the-run"
            deployment = _deployment(found, options)
            engine = found.backup_engine(found.shared, found.uploader, run)
            if coverage := options.coverage:
                engine.follow(coverage.definition, coverage.own, coverage.drilled)
            restic = engine.wanted_checks("the-repository") if found.uploader == "restic" else ()
            restore = (engine.wanted_restore(backup, backup),) if options.scenario.plan.restore else ()
            asked = engine.wanted_backup(backup, self.policy.namespace)
            made = (*deployment.prerequisites(run), *deployment.manifests())
            return (
                found.shared.namespace_object(run),
                *((found.role.binding(found.user, run),) if found.user else ()),
                *(redact_document(without_values(thing), brought.hidden if brought else ()) for thing in made),
                redact_document(asked, assigned_secrets(asked)),
                *map(without_values, restic),
                *(restore if options.scenario.fault else ()),
                shared_velero.deletion_manifest(self.policy, backup, "its-uid"),
            )
        finally:
            found.shared.down()


def look(place: SharedDrills, application: Application | None = None) -> Found:
    """Check everything that a drill needs; creates nothing. Misconfigured for the first thing that is missing."""
    policy, brought = place.policy, _brought(application)
    shared = DrillCluster.enter(policy, place.kubeconfig)
    kubectl = shared.api
    with shared.removed_on_error():
        kubernetes, user = shared.identify()
        knows_velero(kubectl, policy)
        role = role_in(policy)
        if brought:
            more = rbac.needed_for(kubectl, brought.objects, policy.namespace, role.permissions)
            role = replace(role, permissions=(*role.permissions, *more))
        binds = _has_permissions(kubectl, policy, role)
        shared.require_free()
        shared.require_storage_class()
        image, uploader, unknown = find_velero(kubectl, policy)
        _has_location(kubectl, policy)
        _opens_bucket(policy)
    return Found(shared, role, user if binds else "", kubernetes, image, uploader, unknown, brought is not None)


def role_in(policy: DrillPolicy) -> rbac.NamespaceRole:
    return rbac.NamespaceRole(policy.namespace, policy.role, rbac.listed("drill-inside", namespace=policy.namespace))


def adapted(policy: DrillPolicy, thing: Object) -> Object:
    """A manifest with the cluster's StorageClass, and its images from the mirror, if there is one."""
    return {**thing, "spec": _adapted(policy, thing["spec"])} if "spec" in thing else thing


def _adapted(policy: DrillPolicy, value: Json, key: str = "") -> Json:
    if isinstance(value, Mapping):
        return {name: _adapted(policy, each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_adapted(policy, each) for each in value]
    if key == "storageClassName":
        return policy.storage_class
    return policy.image(str(value)) if key == "image" and policy.mirror else value


def _deployment(found: Found, options: Options) -> Deployment:
    """The deployment as a drill would create it, with secrets that nobody will use."""
    namespace = found.shared.policy.namespace
    return assembly.deployment_on(found, found.shared, options, namespace, assembly.new_secrets(options))


def _brought(application: Application | None) -> ManifestApplication | None:
    return application.by_manifests if application else None


def _copies_with(found: Found, engine: str) -> None:
    if engine != f"velero-{found.uploader}":
        raise Misconfigured(
            f"the Velero of the context {found.shared.name} copies with {found.uploader}, and drillproof does not "
            f"change that; use --engine velero-{found.uploader}"
        )


def require_definition(found: Found, options: Options) -> None:
    """Misconfigured if the user's definition of the backup cannot be drilled there."""
    coverage, policy, pinned = options.coverage, found.shared.policy, versions.load()
    if coverage is None:
        return
    definition = coverage.definition
    known = velero_lane.of_image(found.velero_image)
    definition.require(coverage.own, pinned.lanes.get(known, [*pinned.lanes.values()][-1]))
    definition.require_local((policy.storage_class,))
    if (location := text(definition.spec, "storageLocation")) not in {"", policy.location}:
        raise Misconfigured(
            f"{definition.origin}: the {definition.called} stores in {location}, and the configuration allows "
            f"{policy.location}; set `location` and `bucket` in {policy.file}, or use another definition"
        )
    if config := definition.config_map:
        _may_read_definitions(found.shared.api, policy)
        there = get_object(found.shared.api, "configmap", name_of(config), f"--namespace={policy.velero}")
        if there is None or at(there, "data") != at(config, "data"):
            raise Misconfigured(
                f"{definition.origin}: the resource policy {name_of(config)} is {'different' if there else 'missing'} "
                f"in {policy.velero} of the context {policy.context}, where drillproof writes nothing; apply it first"
            )


def _with_defaults(kubectl: Kubectl, policy: DrillPolicy, definition: Definition) -> Definition:
    if definition.restore:
        raise Misconfigured(
            f"{definition.origin}: the {definition.restore.called} cannot be drilled on an existing cluster; leave out "
            "--context, or the Restore"
        )
    server = get_object(kubectl, "deployment", "velero", f"--namespace={policy.velero}")
    container: Json = next(iter(items(server, "spec", "template", "spec", "containers")), None)
    words = {str(word) for key in ("args", "command") for word in items(container, key)}
    copies_all = bool({_COPIES_ALL, f"{_COPIES_ALL}=true"} & words)
    if not copies_all or at(definition.spec, "defaultVolumesToFsBackup") is not None:
        return definition
    return replace(definition, spec={**definition.spec, "defaultVolumesToFsBackup": True})


def _may_read_definitions(kubectl: Kubectl, policy: DrillPolicy) -> None:
    missing = rbac.missing(kubectl, rbac.listed("drill-definition", velero=policy.velero))
    hint = "clusters/existing/rbac.yaml grants all (docs/how-to/backup-definition.md)"
    rbac.refuse([(policy.context, missing)], hint)


def knows_velero(kubectl: RunsKubectl, policy: DrillPolicy) -> None:
    """Misconfigured if the cluster does not serve Velero's kinds."""
    if not rbac.serves_api(kubectl, "velero.io/v1"):
        raise Misconfigured(f"there is no Velero on the context {policy.context}; drillproof does not install it there")


def _has_permissions(kubectl: Kubectl, policy: DrillPolicy, role: rbac.NamespaceRole) -> bool:
    outside = rbac.listed("drill-outside", namespace=policy.namespace, velero=policy.velero)
    missing, binds = rbac.missing_of(kubectl, outside, (role,))
    own = set(role.permissions) - set(role_in(policy).permissions)  # of the user's application
    add = f", and what your own kinds need you add to {policy.role} there" if own & set(missing) else ""
    hint = f"clusters/existing/rbac.yaml grants all{add} (docs/how-to/existing-cluster.md)"
    rbac.refuse([(policy.context, missing)], hint)
    return binds


def find_velero(kubectl: Kubectl, policy: DrillPolicy) -> tuple[str, str, bool]:
    """Its image and uploader, and whether it is of no lane. Misconfigured if it is missing, unfit or not ready."""
    where = f"in the namespace {policy.velero} of the context {policy.context}"
    here = f"--namespace={policy.velero}"
    server, agents = (
        get_object(kubectl, "deployment", "velero", here),
        get_object(kubectl, "daemonset", "node-agent", here),
    )
    if server is None:
        raise Misconfigured(f"there is no Velero {where}; install it, or set its namespace: `velero`")
    if agents is None:
        raise Misconfigured(
            f"Velero {where} has no node agents, so it copies no volumes; install it with --use-node-agent"
        )
    container: Json = next(iter(items(server, "spec", "template", "spec", "containers")), None)
    image = text(container, "image")
    pinned = versions.load()
    if unknown := velero_lane.of_image(image) not in pinned.lanes:
        serves_needs(kubectl, pinned, f"Velero {where} is {image}")
    ready, wanted = (integer(agents, "status", key) for key in ("numberReady", "desiredNumberScheduled"))
    if not integer(server, "status", "availableReplicas") or not wanted or ready < wanted:
        raise Misconfigured(
            f"Velero {where} is not ready: the server must be available, and all node agents ({ready} of {wanted} are)"
        )
    words = [str(word) for word in (*items(container, "args"), *items(container, "command"))]
    said = [word.removeprefix(_UPLOADER) for word in words if word.startswith(_UPLOADER)]
    return image, said[0] if said else "kopia", unknown  # its own default


def serves_needs(kubectl: Kubectl, pinned: versions.Versions, what: str) -> None:
    """Misconfigured unless the API of a Velero of no lane has all that a drill needs."""
    told = f"{what}, which is none of {', '.join(pinned.lanes)}"
    try:
        api: Json = json.loads(kubectl("get", "--raw", "/openapi/v3/apis/velero.io/v1"))
    except (HarnessError, ValueError) as error:
        raise Misconfigured(f"{told}, and its API cannot be read: {error}") from error
    if lacks := velero_lane.lacking(pinned.needs, api):
        raise Misconfigured(f"{told}, and its API lacks what a drill needs: {', '.join(lacks)}")


def _has_location(kubectl: Kubectl, policy: DrillPolicy) -> None:
    here = f"--namespace={policy.velero}"
    found = get_object(kubectl, "backupstoragelocations.velero.io", policy.location, here)
    what = f"BackupStorageLocation {policy.location} in {policy.velero} of the context {policy.context}"
    if found is None:
        raise Misconfigured(f"there is no {what}; set `location`")
    if (phase := text(found, "status", "phase")) != "Available":
        raise Misconfigured(f"{what} is {phase or 'not looked at yet'}: {text(found, 'status', 'message')}")
    if text(found, "spec", "accessMode") == "ReadOnly":
        raise Misconfigured(f"{what} is read-only, and takes no backup")
    place = f"{text(found, 'spec', 'objectStorage', 'bucket')}/{text(found, 'spec', 'objectStorage', 'prefix')}"
    if place.strip("/") != f"{policy.store.bucket}/{policy.store.folder}".strip("/"):
        raise Misconfigured(
            f"{what} is in the bucket {place.strip('/')}, but the configuration has another one: `bucket`"
        )


def _opens_bucket(policy: DrillPolicy) -> None:
    store = policy.store
    try:
        store.client().list_objects_v2(Bucket=store.bucket, Prefix=store.folder, MaxKeys=1)
    except (BotoCoreError, ClientError) as error:
        raise Misconfigured(f"the bucket {store.bucket} at {store.outside} cannot be listed: {error}") from error
