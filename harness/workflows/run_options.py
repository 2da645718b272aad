"""The options that drills, proofs and migrations share, among them the user's commands at the steps of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from harness.core.choices import IMAGES, choose, cluster_name, registry
from harness.core.errors import Misconfigured
from harness.core.model import STEPS, Json


@dataclass(frozen=True)
class Hook:
    """One command of the user at one step."""

    when: str  # before, after
    step: str
    command: str


def parse_hooks(before: Sequence[str], after: Sequence[str], steps: Sequence[str] = STEPS) -> tuple[Hook, ...]:
    """Hooks from the options `--before STEP=CMD` and `--after STEP=CMD`. Misconfigured lists the valid steps."""
    hooks = []
    for when, texts in (("before", before), ("after", after)):
        for text in texts:
            step, equals, command = text.partition("=")
            if not equals or not command.strip():
                raise Misconfigured(f"--{when} {text!r}: write STEP=CMD, with one of the steps {', '.join(steps)}")
            hooks.append(Hook(when, choose("step", step, steps), command))
    return tuple(hooks)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    hooks: tuple[Hook, ...] = ()
    runs: Path = Path("reports/runs")
    key: Path | None = None  # the private key that signs; the user's own if None
    about: Mapping[str, Json] = field(default_factory=dict)  # what people say of the run before it


@dataclass(frozen=True, kw_only=True)
class NewClusterOptions(RunOptions):
    """The options of a run that can create its cluster. Misconfigured for an invalid one."""

    cluster: str  # its name
    keep: bool = False
    images: str = "auto"
    mirror: str | None = None

    def __post_init__(self) -> None:
        cluster_name(self.cluster)
        choose("source of images", self.images, IMAGES)
        if self.mirror is not None:
            registry(self.mirror)


class NewClusterWords(TypedDict, total=False):
    """What `NewClusterOptions` takes as the user says it."""

    runs: Path
    key: Path | None
    about: Mapping[str, Json]
    cluster: str
    keep: bool
    images: str
    mirror: str | None
