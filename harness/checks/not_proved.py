"""What a proof or a migration does not prove, in words. Pure: from a run's facts and events."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.checks.check import objects_of, texts
from harness.checks.proof_metrics import age_s, databases
from harness.core.json import at, mapping
from harness.core.model import Event, Json
from harness.evidence.run_directory import MOVE, PROOF

_OF_BACKUP: Mapping[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
"""What of a backup is not proved, by its name in run.json."""


def not_proved(facts: Mapping[str, Json], events: Sequence[Event]) -> list[str]:
    """What the run does not prove; nothing is listed for a drill, which proves what its scenario asks."""
    of_kind = {PROOF: _by_proof, MOVE: _by_migration}.get(str(facts.get("kind")))
    return list(of_kind(facts, events)) if of_kind else []


def _by_proof(facts: Mapping[str, Json], events: Sequence[Event]) -> Iterator[str]:
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
    yield from (said.format(", ".join(named)) for key, said in _OF_BACKUP.items() if (named := texts(backup.get(key))))
    yield from _not_ready(events, "" if "place" in facts else " in network isolation")
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


def _by_migration(facts: Mapping[str, Json], events: Sequence[Event]) -> Iterator[str]:
    if uncopied := texts(at(facts, "backup", "uncopied")):
        yield f"the files of {', '.join(uncopied)} (not annotated for the backup)"
    # The requested volumes of pods that are not databases are not read at the target.
    read = {each.get("pod") for each in objects_of(facts, "databases")}
    requested = [event.data for event in events if event.kind == "protected"][-1:]
    volumes = [each for data in requested for each in objects_of(data, "volumes") if each.get("pod") not in read]
    if unread := [f"{each.get('volume')} of {each.get('pod')}" for each in volumes]:
        yield _OF_BACKUP["unread"].format(", ".join(unread))
    yield from _not_ready(events)
    yield "what a fingerprint does not contain, and that the target takes writes (it is resumed later)"


def _not_ready(events: Sequence[Event], where: str = "") -> Iterator[str]:
    unready = [event.data.get("pods") for event in events if event.kind == "unready"]
    if unready and (pods := texts(unready[-1])):
        yield f"that these pods work: {', '.join(pods)} (not Ready{where})"
