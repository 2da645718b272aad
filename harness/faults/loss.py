"""What faults look for: volumes that are gone, members that answer no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from harness import deadlines, parallel
from harness.errors import FaultHadNoEffect, HarnessError, TimedOut, ToolFailed
from harness.k8s import objects, text
from harness.model import LOST, Volume
from harness.ports import Corrupt, Datastore, Target, Unanswered
from harness.wait import NotYet, until


def gone(target: Target, volumes: Iterable[Volume], *, retained: bool = False) -> Mapping[str, str]:
    """Every one of these claims and volumes, once all are gone by their UIDs. FaultHadNoEffect if any stays.

    Volumes that are `retained` must stay, and be nobody's.
    """
    lost = tuple(volumes)
    uids = {uid for volume in lost for uid in (volume.claim_uid, "" if retained else volume.volume_uid) if uid}

    def look() -> None:
        listing = target.cluster.kubectl("get", "pvc,pv", "--all-namespaces", "-o=jsonpath={.items[*].metadata.uid}")
        if left := uids & set(listing.split()):
            raise NotYet(f"still there: {', '.join(sorted(left))}")
        if retained:
            _nobodys(target, lost)

    try:
        until(look, waited_for="the old claims and volumes to be gone", within_s=deadlines.DAMAGE_S)
    except TimedOut as error:
        raise FaultHadNoEffect(str(error)) from error
    left = "is retained" if retained else "are gone"
    claim = "is gone, and volume" if retained else "and volume"
    return {f"{LOST}{v.claim}": f"claim {v.claim_uid} {claim} {v.volume_uid} {left}" for v in lost}


def _nobodys(target: Target, volumes: Iterable[Volume]) -> None:
    now = {
        text(each, "metadata", "uid"): text(each, "status", "phase") for each in objects(target.cluster.kubectl, "pv")
    }
    if other := [volume.claim for volume in volumes if now.get(volume.volume_uid) != "Released"]:
        raise NotYet(f"not retained, or still claimed: {', '.join(other)}")


def of_pods(volumes: Iterable[Volume], pods: Iterable[str]) -> tuple[Volume, ...]:
    """The volumes of some pods: a StatefulSet names a claim after its template and its pod."""
    ends = tuple(f"-{pod}" for pod in pods)
    return tuple(volume for volume in volumes if volume.claim.endswith(ends))


def unreadable(target: Target, pods: Collection[str] | None = None) -> Mapping[str, str]:
    """How every member, or every one of some `pods`, fails to answer. FaultHadNoEffect if one does answer."""
    every = [(store, member) for store in target.stores for member in store.members]
    members = [(store, member) for store, member in every if pods is None or member in pods]
    said = parallel.each(members, lambda pair: _unreadable(*pair))
    return {f"read {member}": words for (_, member), words in zip(members, said, strict=True)}


def _unreadable(store: Datastore, member: str) -> str:
    # It alone is read: its health asks its primary, too.
    try:
        row = next(iter(store.ledger(member)), None)
    except ToolFailed as error:
        return error.tail
    except (HarnessError, Corrupt, Unanswered, OSError) as error:
        return str(error)
    raise FaultHadNoEffect(f"{member} still answers, with {'an empty ledger' if row is None else f'write {row.n}'}")
