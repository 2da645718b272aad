"""What a proof of a backup was to judge, and the figures that come of it. Pure: from a run's facts and events.

A proof is no drill: nothing was seen to break, nobody wrote, and what the data were is known only where a hook wrote a
fingerprint with the backup. So its RTO and RPO are other figures than a drill's, and what it cannot prove it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from harness.core.model import Event, Json
from harness.evidence.marks import marks

DEFINITIONS: Mapping[str, str] = {
    "PASS": "what was asked of the backup was proved; what was not asked, or cannot be, is named",
    "RTO": "from the first byte fetched from the bucket to the first answer of the last database",
    "RPO": "from the newest time among the restored rows to the moment at which the restore was asked for: so much, at "
    "most, would have been lost had the data been lost then",
}

EQUAL, SOUND = "equal", "sound"
"""What is asked: whether the data are what they were, or only whether they come back and are sound."""

EXCLUSIONS: Mapping[str, Mapping[str, str]] = {
    "mysql": {
        "the next AUTO_INCREMENT of a table": "the server moves it by itself",
        "privileges": "accounts are in the fingerprint, with their passwords; what they may do is not",
        "foreign keys, CHECK constraints, parameters of routines, character sets and comments": "of definitions it has "
        "columns with their types and defaults, indexes, and the text of views, routines and triggers",
        "the values of MariaDB's sequences": "a recovery from a crash moves them ahead",
        "events, and the schemas of the server itself": "no row of a user is in them",
    },
    "postgres": {
        "the values of sequences": "a recovery from a crash, which a copy of a running server needs, moves them ahead",
        "privileges, policies, triggers and memberships of roles": "roles are in the fingerprint, with their "
        "passwords; these are not",
        "defaults of columns, types, rules, extensions, publications, settings and comments": "of definitions it has "
        "columns with their types, indexes, constraints, and the text of views and functions",
        "large objects": "they belong to no table",
        "unlogged tables": "PostgreSQL itself empties them when it recovers from a crash",
        "databases that let nobody in, and templates": "nobody can read the first; the others are there for new ones",
    },
    "consul": {
        "all but the keys": "`consul kv export` tells the keys with their values and flags; ACLs, services and config "
        "entries are in the snapshot that Consul inspects, and not in the fingerprint",
    },
}
"""What no fingerprint holds, by kind of database, and why."""

_FILES = {
    "uncopied": "the backup has no copy of them",
    "elsewhere": "their copy is not in this bucket",
    "unread": "no database holds them, so there is only the tool's word that they came back",
}
"""Of which claims' files nothing is proved, by their names in run.json, and why."""

_OF_USERS = re.compile(r"(.*: )?table |keys$")
"""The parts that hold rows of users; the others are there in an empty database, too."""


@dataclass(frozen=True)
class Judged:
    """One database that a proof has to read."""

    key: str
    kind: str
    place: str  # namespace/pod
    fingerprint: str  # the path of its fingerprint; "" where none was taken
    copied: bool = True  # whether the backup has a copy of any volume of its pod

    def __post_init__(self) -> None:
        if not self.key or not self.kind or not self.place:
            raise ValueError("a database without a name")


def databases(facts: Mapping[str, Json]) -> tuple[Judged, ...]:
    """All databases by run.json, so that none can go missing. ValueError if it names none, or not properly."""
    listed = facts.get("databases")
    found = tuple(_judged(each) for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict))
    if not found or len({each.key for each in found}) < len(found):
        raise ValueError("run.json names no databases")
    return found


def _judged(each: Mapping[str, Json]) -> Judged:
    key, kind, place, fingerprint = (str(each.get(name) or "") for name in ("key", "kind", "place", "fingerprint"))
    return Judged(key, kind, place, fingerprint, copied=each.get("copied") is not False)


def asked(facts: Mapping[str, Json]) -> str:
    """What was asked; the whole question unless it was expressly the smaller one."""
    return SOUND if facts.get("asked") == SOUND else EQUAL


def not_proved(facts: Mapping[str, Json], events: Iterable[Event]) -> tuple[str, ...]:
    """What nobody can conclude from this proof, in words."""
    return tuple(_not_proved(facts, tuple(events)))


def rto_s(events: Iterable[Event]) -> float | None:
    """Seconds from the beginning of the fetch to the answer of the last database; None if one never answered."""
    told = tuple(events)
    begun = [event.at_s for event in told if event.kind == "step" and event.data.get("step") == "fetch"]
    answered = marks(told).get("T7")
    return None if not begun or answered is None else round(answered - begun[0], 3)


