"""Is the target what the source was? What is asked where an application was moved for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.checks.backup import copies, hook_reasons, not_copied, whole_report
from harness.checks.data import differences
from harness.checks.proof import Said, few, not_equal, parts_of, read_databases
from harness.checks.proof_metrics import Judged
from harness.checks.tool_messages import causes
from harness.core.model import Event, Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


class MigrationBackupComplete:
    """The tool called its backup whole, every hook ran, and every volume that a pod asks for was copied, every byte."""

    name = "backup-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for its hooks, one for each volume."""
        reports, asked = run.of("backup"), run.of("protected")
        if not reports or not asked:
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, "there is no record of a finished backup"),)
        report = reports[-1].data
        return (
            whole_report(self.name, "backup", report),
            self._hooks(asked[-1], report),
            *self._volumes(asked[-1], report),
        )

    def _hooks(self, asked: Event, report: Mapping[str, Json]) -> Finding:
        listed, ran, failed = asked.data.get("hooks"), report.get("hooks_attempted"), report.get("hooks_failed")
        if not isinstance(listed, dict) or not isinstance(ran, int):
            detail = "how many hooks should run, or ran, was not noted"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail)
        wanted = sum(count for count in listed.values() if isinstance(count, int))
        good = failed == 0 and ran >= wanted  # Velero may have been given hooks beside those of the pods
        verdict = Verdict.PASS if good else Verdict.FAIL
        wrong = hook_reasons(min(wanted, ran) if failed else wanted, ran, failed)
        reason, *others = (Reason.AsExpected,) if good else wrong
        detail = f"{wanted} hooks asked for, {ran} ran, {failed} failed"
        return Finding(self.name, verdict, reason, detail, causes=tuple(others))

    def _volumes(self, asked: Event, report: Mapping[str, Json]) -> Iterator[Finding]:
        made, listed = copies(report), asked.data.get("volumes")
        wanted = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if not wanted:
            detail = "no volume was to be copied; nothing of the data is in the backup"
            yield Finding(self.name, Verdict.FAIL, Reason.VolumeNotProtected, detail)
        for each in wanted:
            pod, volume = str(each.get("pod")), str(each.get("volume"))
            copy = made.get((pod, volume), {})
            done, total = copy.get("bytes_done"), copy.get("bytes_total")
            reason = not_copied(copy) if copy else Reason.VolumeNotBackedUp
            said = copy.get("message") or ""
            detail = f"volume {volume}: {copy.get('phase') or 'not copied at all'}, {done} of {total} bytes"
            yield Finding(
                self.name,
                Verdict.FAIL if reason else Verdict.PASS,
                reason or Reason.AsExpected,
                f"{detail}. {said}".rstrip(". "),
                member=pod,
                objects=(f"volume {volume}",),
                causes=causes(said) if reason else (),
            )


