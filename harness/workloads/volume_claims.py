"""Persistent volume claims: which a pod uses, and how to delete them."""

from __future__ import annotations

from collections.abc import Collection

from harness.core import timeouts
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.wait import NotYet, until


def claims_of(pod: Object) -> tuple[str, ...]:
    """The claims that a pod uses."""
    return tuple(
        text(volume, "persistentVolumeClaim", "claimName")
        for volume in items(pod, "spec", "volumes")
        if at(volume, "persistentVolumeClaim")
    )


def discard(kubectl: RunsKubectl, namespace: str, claims: Collection[str]) -> None:
    """Delete claims and the pods that use them, and return when these claims are gone. TimedOut if one stays.

    StatefulSets create both again.
    """
    here = f"--namespace={namespace}"
    uids = {text(claim, "metadata", "uid") for claim in _named(kubectl, here, claims)}
    if not uids:
        return
    # The claims first: their finalizer keeps them until the pods are gone, so a new pod never gets an old claim.
    kubectl("delete", "pvc", *sorted(claims), here, "--wait=false")

    def gone() -> None:
        left = [claim for claim in _named(kubectl, here, claims) if text(claim, "metadata", "uid") in uids]
        if left:
            # Repeated: a pod that was created while the old claim existed waits for it for ever.
            names = set(map(name_of, left))
            users = [name_of(pod) for pod in objects(kubectl, "pods", here) if names & set(claims_of(pod))]
            if users:
                kubectl("delete", "pods", *users, here, "--force", "--grace-period=0", "--wait=false")
            raise NotYet(f"not deleted: {', '.join(sorted(names))}")

    until(gone, waited_for="the claims to be deleted", within_s=timeouts.DAMAGE_S, every_s=2)


def _named(kubectl: RunsKubectl, here: str, claims: Collection[str]) -> list[Object]:
    return [claim for claim in objects(kubectl, "pvc", here) if name_of(claim) in claims]
