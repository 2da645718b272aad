"""Per store and member: what was read before the fault, and what was read after the recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.evidence.story import Story, mapping, number, text
from harness.model import Event, Part


@dataclass(frozen=True)
class Difference:
    """One part that did not come back as it was; None stands for a part that was not there."""

    part: str
    before: Part | None
    after: Part | None


@dataclass(frozen=True)
class Member:
    """One member after the recovery. `parts` is None where it was never read back."""

    name: str
    parts: Mapping[str, Part] | None
    differences: tuple[Difference, ...]
    health: str  # well, not well, not asked
    role: str
    detail: str

    @property
    def equal(self) -> bool:
        """Read back, something to compare it with, and no part that differs."""
        return bool(self.parts) and not self.differences

    @property
    def rows(self) -> int:
        """Rows read back."""
        return sum(part.rows for part in (self.parts or {}).values())

    @property
    def same(self) -> int:
        """Parts that are equal."""
        return len(self.parts or {}) - sum(1 for difference in self.differences if difference.after)


@dataclass(frozen=True)
class Store:
    """One store: its parts before the fault and its members after it."""

    name: str
    before: Mapping[str, Part]
    members: tuple[Member, ...]

    @property
    def rows(self) -> int:
        """Rows before the fault."""
        return sum(part.rows for part in self.before.values())

    def equal_on(self, part: str) -> int:
        """How many members hold `part` as it was."""
        changed = (any(part == difference.part for difference in member.differences) for member in self.members)
        return sum(1 for member, bad in zip(self.members, changed, strict=True) if member.parts is not None and not bad)


def stores(story: Story) -> tuple[Store, ...]:
    """Every store of the drill with all of its members, read back or not."""
    return tuple(_store(story, name) for name in story.members)


def _store(story: Story, name: str) -> Store:
    digests, healths = story.of("digest"), story.of("health")

    def latest(events: tuple[Event, ...], when: str) -> dict[str, Event]:
        mine = [event for event in events if (event.data.get("store"), event.data.get("when")) == (name, when)]
        return {text(event.data.get("member")): event for event in mine}

    before = {member: _parts(event) for member, event in latest(digests, "before").items()}
    after = {member: _parts(event) for member, event in latest(digests, "after").items()}
    asked = latest(healths, "after")
    members = tuple(dict.fromkeys((*story.members[name], *before, *after)))
    # Before the fault all members agree, or the drill is UNKNOWN; so one of them speaks for the recovery point.
    reference = before.get(members[0], {}) if members else {}
    return Store(name, reference, tuple(_member(each, reference, after.get(each), asked.get(each)) for each in members))


def _member(name: str, before: Mapping[str, Part], after: Mapping[str, Part] | None, health: Event | None) -> Member:
    differences: tuple[Difference, ...] = ()
    if after is not None:
        differences = tuple(
            Difference(part, before.get(part), after.get(part))
            for part in sorted({*before, *after})
            if before.get(part) != after.get(part)
        )
    if health is None:
        return Member(name, after, differences, "not asked", "", "")
    well = "well" if health.data.get("ok") is True else "not well"
    return Member(name, after, differences, well, text(health.data.get("role")), text(health.data.get("detail")))


def _parts(event: Event) -> dict[str, Part]:
    parts = mapping(event.data.get("parts"))
    return {
        name: Part(int(number(mapping(each).get("rows")) or 0), text(mapping(each).get("hash")))
        for name, each in parts.items()
    }
