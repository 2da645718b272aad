"""The proof's own Velero on a cluster of others: in its own namespace, and with no more permissions than it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.backups import velero_install
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import BackupRecord
from harness.backups.velero_install import READY_S, Release
from harness.core.json import text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json, ToolReport
from harness.core.wait import until
from harness.workflows.proof.shared_cluster import objects as wanted
from harness.workflows.proof.shared_cluster.cluster import ProofCluster
from harness.workflows.proof.shared_cluster.restore_filter import OF_LEFT_OUT, RESTORED, Contents, service


class _Velero(VeleroEngine):
    """Restores only what a shared cluster allows."""

    def wanted_restore(self, name: str, backup: str, namespaces: Sequence[str] = ()) -> Object:
        """The restore, without the kinds and pods that are skipped."""
        made = super().wanted_restore(name, backup, namespaces)
        spec = made["spec"]
        assert isinstance(spec, dict)
        owned: Json = [{"key": label, "operator": "DoesNotExist"} for label in OF_LEFT_OUT]
        only: dict[str, Json] = {"includedResources": list(RESTORED), "labelSelector": {"matchExpressions": owned}}
        return {**made, "spec": {**spec, **only}}


@dataclass(frozen=True)
class OwnVelero:
    """Implements `harness.workflows.proof.proof.Restorer`."""

    cluster: ProofCluster
    release: Release
    recorded: BackupRecord
    contents: Contents
    repository_password: str
    makes: tuple[Object, ...]  # the CRDs to create

    @property
    def name(self) -> str:
        return self.velero.name

    @cached_property
    def velero(self) -> _Velero:
        """As it is asked for restores."""
        store, uploader, policy = lambda: self.cluster.store, self.recorded.uploader, self.cluster.policy
        made = _Velero(
            self.cluster.api, store, self.release, uploader=uploader, namespace=policy.namespace, with_namespace=True
        )
        made.rename(namespaces=policy.places(self.recorded.namespaces), storage_classes={})
        return made

    def objects(self) -> tuple[Object, ...]:
        """All objects of Velero, and the restored Services."""
        policy, run, recorded = self.cluster.policy, self.cluster.run, self.recorded
        secret = self.repository_password
        return (
            *((wanted.repository_password(policy, secret, run),) if secret else ()),
            *wanted.velero(policy, self.cluster.keys, self.release, recorded.uploader, run),
            wanted.storage_classes(policy, (claim.storage_class for claim in recorded.claims), run),
            *(
                service(each, policy.renamed(text(each, "metadata", "namespace")), run)
                for each in self.contents.services
            ),
        )

    def install(self) -> None:
        kubectl = self.cluster.api
        if self.makes:
            self.cluster.create(*self.makes)
            for kind in self.makes:
                name = name_of(kind)
                kubectl("wait", "--for=condition=Established", "crd", name, "--timeout=30s")
        self.cluster.create(*self.objects())
        here = self.cluster.policy.namespace
        until(lambda: velero_install.ready(kubectl, here), waited_for="Velero to be ready", within_s=READY_S)

    def resync(self, backup: str) -> None:
        self.velero.resync(backup)

    def restore(self, name: str, backup: str, namespaces: tuple[str, ...], *, within_s: float) -> ToolReport:
        report = self.velero.restore(name, backup, namespaces, within_s=within_s)
        renamed = {there: own for own, there in self.cluster.kubectl.names.items()}
        copies = (replace(copy, pod=_renamed(copy.pod, renamed)) for copy in report.volumes)
        return replace(report, volumes=tuple(sorted(copies, key=lambda copy: (copy.pod, copy.volume))))

    def collect(self, into: Path) -> None:
        """Write Velero's records, and the logs that it keeps in the bucket; never raises for what is not available."""
        self.velero.collect(into)


def _renamed(pod: str, names: Mapping[str, str]) -> str:
    namespace, _, name = pod.partition("/")
    return f"{names.get(namespace, namespace)}/{name}"
