"""The docker command, bound to one engine. Everything that drillproof creates has its label."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.process import run

KIND_LABEL = "io.x-k8s.kind.cluster"
"""kind's label on its nodes; its value is the cluster's name."""

LABEL = "drillproof"
"""The label on containers, networks and volumes; its value is the cluster's name."""


@dataclass(frozen=True)
class Docker:
    """docker, bound to one engine by its environment."""

    binary: Path
    engine: Mapping[str, str]

    def __call__(
        self, *args: str, within_s: float = 60, check: bool = True, secrets: Mapping[str, str] | None = None
    ) -> str:
        """Run docker with `args`, return its trimmed output. `secrets` go by the environment, not by argv."""
        env = {**self.env, **(secrets or {})}
        return run([self.binary, *args], env=env, within_s=within_s, check=check).stdout.strip()

    @property
    def env(self) -> Mapping[str, str]:
        """What a program needs to find this docker and its engine."""
        path = f"{self.binary.parent}{os.pathsep}{self.engine.get('PATH', os.environ.get('PATH', ''))}"
        return {**self.engine, "PATH": path}

    def lines(self, *args: str) -> tuple[str, ...]:
        """The lines that a command prints."""
        return tuple(self(*args).splitlines())

    def label(self, kind: str, name: str) -> str | None:
        """The label's value on a container, network or volume: "" if it lacks the label, None if it does not exist."""
        labels = ".Config.Labels" if kind == "container" else ".Labels"
        template = f'{{{{with {labels}}}}}{{{{index . "{LABEL}"}}}}{{{{end}}}}'
        found = run(
            [self.binary, kind, "inspect", "--format", f"={template}", name], env=self.env, check=False, within_s=60
        )
        return found.stdout.strip().removeprefix("=") if found.exit_code == 0 else None
