"""What can go wrong with the harness itself, one class per decision that the caller makes.

A recovery that went badly is not among them: it is a Finding (see `harness.core.model`).
"""

from collections.abc import Sequence
from pathlib import Path

from harness.core.reason import Reason


class HarnessError(Exception):
    """Anything that keeps a drill from being judged: UNKNOWN. `reasons` and `objects` say the same for machines."""

    def __init__(self, message: str, reasons: Sequence[Reason] = (), objects: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons, self.objects = tuple(reasons), tuple(objects)


class Misconfigured(HarnessError):
    """The user asked for something impossible; the message says what to do instead. Exit code 64."""


class ToolFailed(HarnessError):
    def __init__(self, argv: Sequence[str], exit_code: int, tail: str, about: tuple[str, ...] = ()) -> None:
        """`tail` is the last lines that the command printed; `about` names the one object that it concerned."""
        self.about = about
        self.exit_code = exit_code
        self.tail = tail.strip()
        command = " ".join([Path(argv[0]).name, *argv[1:]])[:300]
        super().__init__(f"`{command}` exited with {exit_code}: {self.tail or 'no output'}")


class ApiFailed(ToolFailed):
    """The API server refused a request, or did not answer it."""

    def __init__(self, asked: str, why: str, status: int = 0, reason: str = "") -> None:
        """`asked` is the method and path; `status` is 0 where nothing was answered, `reason` the server's word."""
        super().__init__(["kubectl"], 1, why)
        self.args = (f"the API server was asked `{asked[:300]}`: {self.tail}",)
        self.asked, self.status, self.reason = asked, status, reason


class TimedOut(HarnessError):
    def __init__(
        self,
        waited_for: str,
        within_s: float,
        last_seen: str,
        reasons: Sequence[Reason] = (),
        objects: Sequence[str] = (),
    ) -> None:
        """`last_seen` is the final observation; `reasons` and `objects` say the same for machines."""
        super().__init__(f"waited {within_s:.0f} s for {waited_for}; last seen: {last_seen}", reasons, objects)
        self.waited_for = waited_for
        self.last_seen = last_seen


class PlatformFailed(HarnessError):
    """What is below the run does not work, and no fault broke it; `objects` names it: `node drill-worker2`."""


class FaultHadNoEffect(HarnessError):
    """The fault was injected but left no damage, so the drill would prove nothing."""


class Unreadable(HarnessError):
    """A file of a run directory is missing, truncated, edited or foreign."""

    def __init__(self, path: Path, why: str, reason: Reason = Reason.EvidenceUnreadable, *, line: int = 0) -> None:
        """`line` counts from 1; 0 when the file as a whole is meant."""
        objects = (path.name, f"line {line}") if line else (path.name,)
        super().__init__(f"{path}{f', line {line}' if line else ''}: {why}", objects=objects)
        self.reason = reason
        self.line = line


class Interrupted(HarnessError):
    """The user asked to stop, with Ctrl-C or SIGTERM. Exit code 130."""
