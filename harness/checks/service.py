"""Whether the service works: its members are healthy, it takes writes, and people can log in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.checks.check import RUN_AGAIN, Check, latest, recorded, texts
from harness.checks.tool_messages import causes
from harness.core.json import at, items
from harness.core.model import Event, Finding, Json
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


class MembersHealthy(Check):
    """Every member answers and replicates after the restore, as it did before the backup."""

    name = "members-healthy"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each member, with what it reported as wrong."""
        return tuple(self._member(run, store, member) for store, member in run.each_member())

    def _member(self, run: Run, store: str, member: str) -> Finding:
        before = latest(run, "health", when="before", store=store, member=member) or {}
        after = latest(run, "health", when="after", store=store, member=member)
        if before.get("ok") is not True:
            detail, hint = "was not seen healthy before the fault", "repair it before the drill, and drill again"
            return self.unknown(Reason.NotHealthyBefore, detail, hint, store, member)
        if after is None:
            return self.unknown(Reason.NotReadBack, "was not queried after the restore", RUN_AGAIN, store, member)
        detail = str(after.get("detail"))
        if after.get("ok") is not True:
            reason, *others = recorded(after, "detail") or (Reason.MemberUnhealthy,)
            hint, why = "see its log in bundle/", (*others, *causes(detail))
            objects = texts(after.get("objects"))
            return self.failed(reason, detail, hint, store, member, objects=objects, causes=why)
        if not after.get("identity"):
            return self.unknown(Reason.IdentityUnknown, "answered without its identity", RUN_AGAIN, store, member)
        return self.passed(f"{after.get('role')}: {detail}", store, member)


class NewWriteCommitted(Check):
    """After the restore a new write was acknowledged, and every member shows it."""

    name = "new-write"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each store."""
        return tuple(self._store(run, store, members) for store, members in run.members.items())

    def _store(self, run: Run, store: str, members: tuple[str, ...]) -> Finding:
        write = latest(run, "write", store=store)
        if write is None:
            return self.unknown(Reason.WriteNotTried, "no new write was tried after the restore", RUN_AGAIN, store)
        if write.get("committed") is not True:
            detail, hint = f"the new write was not committed: {write.get('detail')}", "see its log in bundle/"
            return self.failed(Reason.WriteNotCommitted, detail, hint, store)
        if lacking := [member for member in members if member not in items(write, "seen_on")]:
            detail = f"the new write {write.get('n')} did not appear on {', '.join(lacking)}"
            hint = "check the replication of these members"
            return self.failed(Reason.WriteNotReplicated, detail, hint, store, objects=lacking)
        return self.passed(f"write {write.get('n')} was committed and read on all {len(members)} members", store)


class Login(Check):
    """A known user logs in, after the service restarted, and a wrong password is rejected.

    Tokens are signed with the same key as before, and a token from before the fault is still accepted. A realm that was
    created again lets the same user in, with other keys.
    """

    name = "login"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each service."""
        return tuple(self._service(run, *each) for each in run.services)

    def _service(self, run: Run, service: str, store: str, pods: tuple[str, ...]) -> Finding:
        before = run.of("login", when="before", service=service)
        after = run.of("login", when="after", service=service)
        if not before or list(_wrong(before[-1], None)):
            detail, hint = f"no login to {service} succeeded before the fault", "check the user and password, run again"
            return self.unknown(Reason.LoginNotSeenBefore, detail, hint, store, objects=[service])
        if not after:
            detail = f"no login to {service} was tried after the restore"
            return self.unknown(Reason.LoginNotTried, detail, RUN_AGAIN, store, objects=[service])
        if wrong := list(_wrong(after[-1], before[-1])):
            first, *others = by_precedence(reason for reason, _ in wrong)
            detail = f"{service}: {'; '.join(said for _, said in wrong)}"
            hint = "check that the service uses the restored database, and compare its tables with those before"
            return self.failed(first, detail, hint, store, objects=[service], causes=others)
        if running := [pod for pod in pods if not _restarted_before(run, pod, after[-1])]:
            detail = f"{service} was not restarted before the login: {', '.join(running)}"
            hint = "drill again; a pod that kept running may answer from memory"
            return self.unknown(Reason.MemberNotRestarted, detail, hint, store, objects=[service, *running])
        detail = (
            f"{service}: the known user got a token, signed with the same key ({after[-1].data.get('signed_by')}); "
            f"a token from before is accepted; a wrong password is rejected"
        )
        return self.passed(detail, store, objects=[service])


def _wrong(login: Event, before: Event | None) -> Iterator[tuple[Reason, str]]:
    """What is wrong with a login; with one after the restore, compared to the one `before`."""
    said, key = login.data, login.data.get("signed_by")
    if not key:
        yield Reason.NotLoggedIn, f"the known user got no token: {said.get('detail')}"
        return
    if (stranger := said.get("stranger")) != "refused":
        accepted = Reason.WrongPasswordAccepted if stranger == "let in" else Reason.WrongPasswordUnclear
        yield accepted, f"a wrong password was not rejected: {stranger}"
    if before is None:
        return
    old, new = _hash(before.data, before.data.get("signed_by")), _hash(said, key)
    if key != before.data.get("signed_by") or not old or old != new:
        detail = f"tokens are signed with key {key}; before it was {before.data.get('signed_by')}"
        yield Reason.SigningKeyChanged, detail
    if (earlier := said.get("earlier")) != "holds":
        rejected = Reason.TokenRejected if earlier else Reason.TokenNotTried
        yield rejected, f"a token from before the fault is not accepted: {earlier or 'it was not tried'}"


def _hash(login: Mapping[str, Json], key: Json) -> Json:
    return at(login, "keys", str(key))


def _restarted_before(run: Run, pod: str, login: Event) -> bool:
    restarts = run.of("restart", member=pod)
    data = restarts[-1].data if restarts else {}
    return bool(data.get("after")) and data.get("before") != data.get("after") and restarts[-1].seq < login.seq
