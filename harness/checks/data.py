"""Whether the data, the indexes and the objects around the databases are equal to those before."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.check import about, check, failed, few, latest, passed, texts, unknown
from harness.checks.tool_messages import causes
from harness.core.errors import Unreadable
from harness.core.json import at, integer, mapping
from harness.core.model import OWN, Finding, Json
from harness.core.reason import Reason, by_precedence, from_name
from harness.evidence.run_directory import Run

Parts = Mapping[str, Json]

_OF_ROWS = re.compile(rf"({OWN})?(.*: )?(table |kv |large objects$|keys$)")
"""The names of parts that are rows; all others are definitions, privileges, accounts or settings."""

_OF_OBJECTS = {Reason.PartMissing: Reason.ObjectMissing, Reason.PartUnexpected: Reason.ObjectUnexpected}


@dataclass(frozen=True)
class Difference:
    part: str
    reason: Reason
    detail: str


@check("data-equal")
def data_equal(run: Run) -> Iterator[Finding]:
    """Every part's digest after the restore equals its digest before, on every member, with nothing added.

    The known data are not written to between the two digests (the ledger is, and has its own check), so the digest
    before the backup is the digest at the recovery point. Before the fault all members must agree: otherwise there is
    no reference. A member's own parts (`harness.core.model.OWN`) are compared with the same member's before.
    Members are read before and after they are restarted. Every reading must be equal, and none may be missing: data in
    memory say nothing about data on disk. An answer counts only if the server identified itself as this member on the
    same connection.
    """
    for store, members in run.members.items():
        before = {member: _parts(run, "digest", "before", store, member) or {} for member in members}
        if odd := disagreeing(before):
            detail = f"the members did not agree before the fault (see {', '.join(odd)})"
            no_reference = unknown(Reason.NoReference, detail, objects=odd)
            yield from (about(no_reference, store, member) for member in members)
        else:
            yield from (about(_data(run, store, member, before[member]), store, member) for member in members)


def _data(run: Run, store: str, member: str, reference: Parts) -> Finding:
    if damaged := corrupted(run, "digest", store, member):
        return damaged
    readings = run.of("digest", when="after", store=store, member=member)
    if not readings:
        return unknown(Reason.NotReadBack, "was not read after the restore")
    for reading in (*run.of("digest", when="before", store=store, member=member)[-1:], *readings):
        if reading.data.get("answered_by") != member:
            return answered_by_another(reading.data.get("answered_by"), f"{reading.data.get('when')} the fault")
    for reading in readings:
        if found := differences(reference, mapping(reading.data, "parts")):
            return differing(found, "compare the named parts with the backup; data were lost or changed")
    if (missed := latest(run, "unread", what="digest", store=store, member=member)) is not None:
        message = missed.get("message")
        return unknown(Reason.ReadFailed, f"at least one read failed: {message}", causes=causes(message))
    rows = sum(integer(part, "rows") for part in reference.values())
    return passed(f"{len(reference)} parts, {rows} rows are equal")


@check("indexes-hold")
def indexes_consistent(run: Run) -> Iterator[Finding]:
    """Each index has exactly the entries that its table's rows require, on every member of a store with indexes.

    An index that lacks an entry gives wrong answers although all rows exist. Indexes are read after the members were
    restarted, since damage on disk does not show in memory.
    """
    for store in run.indexed:
        yield from (about(_indexes(run, store, member), store, member) for member in run.members[store])


def _indexes(run: Run, store: str, member: str) -> Finding:
    restarted = [event.seq for event in run.of("restart", member=member)]
    read = run.of("indexes", store=store, member=member)
    damaged = run.of("corrupt", what="indexes", store=store, member=member)
    if damaged or not read or read[-1].seq < max(restarted, default=0):
        return unread(run, "indexes", "its indexes were not compared with their tables", store, member)
    seen = read[-1].data
    held, wrong, who = seen.get("held"), seen.get("wrong"), seen.get("answered_by")
    if who != member:
        return answered_by_another(who, "for its indexes")
    if not isinstance(held, int) or held < 1 or not isinstance(wrong, Mapping):
        return unknown(Reason.IndexNotChecked, "no index was compared with its table")
    if not wrong:
        return passed(f"{held} indexes match their tables")
    # Runs from before reasons have only sentences.
    reasons = by_precedence(from_name(at(seen, "reasons", name)) or Reason.IndexDamaged for name in wrong)
    return failed(
        reasons[0],
        few(f"index {name} {what}" for name, what in wrong.items()),
        objects=[f"index {name}" for name in wrong],
        causes=(*reasons[1:], *causes([*wrong.values()])),
    )


@check("objects-equal")
def objects_equal(run: Run) -> Finding:
    """Every object of the namespace is as before, none is added, and every Service has the same pods.

    `harness/workloads/object_digest.toml` lists what may differ.
    """
    before, after = _parts(run, "objects", "before"), _parts(run, "objects", "after")
    if not before or after is None:
        when = "after the restore" if before else "before the fault"
        return unknown(Reason.NotReadBack, f"the objects of the namespace were not read {when}")
    if found := differences(before, after):
        first, last = (mapping(latest(run, "objects", when=when), "fields") for when in ("before", "after"))
        objects = [_of_object(each, mapping(first, each.part), mapping(last, each.part)) for each in found]
        return differing(objects, "compare them with the objects in bundle/, as they were at the end")
    return passed(f"{len(after)} objects are equal")


def _of_object(found: Difference, before: Parts, after: Parts) -> Difference:
    """A difference with the paths of the fields that differ; older runs recorded none."""
    if reason := _OF_OBJECTS.get(found.reason):
        return replace(found, reason=reason)
    fields = differing_fields(before, after)
    detail = " in ".join(filter(None, (f"{found.part} differs", few(fields, separator=", "))))
    return Difference(found.part, Reason.ObjectDiffers, detail)


def differing_fields(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The paths whose hashes differ: of a path and what is below it, only the path."""
    paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    # What has many fields is one: where it had few on the other side, the larger piece is enough.
    return [path for path in paths if not any(path.startswith((f"{each}.", f"{each}[")) for each in paths)]


