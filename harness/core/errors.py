"""What can go wrong with the harness itself, one class per decision the caller makes.

    HarnessError
      Misconfigured       the user can fix it; the message says how       exit 64
      ToolFailed          a command failed: argv, exit code, last lines   UNKNOWN
      TimedOut            waited for what, how long, what was last seen   UNKNOWN
      FaultHadNoEffect    injected, yet no damage was to be seen          UNKNOWN
      PlatformFailed      a node, the API server, the object store or the engine does not work  UNKNOWN
      Unreadable          evidence that is truncated, edited or foreign    UNKNOWN
      Interrupted         the user pressed Ctrl-C or sent SIGTERM         exit 130

A recovery that went badly is not among them: it is a Finding (see `harness.core.model`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.core.reason import Reason


class HarnessError(Exception):
    """Anything that keeps a drill from being judged. `reasons` and `objects` say the same for machines."""

    reasons: tuple[Reason, ...] = ()
    objects: tuple[str, ...] = ()


class Misconfigured(HarnessError):
    """The user asked for something impossible; the message says what to do instead."""


class ToolFailed(HarnessError):
    def __init__(self, argv: Sequence[str], exit_code: int, tail: str, about: tuple[str, ...] = ()) -> None:
        """`tail` is the last lines that the command printed; `about` names the one object that it concerned."""
        self.about = about
        self.exit_code = exit_code
        self.tail = tail.strip()
        command = " ".join([Path(argv[0]).name, *argv[1:]])[:300]
        super().__init__(f"`{command}` exited with {exit_code}: {self.tail or 'no output'}")


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
        self.reasons = tuple(reasons)
        self.objects = tuple(objects)
        self.waited_for = waited_for
        self.last_seen = last_seen
        super().__init__(f"waited {within_s:.0f} s for {waited_for}; last seen: {last_seen}")


class PlatformFailed(HarnessError):
    def __init__(self, message: str, reasons: Sequence[Reason], objects: Sequence[str]) -> None:
        """`objects` are the names of what does not work: `node drill-worker2`."""
        super().__init__(message)
        self.reasons, self.objects = tuple(reasons), tuple(objects)


class FaultHadNoEffect(HarnessError):
    """The fault was injected but left no damage, so the drill would prove nothing."""


class Unreadable(HarnessError):
    """A file of a run directory is missing, truncated, edited or foreign."""

    def __init__(self, path: Path, line: int, why: str, reason: Reason = Reason.EvidenceUnreadable) -> None:
        """`line` counts from 1; 0 when the file as a whole is meant."""
        self.reason = reason
        self.objects = (path.name, f"line {line}") if line else (path.name,)
        self.line = line
        super().__init__(f"{path}{f', line {line}' if line else ''}: {why}")


class Interrupted(HarnessError):
    """The user asked to stop."""
