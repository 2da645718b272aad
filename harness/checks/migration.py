"""What the checks of a migration judge: the target equals the source, and the source did not change."""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.check import RUN_AGAIN, Check, few, latest
from harness.checks.data import differences, differing
from harness.checks.proof import parts_of, read_databases, why_unread
from harness.checks.proof_metrics import Judged
from harness.checks.tool_messages import causes
from harness.core.json import at, items, keys, mapping, text
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class TargetEqualsSource(Check):
    """Every database of the target, on each member, equals the same one of the source when it was quiesced."""

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each database."""
        return tuple(self._judge(run, database) for database in read_databases(run))

    def _judge(self, run: Run, database: Judged) -> Finding:
        whose = (database.kind, database.place)
        before, after = (parts_of(run, when, database) for when in ("before", "after"))
        if not before:
            detail = "the source's data were not read when it was quiesced"
            return self.unknown(Reason.NoReference, detail, "run `drillproof migrate back`, and migrate again", *whose)
        if after is None:
            why = why_unread(run, "digest", database)
            detail = f"the target's data were not read: {why}"
            hint = "see its log in bundle/; `drillproof migrate back` returns to the source"
            return self.unknown(Reason.NotReadBack, detail, hint, *whose, causes=causes(why))
        if found := differences(before, after):
            hint = "do not resume the target; return to the source with `drillproof migrate back`"
            return differing(self, found, hint, *whose)
        return self.passed(f"{len(before)} parts equal the source when it was quiesced", *whose)


class SourceUnchanged(Check):
    """The source holds at the end what it held when it was quiesced, and is still quiesced: nothing writes to it."""

    name = "source-unchanged"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each database, and one for the quiesced writers."""
        return (self._quiesced(run), *(self._judge(run, database) for database in read_databases(run)))

    def _quiesced(self, run: Run) -> Finding:
        frozen = latest(run, "frozen")
        if frozen is None:
            return self.unknown(Reason.SourceNotQuiesced, "the source was never quiesced", "migrate again")
        if run.of("thawed"):
            detail = "the source was resumed before the migration was complete"
            return self.unknown(Reason.SourceResumed, detail, "migrate again, and leave the source quiesced")
        running = at(latest(run, "still-frozen"), "loose")
        if not isinstance(running, Mapping):
            detail = "whether the source's writers are still stopped is not recorded"
            return self.unknown(Reason.NotRecorded, detail, RUN_AGAIN)
        if running:
            detail = (
                f"writers of the source run again: {few(f'{name}: {text(running[name])}' for name in keys(running))}"
            )
            hint = "pause what starts them (GitOps, autoscalers) and migrate again: their writes are not at the target"
            return self.failed(Reason.SourceResumed, detail, hint, objects=keys(running))
        return self.passed(f"quiesced: {few(keys(frozen, 'writers'))}")

    def _judge(self, run: Run, database: Judged) -> Finding:
        whose = (database.kind, database.place)
        before, end = (parts_of(run, when, database) for when in ("before", "end"))
        if not before or end is None:
            why = why_unread(run, "source", database)
            hint = "compare source and target by hand, or migrate again"
            return self.unknown(
                Reason.SourceNotRead, f"was not read at the end: {why}", hint, *whose, causes=causes(why)
            )
        if found := differences(before, end):
            detail = f"the source was written to after it was quiesced: {few(each.detail for each in found)}"
            hint = "find the writer, name it with --writer, and migrate again: its writes are not at the target"
            parts, why_reasons = [each.part for each in found], [each.reason for each in found]
            return self.failed(Reason.SourceWritten, detail, hint, *whose, objects=parts, causes=why_reasons)
        return self.passed(f"{len(before)} parts of the source are unchanged since it was quiesced", *whose)


class EndsSeparate(Check):
    """Each database replicates only with pods of its own end: source and target did not join.

    A peer that was already foreign when the source was quiesced does not count.
    """

    name = "nothing-joined"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each database and end."""
        return tuple(self._judge(run, each, end) for end in ("source", "target") for each in read_databases(run))

    def _judge(self, run: Run, database: Judged, end: str) -> Finding:
        whose, pods = (database.kind, database.place), latest(run, "pods", where=end)
        addresses = at(pods, "addresses")
        peers = at(latest(run, "peers", where=end, store=database.key), "addresses")
        if not isinstance(addresses, Mapping) or not isinstance(peers, list):
            why = why_unread(run, "peers", database)
            detail, hint = f"its replication peers at the {end} are unknown: {why}", "see its log in bundle/"
            return self.unknown(Reason.PeersUnknown, detail, hint, *whose, objects=[end], causes=causes(why))
        before = items(latest(run, "peers", where="before", store=database.key), "addresses")
        accepted = set(map(str, before)) if end == "source" else set()
        namespace = str(mapping(pods).get("namespace"))
        foreign = sorted(peer for peer in set(map(str, peers)) - accepted if not _is_of(peer, addresses, namespace))
        if foreign:
            detail = f"at the {end} it replicates with foreign peers: {few(foreign)}"
            hint = "find where an address of the other end is configured, and isolate the two ends from each other"
            return self.failed(Reason.PeerUnexpected, detail, hint, *whose, objects=[end, *foreign])
        return self.passed(f"at the {end} all {len(peers)} peers are its own pods", *whose, objects=[end])


def _is_of(peer: str, pods: Mapping[str, Json], namespace: str) -> bool:
    """Whether a peer, by its address or its DNS name in the cluster, is one of a namespace's pods."""
    first, _, rest = peer.partition(".")
    named = first in pods or first.replace("-", ".") in pods.values()
    # SERVICE, or SERVICE.NAMESPACE and more: a name without a namespace resolves in the namespace of the client.
    where = rest.split(".")[1:2]
    return peer in pods.values() or (named and where in ([], [namespace]))
