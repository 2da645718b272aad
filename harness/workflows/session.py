"""What drills, proofs and migrations share while they run: environment of hooks, secrets, logs, cleanup."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from harness.clusters.environment import SiteCluster
from harness.core.errors import HarnessError
from harness.core.model import Json
from harness.evidence import support_bundle
from harness.evidence.journal import Journal

SelfTest = Callable[[], Mapping[str, Json]]
"""The in-memory self-test: how many mutations were noticed, those that were missed, and how long it took."""


def environment(kubectl: Path, cluster: SiteCluster, run: Path, namespace: str, scenario: str) -> dict[str, str]:
    """What users' hooks find in their environment, but for the step."""
    return {
        "PATH": f"{kubectl.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "KUBECONFIG": str(cluster.kubeconfig.resolve()),
        "DRILLPROOF_RUN": str(run.resolve()),
        "DRILLPROOF_NAMESPACE": namespace,
        "DRILLPROOF_SCENARIO": scenario,
    }


def keys_of_store(cluster: SiteCluster | None) -> frozenset[str]:
    """The credentials of a cluster's object store, once it is there."""
    with contextlib.suppress(HarnessError):
        if cluster:
            return frozenset((cluster.store.access_key, cluster.store.secret_key))
    return frozenset()


def leave(cluster: SiteCluster | None, *, keep: bool) -> None:
    """Take a cluster down, or let go of it if it is to be kept."""
    if cluster and keep:
        cluster.release()
    elif cluster:
        cluster.down()


@contextlib.contextmanager
def logs_home(
    cluster: SiteCluster, tool: Callable[[Path], None], journal: Journal, secrets: Callable[[], frozenset[str]]
) -> Iterator[None]:
    """Bring the logs home, and count what the fence has stopped, on every way out."""
    try:
        yield
    finally:
        logs = {"cluster": cluster.collect, "tool": tool}
        support_bundle.collect(journal.path.parent / "bundle", logs, secrets())
        with contextlib.suppress(HarnessError):
            journal.append("fence", **counted(cluster))


def counted(cluster: SiteCluster) -> dict[str, Json]:
    counts = cluster.escapes()
    return {"there": False} if counts is None else asdict(counts)
