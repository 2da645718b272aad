"""Pins a context to one cluster: a context is only a name, and leads elsewhere in another kubeconfig."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.clusters import rbac
from harness.clusters.permissions_file import ContextPolicy
from harness.clusters.rbac import Permission
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import items, text
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Json

NAMESPACE = "kube-system"
"""A namespace of every cluster, which cannot be deleted; its UID identifies the cluster."""


@dataclass(frozen=True)
class ClusterIdentity:
    uid: str
    server: str  # its URL, for messages: it may change, and several clusters may have had it

    def __str__(self) -> str:
        return f"the cluster {self.uid} at {self.server}"


@dataclass(frozen=True)
class ClusterPin:
    """The cluster that a context of a configuration file must lead to: its `cluster_uid`, or that of the first use."""

    policy: ContextPolicy
    file: Path  # where the first use is recorded

    @classmethod
    def of(cls, policy: ContextPolicy, state: Path) -> ClusterPin:
        """The pin of a context, kept in the folder `state`."""
        key = hashlib.sha256(repr((str(policy.file.resolve()), policy.context)).encode()).hexdigest()[:12]
        return cls(policy, state / f"cluster-{key}.pin")

    def require(self, found: ClusterIdentity) -> None:
        """Pin the context at its first use, and report that. Misconfigured if it leads to another cluster."""
        wanted, leads = self.policy.cluster_uid, f"the context {self.policy.context} leads to {found}, but"
        if wanted:
            if found.uid != wanted:
                raise Misconfigured(
                    f"{leads} {self.policy.file} has cluster_uid = {wanted!r}; use the kubeconfig of that cluster, or "
                    "change `cluster_uid` if this is the cluster that you mean"
                )
        elif (pinned := self._read() or self._pin(found)).uid != found.uid:
            raise Misconfigured(
                f"{leads} {self.policy.file} was first used with {pinned}; use the kubeconfig of that cluster. If you "
                f'mean this cluster, set cluster_uid = "{found.uid}" for this context, or delete {self.file}'
            )

    def _read(self) -> ClusterIdentity | None:
        accept = f"delete it, and the next use of the context {self.policy.context} pins the cluster again"
        try:
            kept: Json = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{self.file} cannot be read: {error}; {accept}") from error
        if not text(kept, "uid"):
            raise Misconfigured(f"{self.file} names no cluster; {accept}")
        return ClusterIdentity(text(kept, "uid"), text(kept, "server"))

    def _pin(self, found: ClusterIdentity) -> ClusterIdentity:
        """Record the first use; return what is recorded, which another process may have done first."""
        kept = {"uid": found.uid, "server": found.server, "context": self.policy.context}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps({**kept, "configuration": str(self.policy.file.resolve())}), encoding="utf-8")
        try:
            os.link(beside, self.file)  # whole or not at all, and never over another one
        except FileExistsError:
            return self._read() or found
        finally:
            beside.unlink()
        # Not on stdout, which is a document with --dry-run and --json.
        sys.stderr.write(f"the context {self.policy.context} is now pinned to {found} ({self.file})\n")
        return found


def identify(kubectl: RunsKubectl, context: str, manifest: str, within_s: float) -> ClusterIdentity:
    """Which cluster this is. ToolFailed, TimedOut; Misconfigured if we may not read that, which `manifest` grants."""
    try:
        found = kubectl("get", "namespace", NAMESPACE, "-o", "json", within_s=within_s)
    except ToolFailed as error:
        if "(Forbidden)" not in error.tail:
            raise
        lacking = [Permission("get", "namespaces", name=NAMESPACE)]
        rbac.refuse([(context, lacking)], f"its UID identifies the cluster; {manifest} grants all")
        raise
    uid = text(json.loads(found), "metadata", "uid")
    if not uid:
        raise Misconfigured(f"the cluster of the context {context} reports no UID of {NAMESPACE}, which identifies it")
    known: Json = json.loads(kubectl("config", "view", "--minify", "-o", "json"))
    return ClusterIdentity(uid, next((text(each, "cluster", "server") for each in items(known, "clusters")), ""))