def rpo_s(events: Iterable[Event]) -> float | None:
    """The worst of all databases that know a time of their rows; None if none does, or one's could not be told.

    So it is where a row is newer than the restore: whoever was restored beside it wrote that, and it hides the others.
    """
    told = tuple(events)
    ages = ages_s(told)
    asked = (event for event in told if event.kind == "newest" or event.data.get("what") == "newest")
    knowing = {str(event.data.get("store")) for event in asked}
    return max(ages.values(), default=None) if knowing == ages.keys() else None


def age_s(facts: Mapping[str, Json], events: Iterable[Event]) -> float | None:
    """How old the backup itself was when the restore was asked for; None if that cannot be told."""
    backup, asked_at = facts.get("backup"), _asked_at(events)
    try:
        begun = datetime.fromisoformat(str(backup.get("started") if isinstance(backup, dict) else None))
        age = (datetime.fromisoformat(asked_at) - begun).total_seconds()
    except (ValueError, TypeError):  # no time, one without a zone, or no restore
        return None
    return age if age >= 0 else None


def ages_s(events: Iterable[Event]) -> dict[str, float]:
    """How old the newest row of each database was when the restore was asked for, by the database's key."""
    told = tuple(events)
    asked_at = _asked_at(told)
    ages: dict[str, float] = {}
    for event in told:
        if event.kind == "newest" and asked_at:
            try:
                newest = datetime.fromisoformat(str(event.data.get("newest")))
                ages[str(event.data.get("store"))] = (datetime.fromisoformat(asked_at) - newest).total_seconds()
            except (ValueError, TypeError):  # no time, or one without a zone
                continue
    return {key: age for key, age in ages.items() if age >= 0}


def _asked_at(events: Iterable[Event]) -> str:
    """When the restore was asked for, by the wall clock; "" if it never was."""
    return next((event.at for event in events if event.kind == "mark" and event.data.get("mark") == "T4"), "")


def rows(parts: Mapping[str, Json]) -> int:
    """How many rows of users a digest has."""
    counts = (part.get("rows") for name, part in parts.items() if _OF_USERS.match(name) and isinstance(part, dict))
    return sum(count for count in counts if isinstance(count, int))


def _not_proved(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    try:
        bare = [each.place for each in databases(facts) if not each.fingerprint]
    except ValueError:
        bare = []
    age, objectives = age_s(facts, events), facts.get("objectives")
    if not (isinstance(objectives, dict) and objectives.get("age_s")):
        known_age = None if age is None else f"this one was {age / 3600:.1f} h old, and --age set no limit"
        yield f"that backups are still taken: {known_age or 'how old this one was cannot be told'}"
    if bare:
        yield f"that the data of {', '.join(bare)} are what they were (no fingerprint was taken with the backup)"
    backup = facts.get("backup")
    known = backup if isinstance(backup, dict) else {}
    if isinstance(others := known.get("others"), list) and others:
        yield f"that backups of these schedules come back: {', '.join(map(str, others))}"
    for name, why in _FILES.items():
        listed = known.get(name)
        if isinstance(listed, list) and listed:
            yield f"the files of {', '.join(map(str, listed))} ({why})"
    if isinstance(left := known.get("left_out"), list) and left:
        yield f"the namespaces {', '.join(map(str, left))} (of the cluster itself, so they were not restored)"
    there = "behind the fence" if "place" not in facts else "there"
    unready = [event.data.get("pods") for event in events if event.kind == "unready"]
    if unready and isinstance(unready[-1], list) and unready[-1]:
        yield f"that these pods work: {', '.join(map(str, unready[-1]))} (not Ready {there})"
    place = facts.get("place")
    if isinstance(place, dict):
        yield from _beside_others(place)
    yield "that the service takes writes"


def _beside_others(place: Mapping[str, Json]) -> Iterator[str]:
    """Of a proof in namespaces of a cluster of others."""
    network, left = place.get("network"), place.get("left_out")
    if isinstance(network, dict) and network.get("held") is True:
        yield "that nothing left the restored namespaces: a NetworkPolicy stopped what was tried, no more is known"
    else:
        yield "that nothing left the restored namespaces: nothing stopped them, as the configuration allows"
    if isinstance(left, list) and left:
        yield f"that these come back, which were left out beside others' work: {', '.join(map(str, left))}"
