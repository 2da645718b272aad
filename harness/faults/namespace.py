"""Somebody deletes the namespace."""

from __future__ import annotations

from collections.abc import Mapping

from harness import deadlines, parallel
from harness.errors import FaultHadNoEffect, HarnessError, TimedOut, ToolFailed
from harness.model import Volume
from harness.ports import Corrupt, Datastore, Target, Unanswered
from harness.wait import NotYet, until


class DeleteNamespace:
    """`kubectl delete namespace`: pods, claims and, with their class's policy Delete, the volumes with all data."""

    name = "delete-namespace"
    needs = ()

    def inject(self, target: Target) -> None:
        """Delete it, as somebody would by mistake, and return when it is gone. TimedOut if it stays in Terminating."""
        within_s = deadlines.DAMAGE_S
        command = ("delete", "namespace", target.namespace, "--wait=true", f"--timeout={within_s:.0f}s")
        target.cluster.kubectl(*command, within_s=within_s + 10)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Every claim and volume of before is gone by its UID, and no member can be read.

        FaultHadNoEffect if there was nothing to lose, if anything is still there at the deadline, or if a member
        still answers.
        """
        if not before:
            raise FaultHadNoEffect(f"the namespace {target.namespace} had no volumes; deleting it proves nothing")
        uids = {uid for volume in before for uid in (volume.claim_uid, volume.volume_uid) if uid}

        def gone() -> None:
            listing = target.cluster.kubectl(
                "get", "pvc,pv", "--all-namespaces", "-o=jsonpath={.items[*].metadata.uid}"
            )
            if left := uids & set(listing.split()):
                raise NotYet(f"still there: {', '.join(sorted(left))}")

        try:
            until(gone, waited_for="the old claims and volumes to be gone", within_s=deadlines.DAMAGE_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error
        seen = {
            f"volume {volume.claim}": f"claim {volume.claim_uid} and volume {volume.volume_uid} are gone"
            for volume in before
        }
        members = [(store, member) for store in target.stores for member in store.members]
        said = parallel.each(members, lambda pair: _unreadable(*pair))
        return seen | {f"read {member}": words for (_, member), words in zip(members, said, strict=True)}

    def undo(self, target: Target) -> None:
        """Nothing to take away: the deletion is over when it is seen."""


def _unreadable(store: Datastore, member: str) -> str:
    """How a member fails to answer; FaultHadNoEffect if it does. It alone is read: its health asks its primary, too."""
    try:
        row = next(iter(store.ledger(member)), None)
    except ToolFailed as error:
        return error.tail
    except (HarnessError, Corrupt, Unanswered, OSError) as error:
        return str(error)
    raise FaultHadNoEffect(f"{member} still answers, with {'an empty ledger' if row is None else f'write {row.n}'}")
