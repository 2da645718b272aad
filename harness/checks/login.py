"""Can people log in again?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.core.model import Event, Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


class LoginWorks:
    """A known user logs in, to a service that was started anew, and is who they were.

    The token is signed by the very key that signed before, so that whoever was told to trust that key still does, and
    a token from before the disaster still holds by the keys of after it. A wrong password is refused. A realm that
    somebody made anew lets the same user in, and has other keys.
    """

    name = "login"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a service; none where nothing is there to log in to."""
        return tuple(self._service(run, *each) for each in run.services)

    def _service(self, run: Run, service: str, store: str, pods: tuple[str, ...]) -> Finding:
        verdict, reasons, detail, hint, remembered = _judged(run, service, pods)
        objects = (service, *remembered)
        return Finding(self.name, verdict, reasons[0], detail, hint, store, "", objects, reasons[1:])


def _judged(
    run: Run, service: str, pods: tuple[str, ...]
) -> tuple[Verdict, tuple[Reason, ...], str, str, tuple[str, ...]]:
    """The verdict, its reasons, detail and hint, and the pods that may have answered from memory."""
    before = run.of("login", when="before", service=service)
    after = run.of("login", when="after", service=service)
    if not before or list(_wrong(before[-1], None)):
        detail = f"nobody was seen to log in to {service} before the fault"
        return Verdict.UNKNOWN, (Reason.LoginNotSeenBefore,), detail, "", ()
    if not after:
        detail = f"nobody tried to log in to {service} after the restore"
        return Verdict.UNKNOWN, (Reason.LoginNotTried,), detail, "", ()
    remembered = [pod for pod in pods if not _was_asked_anew(run, pod, after[-1])]
    if wrong := list(_wrong(after[-1], before[-1])):
        hint = "a service that runs on data that are not its own looks well: hold its tables against those of before"
        reasons = by_precedence(reason for reason, _ in wrong)
        return Verdict.FAIL, reasons, f"{service}: {'; '.join(said for _, said in wrong)}", hint, ()
    if remembered:
        hint = "it may have answered from memory"
        detail = f"{service} was not started anew before the login: {', '.join(remembered)}"
        return Verdict.UNKNOWN, (Reason.MemberNotRestarted,), detail, hint, tuple(remembered)
    detail = (
        f"{service}: the known user got a token, signed by the key of before ({after[-1].data.get('signed_by')}); "
        f"a token from before holds; a wrong password was refused"
    )
    return Verdict.PASS, (Reason.AsExpected,), detail, "", ()


def _wrong(login: Event, before: Event | None) -> Iterator[tuple[Reason, str]]:
    """What is wrong with a login; with one of after the restore, against the one `before`."""
    said, key = login.data, login.data.get("signed_by")
    if not key:
        yield Reason.NotLoggedIn, f"the known user got no token: {said.get('detail')}"
        return
    if (stranger := said.get("stranger")) != "refused":
        accepted = Reason.WrongPasswordAccepted if stranger == "let in" else Reason.WrongPasswordUnclear
        yield accepted, f"a wrong password was not refused: {stranger}"
    if before is None:
        return
    old, new = _hash(before, before.data.get("signed_by")), _hash(login, key)
    if key != before.data.get("signed_by") or not old or old != new:
        detail = f"tokens are signed by the key {key}, and were by {before.data.get('signed_by')}"
        yield Reason.SigningKeyChanged, detail
    if (earlier := said.get("earlier")) != "holds":
        rejected = Reason.TokenRejected if earlier else Reason.TokenNotTried
        yield rejected, f"a token from before is worth nothing: {earlier or 'it was not tried'}"


def _hash(login: Event, key: Json) -> Json:
    keys = login.data.get("keys")
    return keys.get(str(key)) if isinstance(keys, Mapping) else None


def _was_asked_anew(run: Run, pod: str, login: Event) -> bool:
    restarts = run.of("restart", member=pod)
    data = restarts[-1].data if restarts else {}
    return bool(data.get("after")) and data.get("before") != data.get("after") and restarts[-1].seq < login.seq
