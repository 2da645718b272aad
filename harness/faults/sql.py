"""Somebody with all rights destroys data; the store does as it is told, and every replica follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until


@dataclass(frozen=True)
class Statement:
    """An administrator's statement that leaves nothing of one part of the data."""

    what: str  # drop-table
    store: str
    statement: str
    part: str  # the digest's name of what is then gone, or empty
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """What, and where."""
        return f"{self.what} in {self.store}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Run it. FaultHadNoEffect if there was nothing of the part to begin with."""
        store, administrator = target.administered(self.store)
        if not self._rows(target, store.members[0]):
            raise FaultHadNoEffect(f"{self.store} had nothing of {self.part}")
        administrator.execute(store.members[0], self.statement)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """Every member shows that nothing is left. FaultHadNoEffect if one still has some."""
        members = target.store(self.store).members

        def nothing_left() -> None:
            left = [member for member in members if self._rows(target, member)]
            if left:
                raise NotYet(f"{self.part} is still on {', '.join(left)}")

        try:
            until(nothing_left, waited_for=f"{self.part} to be gone", within_s=timeouts.READ_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error
        rows = parallel.each(members, lambda member: self._rows(target, member))
        return {
            f"{self.part} on {m}": "is gone" if n is None else "has no rows" for m, n in zip(members, rows, strict=True)
        }

    def undo(self, target: Target) -> None:
        """Nothing to take away: it is done, and only a backup helps."""

    def _rows(self, target: Target, member: str) -> int | None:
        part = target.store(self.store).digest(member).parts.get(self.part)
        return None if part is None else part.rows
