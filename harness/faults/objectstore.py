"""The object store is down."""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault

_ANSWERS_WITHIN_S = 60


@dataclass(frozen=True)
class ObjectStoreDown(BaseFault):
    """The object store's machine loses power; its disk stays."""

    title = "object-store-down"
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        target.machines.power_off(target.machines.object_store)

    def damage(self, target: Target) -> Mapping[str, str]:
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
        """Start it, and return when it serves the bucket again."""
        target.machines.power_on(target.machines.object_store)

        def answers() -> None:
            try:
                target.bucket.client().head_bucket(Bucket=target.bucket.bucket)
            except (BotoCoreError, ClientError) as error:
                raise NotYet(str(error)) from error

        until(answers, waited_for="the object store to answer", within_s=_ANSWERS_WITHIN_S)
