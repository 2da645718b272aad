"""Persistent volume claims: who holds them, and how they are got rid of."""

from __future__ import annotations

from collections.abc import Collection

from harness.core import timeouts
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.wait import NotYet, until


def held_by(pod: Object) -> tuple[str, ...]:
    """The claims of a pod."""
    return tuple(
        text(volume, "persistentVolumeClaim", "claimName")
        for volume in items(pod, "spec", "volumes")
        if at(volume, "persistentVolumeClaim")
    )


def discard(kubectl: RunsKubectl, namespace: str, claims: Collection[str]) -> None:
    """Delete claims and the pods that hold them; return when those claims are gone. StatefulSets make both anew.

    TimedOut if one stays.
    """
    here = f"--namespace={namespace}"
    uids = {text(claim, "metadata", "uid") for claim in _named(kubectl, here, claims)}
    if not uids:
        return
    # The claims first: their finalizer keeps them until the pods are gone, and a new pod finds no old claim.
    kubectl("delete", "pvc", *sorted(claims), here, "--wait=false")

    def let_go() -> None:
        left = [claim for claim in _named(kubectl, here, claims) if text(claim, "metadata", "uid") in uids]
        if left:
            # Again and again: a pod that was made while the old claim was still there waits for it for ever.
            names = [name_of(claim) for claim in left]
            pods = [pod for pod in objects(kubectl, "pods", here) if set(held_by(pod)) & set(names)]
            if held := [name_of(pod) for pod in pods]:
                kubectl("delete", "pods", *held, here, "--force", "--grace-period=0", "--wait=false")
            raise NotYet(f"still held: {', '.join(sorted(names))}")

    until(let_go, waited_for="the claims to go", within_s=timeouts.DAMAGE_S, every_s=2)


def _named(kubectl: RunsKubectl, here: str, claims: Collection[str]) -> list[Object]:
    return [claim for claim in objects(kubectl, "pvc", here) if name_of(claim) in claims]
