"""How faults observe damage: volumes that are gone, members that do not answer, a store that is not what it was."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from harness.core import parallel
from harness.core.errors import FaultHadNoEffect, HarnessError, TimedOut, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import objects
from harness.core.model import LOST, OWN, Volume
from harness.core.ports import Corrupt, Datastore, Target, Unanswered
from harness.core.wait import NotYet, until
from harness.faults.base import damaged

STILL_S = 10.0
"""A store with no new write in its ledger for this long takes none: a client waits half as long for an answer."""

Observation = Callable[[Target, Datastore], Mapping[str, str]]
"""Waits, within a deadline, until a store is damaged, and returns what is wrong. FaultHadNoEffect if nothing is."""

_LINE = 300
_WAITING_FOR = "the damage to show"


def gone(target: Target, volumes: Iterable[Volume], *, retained: bool = False) -> Mapping[str, str]:
    """Wait until all these claims and volumes are gone by their UIDs. FaultHadNoEffect if one stays.

    Volumes that are `retained` must stay, and be Released.
    """
    lost = tuple(volumes)
    uids = {uid for volume in lost for uid in (volume.claim_uid, "" if retained else volume.volume_uid) if uid}

    def look() -> None:
        found = objects(target.cluster.kubectl, "pvc,pv", "--all-namespaces")
        if left := uids & {text(each, "metadata", "uid") for each in found}:
            raise NotYet(f"not deleted: {', '.join(sorted(left))}")
        if retained:
            volumes = [each for each in found if text(each, "kind") == "PersistentVolume"]
            released = {text(v, "metadata", "uid") for v in volumes if text(v, "status", "phase") == "Released"}
            if other := [volume.claim for volume in lost if volume.volume_uid not in released]:
                raise NotYet(f"not Released: {', '.join(other)}")

    damaged(look, waiting_for="the old claims and volumes to be deleted")
    left = "is retained" if retained else "are gone"
    claim = "is gone, and volume" if retained else "and volume"
    return {f"{LOST}{v.claim}": f"claim {v.claim_uid} {claim} {v.volume_uid} {left}" for v in lost}


def of_pods(volumes: Iterable[Volume], pods: Iterable[str]) -> tuple[Volume, ...]:
    """The volumes of some pods: a StatefulSet names a claim after its template and its pod."""
    ends = tuple(f"-{pod}" for pod in pods)
    return tuple(volume for volume in volumes if volume.claim.endswith(ends))


def unreadable(target: Target, pods: Collection[str] | None = None) -> Mapping[str, str]:
    """How every member, or every one of some `pods`, fails to answer. FaultHadNoEffect if one answers."""
    every = [(store, member) for store in target.stores for member in store.members]
    members = [(store, member) for store, member in every if pods is None or member in pods]
    errors = parallel.for_each(members, lambda pair: _unreadable(*pair))
    return {f"read {member}": error for (_, member), error in zip(members, errors, strict=True)}


def writes_stand_still(_target: Target, store: Datastore) -> Mapping[str, str]:
    """An Observation: the first member can be read, and shows no new write, although clients keep sending them."""
    member = store.members[0]

    def still() -> int:
        seen = newest(store, member)
        with contextlib.suppress(TimedOut):
            until(lambda: _goes_on(store, member, seen), waited_for="a new write", within_s=STILL_S, every_s=2)
            raise NotYet(f"write {seen} was followed by another")
        if newest(store, member) != seen:  # reading it may have failed in between, which proves no standstill
            raise NotYet(f"write {seen} was followed by another")
        return seen

    seen = damaged(still, waiting_for=_WAITING_FOR)
    return {f"writes to {store.name}": f"{member} can be read, and stands still at write {seen}"}


def logged(pattern: str) -> Observation:
    """An Observation: members have logged a line that matches, since their containers started."""

    def look(target: Target, store: Datastore) -> Mapping[str, str]:
        def lines() -> Mapping[str, str]:
            found: dict[str, str] = {}
            for member in store.members:
                log = target.cluster.kubectl("logs", "-n", target.namespace, member, "-c", store.name)
                matching = [line for line in log.splitlines() if re.search(pattern, line)]
                found |= {f"log of {member}": line[:_LINE] for line in matching[-1:]}
            if not found:
                raise NotYet(f"no log of {store.name} has a line that matches {pattern!r}")
            return found

        return damaged(lines, waiting_for=_WAITING_FOR)

    return look


def differing(_target: Target, store: Datastore) -> Mapping[str, str]:
    """An Observation: members whose data differ from those of the first one, part by part."""
    first, *others = store.members

    def look() -> Mapping[str, str]:
        shown = {member: store.digest(member).parts for member in store.members}
        found = {
            f"{part} on {member}": f"is not what {first} shows"
            for member in others
            for part in sorted({*shown[first], *shown[member]})
            if not part.startswith(OWN) and shown[first].get(part) != shown[member].get(part)
        }
        if not found:
            raise NotYet(f"{', '.join(store.members)} have equal data")
        return found

    return damaged(look, waiting_for=_WAITING_FOR)


def newest(store: Datastore, member: str) -> int:
    """The number of the newest write that a member shows; 0 if it shows none. Raises what `Datastore.ledger` raises."""
    return max((row.n for row in store.ledger(member)), default=0)


def _goes_on(store: Datastore, member: str, since: int) -> None:
    if newest(store, member) == since:
        raise NotYet(f"write {since}")


def _unreadable(store: Datastore, member: str) -> str:
    # Not its health, which asks its primary as well.
    try:
        row = next(iter(store.ledger(member)), None)
    except ToolFailed as error:
        return error.tail
    except (HarnessError, Corrupt, Unanswered, OSError) as error:
        return str(error)
    raise FaultHadNoEffect(f"{member} still answers, with {'an empty ledger' if row is None else f'write {row.n}'}")
