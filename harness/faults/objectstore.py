"""The object store is down."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from harness.core.errors import FaultHadNoEffect
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until

_ANSWERS_WITHIN_S = 60


class ObjectStoreDown:
    """The power of the object store's machine is cut; its disk stays."""

    name = "object-store-down"
    needs = ()
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        """End it at once."""
        target.machines.power_off(target.machines.object_store)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 - of the seam
        """It does not run, and does not answer. FaultHadNoEffect if either is not so."""
        machine = target.machines.object_store
        if target.machines.is_on(machine):
            raise FaultHadNoEffect(f"{machine} still runs")
        try:
            target.bucket.client().head_bucket(Bucket=target.bucket.bucket)
        except ClientError as error:
            raise FaultHadNoEffect(f"{machine} still answers: {error}") from error
        except BotoCoreError as error:
            return {machine: f"does not run: {error}"}
        raise FaultHadNoEffect(f"{machine} still answers")

    def undo(self, target: Target) -> None:
        """Start it, and return when it shows its bucket again."""
        target.machines.power_on(target.machines.object_store)

        def answers() -> None:
            try:
                target.bucket.client().head_bucket(Bucket=target.bucket.bucket)
            except (BotoCoreError, ClientError) as error:
                raise NotYet(str(error)) from error

        until(answers, waited_for="the object store to answer", within_s=_ANSWERS_WITHIN_S)
