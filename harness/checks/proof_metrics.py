"""The figures of a proof, and what it does not prove. Pure: from a run's facts and events.

Unlike in a drill nothing broke and no client wrote, and the former data are known only from fingerprints. So RTO and
RPO are defined differently, and what is not proved is listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from harness.checks.check import about, objects_of, texts
from harness.core.json import at, mapping, text
from harness.core.model import Event, Finding, Json
from harness.evidence.marks import marks

DEFINITIONS: Mapping[str, str] = {
    "PASS": "everything that was asked about the backup is proved; what is not proved is listed",
    "RTO": "from the first byte read from the bucket to the first answer of the last database",
    "RPO": "from the newest timestamp among the restored rows to the request of the restore: the most that a disaster "
    "at that moment would have lost",
}

EQUAL, SOUND = "equal", "sound"
"""What is asked: whether the data equal their fingerprints, or only whether the databases are sound."""

EXCLUSIONS: Mapping[str, Mapping[str, str]] = {
    "mysql": {
        "the next AUTO_INCREMENT of a table": "the server changes it by itself",
        "privileges": "the fingerprint has accounts and their passwords, not their grants",
        "foreign keys, CHECK constraints, parameters of routines, character sets and comments": "its "
        "definitions are columns with types and defaults, indexes, and the text of views, routines and triggers",
        "the values of MariaDB's sequences": "crash recovery advances them",
        "events, and the schemas of the server itself": "they hold no user data",
    },
    "postgres": {
        "the values of sequences": "crash recovery, which a copy of a running server needs, advances them",
        "privileges, policies, triggers and memberships of roles": "the fingerprint has roles and their "
        "passwords, not these",
        "defaults of columns, types, rules, extensions, publications, settings and comments": "its definitions "
        "are columns with types, indexes, constraints, and the text of views and functions",
        "large objects": "they belong to no table",
        "unlogged tables": "PostgreSQL empties them in crash recovery",
        "databases that allow no connections, and templates": "the first cannot be read; the others hold no user data",
    },
    "consul": {
        "all but the keys": "`consul kv export` has keys with values and flags; ACLs, services and config entries are "
        "in the snapshot that Consul inspects, not in the fingerprint",
    },
}
"""What no fingerprint contains, by kind of database, and why."""

_FILES = {
    "uncopied": "the backup has no copy of them",
    "elsewhere": "their copy is not in this bucket",
    "unread": "drillproof cannot read them; the backup tool reports them as restored",
}
"""Claims whose files are not proved, by their names in run.json, and why."""

_OF_USERS = re.compile(r"(.*: )?table |keys$")
"""The parts that hold user data; an empty database has the others, too."""


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

    def named(self, finding: Finding) -> Finding:
        """The finding, as that of this database."""
        return about(finding, self.kind, self.place)


def databases(facts: Mapping[str, Json]) -> tuple[Judged, ...]:
    """All databases by run.json, so that none can go missing. ValueError if it names none, or one twice."""
    found = tuple(map(_judged, objects_of(facts, "databases")))
    if not found or len({each.key for each in found}) < len(found):
        raise ValueError("run.json names no databases")
    return found


def _judged(each: Mapping[str, Json]) -> Judged:
    key, kind, place, fingerprint = (str(each.get(name) or "") for name in ("key", "kind", "place", "fingerprint"))
    return Judged(key, kind, place, fingerprint, copied=each.get("copied") is not False)


def asked(facts: Mapping[str, Json]) -> str:
    """What was asked: EQUAL, unless the user requested SOUND."""
    return SOUND if facts.get("asked") == SOUND else EQUAL


def not_proved(facts: Mapping[str, Json], events: Iterable[Event]) -> tuple[str, ...]:
    """What this proof does not prove, in words."""
    return tuple(_not_proved(facts, tuple(events)))


def rto_s(events: Iterable[Event]) -> float | None:
    """Seconds from the start of the fetch to the answer of the last database; None if one never answered."""
    seen = tuple(events)
    begun = [event.at_s for event in seen if event.kind == "step" and event.data.get("step") == "fetch"]
    answered = marks(seen).get("T7")
    return None if not begun or answered is None else round(answered - begun[0], 3)


def rpo_s(events: Iterable[Event]) -> float | None:
    """The worst of all databases with timestamps in their rows; None if there is none, or one could not be read.

    Also None where a row is newer than the restore: another restored program wrote it, and it hides the others.
    """
    seen = tuple(events)
    ages = ages_s(seen)
    asked = (event for event in seen if event.kind == "newest" or event.data.get("what") == "newest")
    knowing = {str(event.data.get("store")) for event in asked}
    return max(ages.values(), default=None) if knowing == ages.keys() else None


def age_s(facts: Mapping[str, Json], events: Iterable[Event]) -> float | None:
    """The age of the backup when the restore was requested, in seconds; None if unknown."""
    asked_at = _asked_at(events)
    try:
        begun = datetime.fromisoformat(text(facts, "backup", "started"))
        age = (datetime.fromisoformat(asked_at) - begun).total_seconds()
    except (ValueError, TypeError):  # no time, one without a zone, or no restore
        return None
    return age if age >= 0 else None


def ages_s(events: Iterable[Event]) -> dict[str, float]:
    """The age of each database's newest row when the restore was requested, in seconds, by the database's key."""
    seen = tuple(events)
    asked_at = _asked_at(seen)
    ages: dict[str, float] = {}
    for event in seen:
        if event.kind == "newest" and asked_at:
            try:
                newest = datetime.fromisoformat(str(event.data.get("newest")))
                ages[str(event.data.get("store"))] = (datetime.fromisoformat(asked_at) - newest).total_seconds()
            except (ValueError, TypeError):  # no time, or one without a zone
                continue
    return {key: age for key, age in ages.items() if age >= 0}


def _asked_at(events: Iterable[Event]) -> str:
    """When the restore was requested, by the wall clock; "" if it was not."""
    return next((event.at for event in events if event.kind == "mark" and event.data.get("mark") == "T4"), "")


def rows(parts: Mapping[str, Json]) -> int:
    """How many rows of user data a digest has."""
    counts = (part.get("rows") for name, part in parts.items() if _OF_USERS.match(name) and isinstance(part, dict))
    return sum(count for count in counts if isinstance(count, int))


def _not_proved(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    try:
        bare = [each.place for each in databases(facts) if not each.fingerprint]
    except ValueError:
        bare = []
    age, backup, place = age_s(facts, events), mapping(facts, "backup"), facts.get("place")
    if not at(facts, "objectives", "age_s"):
        known_age = None if age is None else f"this one is {age / 3600:.1f} h old, and --age set no limit"
        yield f"that backups are still taken: {known_age or 'the age of this one is unknown'}"
    if bare:
        yield f"that the data of {', '.join(bare)} are unchanged (no fingerprint was taken with the backup)"
    if others := texts(backup.get("others")):
        yield f"that backups of these schedules can be restored: {', '.join(others)}"
    for name, why in _FILES.items():
        if claims := texts(backup.get(name)):
            yield f"the files of {', '.join(claims)} ({why})"
    if namespaces := texts(backup.get("left_out")):
        yield f"the namespaces {', '.join(namespaces)} (they belong to the cluster itself and were not restored)"
    unready = [event.data.get("pods") for event in events if event.kind == "unready"]
    if unready and (pods := texts(unready[-1])):
        where = "" if "place" in facts else " in network isolation"
        yield f"that these pods work: {', '.join(pods)} (not Ready{where})"
    if isinstance(place, Mapping):
        yield from _on_shared_cluster(place)
    yield "that the service takes writes"


def _on_shared_cluster(place: Mapping[str, Json]) -> Iterator[str]:
    if at(place, "network", "held") is True:
        yield "that no packet left the restored namespaces: NetworkPolicies blocked the egress probe, no more is known"
    else:
        yield "that no packet left the restored namespaces: the configuration allows proofs without isolation"
    if skipped := texts(place.get("left_out")):
        yield f"that these can be restored, which a shared cluster does not allow: {', '.join(skipped)}"
