"""Runs the steps of a workflow in order, with the user's hooks, and records each in the journal."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from harness.clusters.platform_health import PlatformHealth
from harness.core import process, timeouts, wait
from harness.core.errors import HarnessError, PlatformFailed, TimedOut
from harness.core.reason import Reason
from harness.evidence.journal import Journal
from harness.workflows.run_options import Hook


class BrokeOff(HarnessError):
    """The recovery failed, and the journal says so; no further step makes sense."""


class Steps:
    def __init__(
        self,
        journal: Journal,
        hooks: Sequence[Hook],
        env: Mapping[str, str],
        ended: Callable[[], None] = lambda: None,
        platform: PlatformHealth | None = None,
        *,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """`env` is the environment of the hooks; it may change between steps. `ended` is called after each step.

        What fails of the `platform` ends the steps at once: no check may take that for a bad recovery. `look` is called
        during waits, too; what it raises ends the wait.
        """
        self._ended = ended
        self.now = ""
        self._journal = journal
        self._hooks = hooks
        self._platform = platform or PlatformHealth()
        self._look = look
        self.env = env

    def take(self, actions: Mapping[str, Callable[[], None]]) -> None:
        """Run all of them in order. Every error gets into the journal; only an interruption is raised."""
        try:
            with wait.watched(self._look_around):
                for self.now, act in actions.items():
                    self._take(act)
        except BrokeOff:
            self._journal.append("step", step=self.now, phase="failed")
        except PlatformFailed as error:
            self.broke(error)
        except HarnessError as error:
            try:
                self._platform.require()
            except PlatformFailed as why:
                self.broke(PlatformFailed(f"{why}; {error}", why.reasons, why.objects))
            else:
                self.broke(error)
        except BaseException as error:
            self.broke(error)
            raise

    def _look_around(self) -> None:
        self._platform.look()
        self._look()

    def _take(self, act: Callable[[], None]) -> None:
        self._journal.append("step", step=self.now, phase="start")
        self._run_hooks("before")
        act()
        self._run_hooks("after")
        self._journal.append("step", step=self.now, phase="end")
        self._ended()

    def fail(self, why: str, error: Exception | None = None, reasons: Sequence[Reason] = ()) -> NoReturn:
        """The recovery failed at this step, so no further step runs.

        The reason codes are those of a TimedOut, or `reasons` for a failure that is no error.
        """
        objects: Sequence[str] = ()
        if isinstance(error, TimedOut):
            reasons, objects = error.reasons, error.objects
        self._journal.append("recovery-failed", step=self.now, message=why, reasons=[*reasons], objects=[*objects])
        raise BrokeOff(why) from error

    def broke(self, error: BaseException) -> None:
        """Record an error of the drill itself, not of the recovery."""
        message = "interrupted by the user" if isinstance(error, KeyboardInterrupt) else str(error)
        seen = (error.reasons, error.objects) if isinstance(error, HarnessError) else ((), ())
        self._journal.append(
            "error",
            type=type(error).__name__,
            message=message,
            step=self.now,
            **{name: [*each] for name, each in zip(("reasons", "objects"), seen, strict=True) if each},
        )
        if self.now:
            self._journal.append("step", step=self.now, phase="failed")

    def _run_hooks(self, when: str) -> None:
        for hook in self._hooks:
            if (hook.when, hook.step) == (when, self.now):
                env = {**self.env, "DRILLPROOF_STEP": self.now}
                output = process.run(["/bin/sh", "-c", hook.command], within_s=timeouts.HOOK_S, env=env)
                printed = (output.stdout + output.stderr).strip()
                self._journal.append("note", text=f"hook {when} {hook.step}: {hook.command}: {printed[-2000:]}")
