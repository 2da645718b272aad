"""The user's commands at the steps of a run: `--before STEP=CMD` and `--after STEP=CMD`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core import process, timeouts
from harness.core.errors import Misconfigured
from harness.core.model import STEPS


@dataclass(frozen=True)
class Hook:
    """One command at one step."""

    when: str  # before, after
    step: str
    command: str


def parse(when: str, texts: Sequence[str], steps: Sequence[str] = STEPS) -> tuple[Hook, ...]:
    """Hooks from the options. Misconfigured lists the valid steps."""
    hooks = []
    for text in texts:
        step, equals, command = text.partition("=")
        if step not in steps or not equals or not command.strip():
            raise Misconfigured(f"--{when} {text!r}: write STEP=CMD, with one of the steps {', '.join(steps)}")
        hooks.append(Hook(when, step, command))
    return tuple(hooks)


def run(hook: Hook, env: Mapping[str, str]) -> str:
    """Run one hook in a shell, and return its output."""
    output = process.run(["/bin/sh", "-c", hook.command], within_s=timeouts.HOOK_S, env=env)
    return (output.stdout + output.stderr).strip()
