"""Velero where it belongs to others: it is asked for our own backups and restores, and for nothing else.

It is not installed, not changed and not emptied. What a drill asked of it bears the drill's label, and is removed as
Velero wants it: by a DeleteBackupRequest, which takes the backup's files and its restores along. Its repository for
the drill's namespace stays, without snapshots: it is Velero's, whose maintenance empties it.
"""

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.repository_check import CHECK, password
from harness.backups.velero import RUNNING, VeleroEngine
from harness.backups.velero_install import Release
from harness.clusters.permissions_file import DrillPolicy
from harness.core import timeouts
from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import items, text
from harness.core.kubernetes import LABEL, Object, RunsKubectl, name_of, objects
from harness.core.model import Json
from harness.core.objects import made, together
from harness.core.ports import Cluster
from harness.core.wait import NotYet, until

NAMESPACE_LABEL = "drillproof.dev/namespace"
"""The second label of our backups and restores: their namespace."""

BACKUP_TTL = "24h0m0s"
"""So long Velero keeps a backup that nobody came back to remove."""


class SharedVelero(VeleroEngine):
    """Velero and its node agents, as a guest may ask them. Implements `harness.core.ports.BackupEngine`."""

    def __init__(self, cluster: Cluster, policy: DrillPolicy, release: Release, *, uploader: str, run: str) -> None:
        """`release` says which images Velero runs there; `run` names the drill."""
        super().__init__(cluster.kubectl, lambda: policy.store, release, uploader=uploader, namespace=policy.velero)
        self._policy = policy
        self._run_name = run

    def install(self) -> None:
        """It is there."""

    def forget(self) -> None:
        """Nothing of other drills is touched, and this one has made nothing yet."""

    def collect(self, into: Path) -> None:
        """Write the records of our own backups and restores, and their logs; never raises for what is not available."""
        into.mkdir(parents=True, exist_ok=True)
        names: list[str] = []
        for kind, label in (("backups", "backup-name"), ("restores", "restore-name")):
            with contextlib.suppress(HarnessError):
                mine = objects(self._kubectl, f"{kind}.velero.io", self._here, f"--selector={LABEL}={self._run_name}")
                _write(into / f"{kind}.json", mine)
                names = [name_of(each) for each in mine]
                volumes = f"podvolume{kind}.velero.io"
                chosen = f"--selector=velero.io/{label} in ({','.join(names)})"
                _write(into / f"podvolume{kind}.json", objects(self._kubectl, volumes, self._here, chosen))
            with contextlib.suppress(HarnessError, BotoCoreError, ClientError):
                for name in names:
                    self._copy_logs(f"{kind}/{name}/", into)

    def wanted_restore(self, name: str, backup: str, namespaces: Sequence[str] = ()) -> Object:
        """As the admission policy in clusters/existing/rbac.yaml demands it: of the drill's namespace only."""
        return super().wanted_restore(name, backup, namespaces or (self._policy.namespace,))

    def _asked(self) -> Mapping[str, Json]:
        return {"storageLocation": self._policy.location, "ttl": BACKUP_TTL}

    def _marks(self) -> Mapping[str, Json]:
        return {"labels": {LABEL: self._run_name, NAMESPACE_LABEL: self._policy.namespace}}

    def _restic_check(self, repository: str) -> str:
        """By Velero's own program, in a pod of the drill's own: a guest runs nothing in Velero's pods."""
        kubectl, here = self._kubectl, f"--namespace={self._policy.namespace}"
        wanted = self.wanted_checks(repository, password(kubectl, self._namespace))
        name = text(wanted[0], "metadata", "name")

        def ended() -> str:
            pods = objects(kubectl, "pods", here, f"--field-selector=metadata.name={name}")
            phase = text(next(iter(pods), None), "status", "phase")
            if phase not in {"Succeeded", "Failed"}:
                raise NotYet(f"phase {phase or 'not set'}")
            return phase

        try:
            kubectl("create", "-f", "-", stdin=together(wanted))
            phase = until(ended, waited_for="the repository's check", within_s=timeouts.CHECK_S, every_s=1)
            said = kubectl("logs", name, here)
        finally:
            with contextlib.suppress(HarnessError):
                kubectl("delete", "pod,secret", name, here, "--ignore-not-found", "--grace-period=0")
        if phase != "Succeeded":
            raise ToolFailed(["restic", *CHECK], 1, said)
        return said

    def wanted_checks(self, repository: str, secret: str = "") -> tuple[Object, Object]:
        """The pod in which restic checks a repository, and the Secret with the keys for it; removed when it ends."""
        store = self._policy.store
        values: dict[str, Json] = {
            "name": f"drillproof-check-{token_hex(4)}",
            "namespace": self._policy.namespace,
            "run": self._run_name,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
            "region": store.region,
            "password": secret,
            "image": self._release.server_image,
            "command": ["restic", *CHECK, "--no-cache", f"--repo={repository}"],
        }
        return made("check-keys", **values), made("check", **values)


def list_backups(kubectl: RunsKubectl, policy: DrillPolicy) -> tuple[Object, ...]:
    """Every backup that a drill made of its namespace there."""
    chosen = (f"--namespace={policy.velero}", f"--selector={NAMESPACE_LABEL}={policy.namespace}")
    return objects(kubectl, "backups.velero.io", *chosen)


def delete_backups(kubectl: RunsKubectl, policy: DrillPolicy, runs: Collection[str] | None) -> tuple[str, ...]:
    """Have the backups of these drills deleted, or of all if None; return their names. HarnessError if one stays."""
    known = {name_of(each): text(each, "metadata", "labels", LABEL) for each in list_backups(kubectl, policy)}
    mine = tuple(name for name, run in known.items() if runs is None or run in runs)
    for name in mine:
        _remove(kubectl, policy, name)
    return mine


def deletion_manifest(policy: DrillPolicy, name: str, uid: str) -> Object:
    where = {"velero": policy.velero, "namespace": policy.namespace}
    return made("delete-backup", prefix=f"{name}-", backup=name, uid=uid, **where)


def _remove(kubectl: RunsKubectl, policy: DrillPolicy, name: str) -> None:
    here = f"--namespace={policy.velero}"

    def found() -> Object | None:
        return next(iter(objects(kubectl, "backups.velero.io", here, f"--field-selector=metadata.name={name}")), None)

    def ended() -> None:
        if (phase := text(found(), "status", "phase")) in RUNNING and found():
            raise NotYet(f"phase {phase or 'not set'}")

    def gone() -> str:
        asked = objects(kubectl, "deletebackuprequests.velero.io", here, f"--selector=velero.io/backup-name={name}")
        said = [str(error) for each in asked for error in items(each, "status", "errors")]
        if found() and not said:
            raise NotYet("it is still there")
        return "; ".join(said) if found() else ""

    # One that is being made is deleted by nobody.
    until(ended, waited_for=f"Velero's backup {name} to end", within_s=timeouts.BACKUP_S, every_s=1)
    uid = text(found(), "metadata", "uid")
    kubectl("create", "-f", "-", stdin=json.dumps(deletion_manifest(policy, name, uid)))
    if said := until(gone, waited_for=f"Velero to delete the backup {name}", within_s=timeouts.BACKUP_S, every_s=1):
        raise HarnessError(f"Velero does not delete the backup {name}: {said}")


def _write(path: Path, records: Sequence[Object]) -> None:
    path.write_text(json.dumps(records, indent=1), encoding="utf-8")
