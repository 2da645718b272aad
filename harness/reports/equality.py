"""Per store and member: what was read before the fault, and what was read after the recovery."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.checks.data import disagreeing
from harness.core.json import mapping, number, text
from harness.core.model import Json, Part
from harness.evidence.run_view import RunView

BAD = ("different", "damaged")
"""The states of a member that lost data; with other states than these and `equal` it is unknown."""


@dataclass(frozen=True)
class Member:
    """One member before the fault and after the recovery. `after` is None if it was never read back."""

    name: str
    before: Mapping[str, Part]
    after: Mapping[str, Part] | None
    damage: str  # what it reported, if it reported damaged data
    doubt: str  # why its data cannot be compared
    health: str  # healthy, unhealthy, not queried
    role: str
    detail: str

    @cached_property
    def differences(self) -> Mapping[str, tuple[Part | None, Part | None]]:
        """Every part that differs on this member, before and after (None if missing); none if nothing is comparable."""
        before, after = self.before, self.after
        if after is None or self.doubt:
            return {}
        names = (name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
        return {name: (before.get(name), after.get(name)) for name in names}

    @property
    def state(self) -> str:
        """One of equal, different, damaged, not read back, not comparable."""
        if self.damage:
            return "damaged"
        if self.after is None:
            return "not read back"
        if self.doubt:
            return "not comparable"
        return "different" if self.differences else "equal"

    @property
    def same(self) -> int:
        return len(self.before.keys() - self.differences.keys())


@dataclass(frozen=True)
class Store:
    name: str
    members: tuple[Member, ...]

    @property
    def before(self) -> Mapping[str, Part]:
        """The first member's parts before the fault; all members agree, except for their own parts."""
        return self.members[0].before if self.members else {}

    def equal_on(self, part: str) -> int:
        return sum(m.state in {"equal", "different"} and part not in m.differences for m in self.members)


def stores(view: RunView) -> tuple[Store, ...]:
    """Every store of the drill with all members, read back or not, compared as in the check `data-equal`."""
    return tuple(_store(view, name, members) for name, members in view.members.items())


def _store(view: RunView, store: str, members: tuple[str, ...]) -> Store:
    before = {name: _parts(_latest(view, "digest", store, name, when="before")) for name in members}
    odd = disagreeing(before)
    return Store(store, tuple(_member(view, store, name, before[name], odd) for name in members))


def _member(view: RunView, store: str, name: str, before: Mapping[str, Part], odd: tuple[str, ...]) -> Member:
    doubt = f"the members did not agree before the fault (see {', '.join(odd)})" if odd else ""
    reads = {when: _latest(view, "digest", store, name, when=when) for when in ("before", "after")}
    for when, read in reads.items():
        if read is not None and (who := text(read, "answered_by") or "nobody") != name:
            doubt = f"when it was queried {when} the fault, {who} answered instead"
    after = None if reads["after"] is None else _parts(reads["after"])
    unread, corrupt = (_latest(view, kind, store, name, what="digest") for kind in ("unread", "corrupt"))
    if unread is not None and after == before:
        doubt = doubt or f"at least one read failed: {text(unread, 'message')}"
    health = _latest(view, "health", store, name, when="after")
    return Member(
        name=name,
        before=before,
        after=after,
        damage="" if corrupt is None or odd else text(corrupt, "message") or "no details",
        doubt=doubt,
        health="not queried" if health is None else "healthy" if health.get("ok") is True else "unhealthy",
        role=text(health, "role"),
        detail=text(health, "detail"),
    )


def _latest(view: RunView, kind: str, store: str, member: str, **data: str) -> Mapping[str, Json] | None:
    events = view.of(kind, store=store, member=member, **data)
    return events[-1].data if events else None


def _parts(reading: Mapping[str, Json] | None) -> dict[str, Part]:
    parts = mapping(reading, "parts").items()
    return {name: Part(int(number(each, "rows") or 0), text(each, "hash")) for name, each in parts}
