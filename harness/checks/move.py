"""Is the target what the source was? What is asked where an application was moved for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.checks.backup import copies, whole_report
from harness.checks.data import differences
from harness.checks.proof import few, parts_of, read_databases
from harness.model import DONE, Event, Finding, Json, Verdict
from harness.proof import Judged
from harness.rundir import Run

Said = tuple[Verdict, str, str]


class MoveIsCopied:
    """The tool called its backup whole, every hook ran, and every volume that a pod asks for was copied, every byte."""

    name = "backup-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for its hooks, one for each volume."""
        reports, asked = run.of("backup"), run.of("protected")
        if not reports or not asked:
            return (Finding(self.name, Verdict.UNKNOWN, "there is no record of a finished backup"),)
        report = reports[-1].data
        return (
            whole_report(self.name, "backup", report),
            self._hooks(asked[-1], report),
            *self._volumes(asked[-1], report),
        )

    def _hooks(self, asked: Event, report: Mapping[str, Json]) -> Finding:
        listed, ran, failed = asked.data.get("hooks"), report.get("hooks_attempted"), report.get("hooks_failed")
        if not isinstance(listed, dict) or not isinstance(ran, int):
            return Finding(self.name, Verdict.UNKNOWN, "how many hooks should run, or ran, was not noted")
        wanted = sum(count for count in listed.values() if isinstance(count, int))
        good = failed == 0 and ran >= wanted  # Velero may have been given hooks beside those of the pods
        verdict = Verdict.PASS if good else Verdict.FAIL
        return Finding(self.name, verdict, f"{wanted} hooks asked for, {ran} ran, {failed} failed")

    def _volumes(self, asked: Event, report: Mapping[str, Json]) -> Iterator[Finding]:
        made, listed = copies(report), asked.data.get("volumes")
        wanted = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if not wanted:
            yield Finding(self.name, Verdict.FAIL, "no volume was to be copied; nothing of the data is in the backup")
        for each in wanted:
            pod, volume = str(each.get("pod")), str(each.get("volume"))
            copy = made.get((pod, volume), {})
            done, total = copy.get("bytes_done"), copy.get("bytes_total")
            whole = copy.get("phase") == DONE and isinstance(done, int) and done == total
            detail = f"volume {volume}: {copy.get('phase') or 'not copied at all'}, {done} of {total} bytes"
            verdict = Verdict.PASS if whole else Verdict.FAIL
            yield Finding(self.name, verdict, f"{detail}. {copy.get('message') or ''}".rstrip(". "), member=pod)


class TargetEqualsSource:
    """Every database of the target, each member by itself, holds what the same one of the source held when frozen."""

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database."""
        return tuple(self._judge(run, database) for database in read_databases(run))

    def _judge(self, run: Run, database: Judged) -> Finding:
        before, after = (parts_of(run, when, database) for when in ("before", "after"))
        hint = ""
        if not before:
            verdict, detail = Verdict.UNKNOWN, "the source told nothing of its data when it was frozen"
        elif after is None:
            verdict, detail = (
                Verdict.UNKNOWN,
                f"the target told nothing of its data: {_unread(run, 'digest', database)}",
            )
        elif differ := differences(before, after):
            verdict, detail = Verdict.FAIL, few(differ)
            hint = "lost, altered or written at the target; do not let it go: `drillproof migrate back`"
        else:
            verdict, detail = Verdict.PASS, f"{len(before)} parts equal to what the source held when it was frozen"
        return Finding(self.name, verdict, detail, hint, database.kind, database.place)


class SourceStoodStill:
    """The source holds at the end what it held when it was frozen, and is frozen still: nobody writes there."""

    name = "source-unchanged"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database, and one for the freeze itself."""
        return (self._frozen(run), *(self._judge(run, database) for database in read_databases(run)))

    def _frozen(self, run: Run) -> Finding:
        if not run.of("frozen"):
            return Finding(self.name, Verdict.UNKNOWN, "the source was never frozen")
        if run.of("thawed"):
            return Finding(self.name, Verdict.UNKNOWN, "the source was let go again before the move was done")
        still = run.of("still-frozen")
        loose = still[-1].data.get("loose") if still else None
        if not isinstance(loose, dict):
            return Finding(self.name, Verdict.UNKNOWN, "nobody looked whether its writers are stopped still")
        if loose:
            hint = (
                "keep away what starts them (GitOps, an autoscaler), and move again: their writes are not at the target"
            )
            said = few([f"{writer}: {seen}" for writer, seen in sorted(loose.items())])
            return Finding(self.name, Verdict.FAIL, f"somebody let the source go again: {said}", hint)
        writers = run.of("frozen")[-1].data.get("writers")
        return Finding(self.name, Verdict.PASS, f"frozen: {few(sorted(writers) if isinstance(writers, dict) else [])}")

    def _judge(self, run: Run, database: Judged) -> Finding:
        before, end = (parts_of(run, when, database) for when in ("before", "end"))
        hint = ""
        if not before or end is None:
            verdict, detail = Verdict.UNKNOWN, f"was not read at the end: {_unread(run, 'source', database)}"
        elif differ := differences(before, end):
            verdict, detail = Verdict.FAIL, f"the source was written to since it was frozen: {few(differ)}"
            hint = "somebody still writes there, and those writes are not at the target: name that writer, move again"
        else:
            verdict, detail = Verdict.PASS, f"{len(before)} parts of the source are what they were when it was frozen"
        return Finding(self.name, verdict, detail, hint, database.kind, database.place)


class NothingJoined:
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
        hint = ""
        if not isinstance(known, dict) or not isinstance(seen, list):
            why = _unread(run, "peers", database)
            verdict, detail = Verdict.UNKNOWN, f"who replicates from it at the {where} is not known: {why}"
        elif strangers := sorted(each for each in set(map(str, seen)) - accepted if not _is_of(each, known, namespace)):
            verdict, detail = Verdict.FAIL, f"at the {where} it has peers that are no pods of it: {few(strangers)}"
            hint = "an address of the other end is written somewhere; fence the ends off from one another"
        else:
            verdict, detail = Verdict.PASS, f"at the {where} all {len(seen)} peers are pods of its own"
        return Finding(self.name, verdict, detail, hint, database.kind, database.place)


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