class TargetEqualsSource:
    """Every database of the target, each member by itself, holds what the same one of the source held when frozen."""

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database."""
        return tuple(self._judge(run, database) for database in read_databases(run))

    def _judge(self, run: Run, database: Judged) -> Finding:
        before, after = (parts_of(run, when, database) for when in ("before", "after"))
        if not before:
            detail = "the source told nothing of its data when it was frozen"
            said = Said(Verdict.UNKNOWN, (Reason.NoReference,), detail)
        elif after is None:
            why = _unread(run, "digest", database)
            detail = f"the target told nothing of its data: {why}"
            said = Said(Verdict.UNKNOWN, (Reason.NotReadBack, *causes(why)), detail)
        elif differ := differences(before, after):
            hint = "lost, altered or written at the target; do not let it go: `drillproof migrate back`"
            said = not_equal(differ, few([each.detail for each in differ]), hint)
        else:
            detail = f"{len(before)} parts equal to what the source held when it was frozen"
            said = Said(Verdict.PASS, (Reason.AsExpected,), detail)
        return said.of(self.name, database)


class SourceUnchanged:
    """The source holds at the end what it held when it was frozen, and is frozen still: nobody writes there."""

    name = "source-unchanged"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database, and one for the freeze itself."""
        return (self._frozen(run), *(self._judge(run, database) for database in read_databases(run)))

    def _frozen(self, run: Run) -> Finding:
        if not run.of("frozen"):
            return Finding(self.name, Verdict.UNKNOWN, Reason.SourceNotQuiesced, "the source was never frozen")
        if run.of("thawed"):
            return Finding(
                self.name,
                Verdict.UNKNOWN,
                Reason.SourceResumed,
                "the source was let go again before the move was done",
            )
        still = run.of("still-frozen")
        loose = still[-1].data.get("loose") if still else None
        if not isinstance(loose, dict):
            return Finding(
                self.name, Verdict.UNKNOWN, Reason.NotRecorded, "nobody looked whether its writers are stopped still"
            )
        if loose:
            hint = (
                "keep away what starts them (GitOps, an autoscaler), and move again: their writes are not at the target"
            )
            said = few([f"{writer}: {seen}" for writer, seen in sorted(loose.items())])
            detail, objects = f"somebody let the source go again: {said}", tuple(sorted(loose))
            return Finding(self.name, Verdict.FAIL, Reason.SourceResumed, detail, hint, objects=objects)
        writers = run.of("frozen")[-1].data.get("writers")
        detail = f"frozen: {few(sorted(writers) if isinstance(writers, dict) else [])}"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)

    def _judge(self, run: Run, database: Judged) -> Finding:
        before, end = (parts_of(run, when, database) for when in ("before", "end"))
        if not before or end is None:
            why = _unread(run, "source", database)
            detail = f"was not read at the end: {why}"
            said = Said(Verdict.UNKNOWN, (Reason.SourceNotRead, *causes(why)), detail)
        elif differ := differences(before, end):
            detail = f"the source was written to since it was frozen: {few([each.detail for each in differ])}"
            hint = "somebody still writes there, and those writes are not at the target: name that writer, move again"
            reasons = (Reason.SourceWritten, *by_precedence(each.reason for each in differ))
            said = Said(Verdict.FAIL, reasons, detail, hint, tuple(each.part for each in differ))
        else:
            detail = f"{len(before)} parts of the source are what they were when it was frozen"
            said = Said(Verdict.PASS, (Reason.AsExpected,), detail)
        return said.of(self.name, database)


class EndsSeparate:
    """Who replicates with a database is a pod of its own end: nothing of the target joined the source, or follows it.

    A stranger that was there when the source was frozen is none of the target's.
    """

    name = "nothing-joined"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database and end."""
        return tuple(
            self._judge(run, database, where) for where in ("source", "target") for database in read_databases(run)
        )

    def _judge(self, run: Run, database: Judged, where: str) -> Finding:
        pods, before, after = (
            run.of("pods", where=where),
            run.of("peers", where="before", store=database.key),
            run.of("peers", where=where, store=database.key),
        )
        known, old, seen = (each[-1].data.get("addresses") if each else None for each in (pods, before, after))
        namespace = str(pods[-1].data.get("namespace")) if pods else ""
        accepted = set(map(str, old)) if where == "source" and isinstance(old, list) else set()
        if not isinstance(known, dict) or not isinstance(seen, list):
            why = _unread(run, "peers", database)
            detail = f"who replicates from it at the {where} is not known: {why}"
            said = Said(Verdict.UNKNOWN, (Reason.PeersUnknown, *causes(why)), detail, objects=(where,))
        elif strangers := sorted(each for each in set(map(str, seen)) - accepted if not _is_of(each, known, namespace)):
            detail = f"at the {where} it has peers that are no pods of it: {few(strangers)}"
            hint = "an address of the other end is written somewhere; fence the ends off from one another"
            said = Said(Verdict.FAIL, (Reason.PeerUnexpected,), detail, hint, (where, *strangers))
        else:
            detail = f"at the {where} all {len(seen)} peers are pods of its own"
            said = Said(Verdict.PASS, (Reason.AsExpected,), detail, objects=(where,))
        return said.of(self.name, database)


def _is_of(peer: str, pods: Mapping[str, Json], namespace: str) -> bool:
    """Whether a peer, by its address or by a name that it has in the cluster, is one of a namespace's pods."""
    first, _, rest = peer.partition(".")
    named = first in pods or first.replace("-", ".") in pods.values()
    # SERVICE, or SERVICE.NAMESPACE and more: a name without a namespace leads to the one in which it is asked.
    where = rest.split(".")[1:2]
    return peer in pods.values() or (named and where in ([], [namespace]))


def _unread(run: Run, what: str, database: Judged) -> str:
    events = run.of("unread", what=what, store=database.key)
    return str(events[-1].data.get("message")) if events else "it was not asked"
