"""An administrator destroys data with a statement, and every replica replays it."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet
from harness.faults.base import BaseFault, damaged


@dataclass(frozen=True)
class Statement(BaseFault):
    """Runs a statement that leaves nothing of one part of the data."""

    what: str  # for example drop-table
    store: str
    statement: str
    part: str  # the digest's name of what is then gone, or empty
    title = "{what} in {store}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        """Run it. FaultHadNoEffect if there was nothing to destroy."""
        store, administrator = target.administered(self.store)
        if not self._rows(target, store.members[0]):
            raise FaultHadNoEffect(f"{self.store} has no {self.part}, or it is empty")
        administrator.execute(store.members[0], self.statement)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The part is gone, or has no rows, on every member."""
        members = target.store(self.store).members

        def nothing_left() -> None:
            if left := [member for member in members if self._rows(target, member)]:
                raise NotYet(f"{self.part} is still on {', '.join(left)}")

        damaged(nothing_left, waiting_for=f"{self.part} to be gone", within_s=timeouts.READ_S)
        rows = parallel.for_each(members, lambda member: self._rows(target, member))
        return {
            f"{self.part} on {m}": "is gone" if n is None else "has no rows" for m, n in zip(members, rows, strict=True)
        }

    def _rows(self, target: Target, member: str) -> int | None:
        part = target.store(self.store).digest(member).parts.get(self.part)
        return None if part is None else part.rows
