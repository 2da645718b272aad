"""What every fault shares: its name, what it needs, and how it waits for its damage."""

from collections.abc import Callable
from typing import TypeVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.ports import Fault, Target
from harness.core.wait import until

T = TypeVar("T")


class BaseFault(Fault):
    """A fault. Subclasses are frozen dataclasses with a `title`, a `reach`, `inject` and `damage`.

    `title` becomes the fault's name; `{field}` in it stands for one of the dataclass's fields. A fault with a field
    `store` needs that store; others may have a field `needs`.
    """

    title: str

    @property
    def name(self) -> str:
        return self.title.format_map(vars(self))

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.store,) if hasattr(self, "store") else ()

    def undo(self, target: Target) -> None:
        """Do nothing: the damage is permanent, and nothing else is left behind."""


def damaged(look: Callable[[], T], *, waiting_for: str, within_s: float | None = None, every_s: float = 0.5) -> T:
    """Wait until `look` sees the damage, for timeouts.DAMAGE_S by default. FaultHadNoEffect if it never does."""
    try:
        return until(look, waited_for=waiting_for, within_s=within_s or timeouts.DAMAGE_S, every_s=every_s)
    except TimedOut as error:
        raise FaultHadNoEffect(str(error)) from error
