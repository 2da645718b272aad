"""Whether the service works: its members are healthy, it takes writes, and people can log in."""

from collections.abc import Iterator
from dataclasses import replace

from harness.checks.check import about, check, failed, latest, passed, recorded, restarted_before, texts, unknown
from harness.checks.tool_messages import causes
from harness.core.json import at, items
from harness.core.model import Event, Finding
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


@check("members-healthy")
def members_healthy(run: Run) -> Iterator[Finding]:
    """Every member answers and replicates after the restore, as it did before the backup."""
    return (about(_health(run, store, member), store, member) for store, member in run.each_member())


def _health(run: Run, store: str, member: str) -> Finding:
    before = latest(run, "health", when="before", store=store, member=member) or {}
    after = latest(run, "health", when="after", store=store, member=member)
    if before.get("ok") is not True:
        return unknown(Reason.NotHealthyBefore, "was not seen healthy before the fault")
    if after is None:
        return unknown(Reason.NotReadBack, "was not queried after the restore")
    detail = str(after.get("detail"))
    if after.get("ok") is not True:
        reason, *others = recorded(after, "detail") or (Reason.MemberUnhealthy,)
        why, objects = (*others, *causes(detail)), texts(after.get("objects"))
        return failed(reason, detail, "see its log in bundle/", objects=objects, causes=why)
    if not after.get("identity"):
        return unknown(Reason.IdentityUnknown, "answered without its identity")
    return passed(f"{after.get('role')}: {detail}")


@check("new-write")
def new_write_committed(run: Run) -> Iterator[Finding]:
    """After the restore a new write was acknowledged, and every member of the store shows it."""
    return (about(_write(run, store, members), store) for store, members in run.members.items())


def _write(run: Run, store: str, members: tuple[str, ...]) -> Finding:
    write = latest(run, "write", store=store)
    if write is None:
        return unknown(Reason.WriteNotTried, "no new write was tried after the restore")
    if write.get("committed") is not True:
        return failed(Reason.WriteNotCommitted, f"the new write was not committed: {write.get('detail')}")
    if lacking := [member for member in members if member not in items(write, "seen_on")]:
        detail = f"the new write {write.get('n')} did not appear on {', '.join(lacking)}"
        return failed(Reason.WriteNotReplicated, detail, objects=lacking)
    return passed(f"write {write.get('n')} was committed and read on all {len(members)} members")


@check("login")
def login(run: Run) -> Iterator[Finding]:
    """A known user logs in to each service, after it restarted, and a wrong password is rejected.

    Tokens are signed with the same key as before, and a token from before the fault is still accepted. A realm that was
    created again lets the same user in, with other keys.
    """
    for service, store, pods in run.services:
        finding = _login(run, service, pods)
        yield about(replace(finding, objects=(service, *finding.objects)), store)


def _login(run: Run, service: str, pods: tuple[str, ...]) -> Finding:
    before, after = (run.of("login", when=when, service=service) for when in ("before", "after"))
    if not before or list(_wrong(before[-1], None)):
        return unknown(Reason.LoginNotSeenBefore, f"no login to {service} succeeded before the fault")
    if not after:
        return unknown(Reason.LoginNotTried, f"no login to {service} was tried after the restore")
    if wrong := list(_wrong(after[-1], before[-1])):
        first, *others = by_precedence(reason for reason, _ in wrong)
        detail = f"{service}: {'; '.join(said for _, said in wrong)}"
        return failed(first, detail, causes=others)
    if running := [pod for pod in pods if not restarted_before(run, pod, after[-1].seq)]:
        detail = f"{service} was not restarted before the login: {', '.join(running)}"
        hint = "drill again; a pod that kept running may answer from memory"
        return unknown(Reason.MemberNotRestarted, detail, hint, objects=running)
    return passed(
        f"{service}: the known user got a token, signed with the same key ({after[-1].data.get('signed_by')}); "
        f"a token from before is accepted; a wrong password is rejected"
    )


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
    old, new = (at(data, "keys", str(data.get("signed_by"))) for data in (before.data, said))
    if key != before.data.get("signed_by") or not old or old != new:
        detail = f"tokens are signed with key {key}; before it was {before.data.get('signed_by')}"
        yield Reason.SigningKeyChanged, detail
    if (earlier := said.get("earlier")) != "holds":
        rejected = Reason.TokenRejected if earlier else Reason.TokenNotTried
        yield rejected, f"a token from before the fault is not accepted: {earlier or 'it was not tried'}"
