"""What the checks of a migration judge: the target equals the source, and the source did not change."""

from collections.abc import Iterator, Mapping

from harness.checks.check import check, failed, few, latest, passed, unknown
from harness.checks.data import differences, differing
from harness.checks.proof import not_read, parts_of, read_databases
from harness.checks.proof_metrics import Judged
from harness.core.json import at, items, keys, mapping, text
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, Run


@check("data-equal", MOVE)
def target_equals_source(run: Run) -> Iterator[Finding]:
    """Every database of the target, on each member, equals the same one of the source when it was quiesced."""
    return (each.named(_target(run, each)) for each in read_databases(run))


def _target(run: Run, database: Judged) -> Finding:
    before, after = (parts_of(run, when, database) for when in ("before", "after"))
    if not before:
        detail = "the source's data were not read when it was quiesced"
        return unknown(Reason.NoReference, detail, "run `drillproof migrate back`, and migrate again")
    if after is None:
        hint = "see its log in bundle/; `drillproof migrate back` returns to the source"
        return not_read(run, "digest", database, Reason.NotReadBack, "the target's data were not read", hint=hint)
    if found := differences(before, after):
        return differing(found, "do not resume the target; return to the source with `drillproof migrate back`")
    return passed(f"{len(before)} parts equal the source when it was quiesced")


@check("source-unchanged", MOVE)
def source_unchanged(run: Run) -> Iterator[Finding]:
    """The source holds at the end what it held when it was quiesced, and is still quiesced: nothing writes to it.

    One finding for the quiesced writers, and one for each database.
    """
    yield _quiesced(run)
    yield from (each.named(_source(run, each)) for each in read_databases(run))


def _quiesced(run: Run) -> Finding:
    quiesced = latest(run, "frozen")
    if quiesced is None:
        return unknown(Reason.SourceNotQuiesced, "the source was never quiesced")
    if run.of("thawed"):
        detail = "the source was resumed before the migration was complete"
        return unknown(Reason.SourceResumed, detail, "migrate again, and leave the source quiesced")
    running = at(latest(run, "still-frozen"), "loose")
    if not isinstance(running, Mapping):
        return unknown(Reason.NotRecorded, "whether the source's writers are still stopped is not recorded")
    if running:
        detail = f"writers of the source run again: {few(f'{name}: {text(running[name])}' for name in keys(running))}"
        return failed(Reason.SourceResumed, detail, objects=keys(running))
    return passed(f"quiesced: {few(keys(quiesced, 'writers'))}")


def _source(run: Run, database: Judged) -> Finding:
    before, end = (parts_of(run, when, database) for when in ("before", "end"))
    if not before or end is None:
        return not_read(run, "source", database, Reason.SourceNotRead, "was not read at the end")
    if found := differences(before, end):
        detail = f"the source was written to after it was quiesced: {few(each.detail for each in found)}"
        parts, why_reasons = [each.part for each in found], [each.reason for each in found]
        return failed(Reason.SourceWritten, detail, objects=parts, causes=why_reasons)
    return passed(f"{len(before)} parts of the source are unchanged since it was quiesced")


@check("nothing-joined", MOVE)
def ends_separate(run: Run) -> Iterator[Finding]:
    """Each database replicates only with pods of its own end: source and target did not join.

    A peer that was already foreign when the source was quiesced does not count.
    """
    for end in ("source", "target"):
        yield from (each.named(_peers(run, each, end)) for each in read_databases(run))


def _peers(run: Run, database: Judged, end: str) -> Finding:
    pods = latest(run, "pods", where=end)
    addresses = at(pods, "addresses")
    peers = at(latest(run, "peers", where=end, store=database.key), "addresses")
    if not isinstance(addresses, Mapping) or not isinstance(peers, list):
        detail = f"its replication peers at the {end} are unknown"
        return not_read(run, "peers", database, Reason.PeersUnknown, detail, objects=[end])
    before = items(latest(run, "peers", where="before", store=database.key), "addresses")
    accepted = set(map(str, before)) if end == "source" else set()
    namespace = str(mapping(pods).get("namespace"))
    if foreign := sorted(p for p in set(map(str, peers)) - accepted if not _is_of(p, addresses, namespace)):
        detail = f"at the {end} it replicates with foreign peers: {few(foreign)}"
        return failed(Reason.PeerUnexpected, detail, objects=[end, *foreign])
    return passed(f"at the {end} all {len(peers)} peers are its own pods", objects=[end])


def _is_of(peer: str, pods: Mapping[str, Json], namespace: str) -> bool:
    """Whether a peer, by its address or its DNS name in the cluster, is one of a namespace's pods."""
    first, _, rest = peer.partition(".")
    named = first in pods or first.replace("-", ".") in pods.values()
    # SERVICE, or SERVICE.NAMESPACE and more: a name without a namespace resolves in the namespace of the client.
    where = rest.split(".")[1:2]
    return peer in pods.values() or (named and where in ([], [namespace]))