def disagreeing(before: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """The members, of all by name with their parts, without parts before the fault, or other parts than the first.

    A member's own parts are left out.
    """
    shared = {
        member: {name: part for name, part in parts.items() if not name.startswith(OWN)}
        for member, parts in before.items()
    }
    reference = next(iter(shared.values()), {})
    return tuple(member for member, parts in shared.items() if not parts or parts != reference)


def differences(before: Parts, after: Parts) -> list[Difference]:
    changed = [part for part in before if part in after and after[part] != before[part]]
    return [
        *(_difference(part, integer(before[part], "rows"), integer(after[part], "rows")) for part in changed),
        *(Difference(part, Reason.PartMissing, f"{part} is missing") for part in before if part not in after),
        *(Difference(part, Reason.PartUnexpected, f"{part} was added") for part in after if part not in before),
    ]


def tables_as_before(run: Run, store: str, member: str) -> tuple[int, int]:
    """How many tables (of a key-value store: folders) with rows are as before on a member, and how many there were."""
    before, after = (_parts(run, "digest", when, store, member) for when in ("before", "after"))
    if not before or after is None:
        return 0, 0
    tables = [part for part, each in before.items() if _OF_ROWS.match(part) and integer(each, "rows")]
    return sum(after.get(part) == before[part] for part in tables), len(tables)


def _difference(part: str, rows: int, now: int) -> Difference:
    if not _OF_ROWS.match(part):
        reason = Reason.DefinitionDiffers
    elif now == rows:
        reason = Reason.RowsDiffer
    elif now > rows:
        reason = Reason.RowsUnexpected
    else:
        reason = Reason.RowsMissing if now else Reason.PartEmptied
    return Difference(part, reason, f"{part} differs ({rows} rows before, {now} after)")


def differing(found: Sequence[Difference], hint: str) -> Finding:
    """The FAIL of these differences: the first reason by precedence, the others as causes, and every part."""
    first, *others = by_precedence(each.reason for each in found)
    parts, detail = [each.part for each in found], few(each.detail for each in found)
    return failed(first, detail, hint, objects=parts, causes=others)


def corrupted(run: Run, what: str, store: str, member: str) -> Finding | None:
    """The FAIL of a member that reported damaged data when `what` was read; None if it did not."""
    damaged = latest(run, "corrupt", what=what, store=store, member=member)
    if damaged is None:
        return None
    message = damaged.get("message")
    return failed(
        Reason.DataCorrupted,
        f"reports that its data are damaged: {message}",
        objects=texts(damaged.get("objects")),
        causes=causes(message),
    )


def answered_by_another(server: Json, when: str) -> Finding:
    who = str(server or "nobody")
    return unknown(Reason.AnsweredByAnother, f"when it was queried {when}, {who} answered instead", objects=[who])


def unread(run: Run, what: str, why: str | Unreadable, store: str, member: str) -> Finding:
    """The finding of what was not read: FAIL if the member reported damage, else UNKNOWN with the reason `why`."""
    if damaged := corrupted(run, what, store, member):
        return damaged
    reason, objects = (why.reason, why.objects) if isinstance(why, Unreadable) else (Reason.NotReadBack, ())
    return unknown(reason, str(why), objects=objects)


def _parts(run: Run, kind: str, when: str, store: str = "", member: str = "") -> Parts | None:
    whose = {"store": store, "member": member} if store else {}
    parts = at(latest(run, kind, when=when, **whose), "parts")
    return parts if isinstance(parts, Mapping) else None
