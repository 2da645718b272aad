"""The proof's own Velero on a cluster of others: in its own namespace, and with no more permissions than it needs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.backups import velero_install
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import BackupRecord
from harness.backups.velero_install import READY_S, Release
from harness.clusters.permissions_file import ProofPolicy
from harness.core import timeouts
from harness.core.json import mapping
from harness.core.kubernetes import Object, name_of, namespace_of
from harness.core.model import Json, ToolReport, VolumeCopy
from harness.core.objects import labelled, made
from harness.core.wait import until
from harness.workflows.proof.shared_cluster.cluster import ProofCluster
from harness.workflows.proof.shared_cluster.restore_filter import OF_LEFT_OUT, RESTORED, Contents, service


class OwnVelero(VeleroEngine):
    """Restores only what a shared cluster allows, into the namespaces of the proof."""

    def __init__(
        self,
        cluster: ProofCluster,
        release: Release,
        recorded: BackupRecord,
        contents: Contents,
        *,
        repository_password: str = "",
        crds: tuple[Object, ...] = (),
    ) -> None:
        """`crds` are those of Velero to create. Without a `repository_password` it is Velero's default one."""
        namespace, uploader = cluster.policy.namespace, recorded.uploader
        super().__init__(
            *(cluster.api, lambda: cluster.store, release), uploader=uploader, namespace=namespace, with_namespace=True
        )
        self.rename(namespaces=cluster.policy.places(recorded.namespaces), storage_classes={})
        self.release = release
        self.contents = contents
        self._cluster = cluster
        self._recorded = recorded
        self._repository_password = repository_password
        self._crds = crds

    def wanted_restore(self, name: str, backup: str, namespaces: Sequence[str] = ()) -> Object:
        """The restore, without the kinds and pods that are skipped."""
        made = super().wanted_restore(name, backup, namespaces)
        owned: Json = [{"key": label, "operator": "DoesNotExist"} for label in OF_LEFT_OUT]
        only: dict[str, Json] = {"includedResources": list(RESTORED), "labelSelector": {"matchExpressions": owned}}
        return {**made, "spec": {**mapping(made, "spec"), **only}}

    def manifests(self) -> tuple[Object, ...]:
        """All objects of Velero except the CRDs, and the restored Services."""
        policy, run, recorded = self._cluster.policy, self._cluster.run, self._recorded
        secret, services = self._repository_password, self.contents.services
        return (
            *((made("repository-password", namespace=policy.namespace, password=secret, run=run),) if secret else ()),
            *(labelled(each, run) for each in self._velero()),
            labelled(mapped_classes(policy, (claim.storage_class for claim in recorded.claims)), run),
            *(service(each, policy.renamed(namespace_of(each)), run) for each in services),
        )

    def _velero(self) -> Iterator[Object]:
        """What `velero install` would create in the proof's namespace, but for what holds in the whole cluster."""
        keys, namespace = self._cluster.keys, self._cluster.policy.namespace
        options = (keys, self.release, self._recorded.uploader, namespace, "--disable-informer-cache")
        for thing in velero_install.manifests(*options):
            if thing["kind"] == "BackupStorageLocation":
                # The backup may have expired, and Velero would delete it; a copy needs no changes.
                yield {**thing, "spec": {**mapping(thing, "spec"), "accessMode": "ReadOnly"}}
            elif thing["kind"] not in {"CustomResourceDefinition", "ClusterRoleBinding", "Namespace"}:
                yield thing

    def install(self) -> None:
        """Install it; return when it is ready. TimedOut."""
        cluster = self._cluster
        if self._crds:
            cluster.create(*self._crds)
            for name in map(name_of, self._crds):
                cluster.api("wait", "--for=condition=Established", "crd", name, "--timeout=30s")
        cluster.create(*self.manifests())
        here = cluster.policy.namespace
        until(lambda: velero_install.ready(cluster.api, here), waited_for="Velero to be ready", within_s=READY_S)

    def restore(
        self, name: str, backup: str, namespaces: Sequence[str] = (), *, within_s: float = timeouts.RESTORE_S
    ) -> ToolReport:
        """Restore the backup; the report names the pods as the backup does."""
        report = super().restore(name, backup, namespaces, within_s=within_s)
        names = {there: own for own, there in self._cluster.kubectl.names.items()}

        def as_in_backup(copy: VolumeCopy) -> VolumeCopy:
            namespace, _, pod = copy.pod.partition("/")
            return replace(copy, pod=f"{names.get(namespace, namespace)}/{pod}")

        volumes = sorted(map(as_in_backup, report.volumes), key=lambda copy: (copy.pod, copy.volume))
        return replace(report, volumes=tuple(volumes))


def mapped_classes(policy: ProofPolicy, classes: Iterable[str]) -> Object:
    """The mapping of all these storage classes to the one that is allowed."""
    others = dict.fromkeys(sorted(set(classes) - {"", policy.storage_class}), policy.storage_class)
    return velero_install.class_mapping(others, policy.namespace)
