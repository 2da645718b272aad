"""The docker command, bound to one engine. Everything that drillproof creates has its label."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import Misconfigured, ToolFailed
from harness.core.process import run

KIND_LABEL = "io.x-k8s.kind.cluster"
"""kind's label on its nodes; its value is the cluster's name."""

LABEL = "drillproof"
"""The label on containers, networks and volumes; its value is the cluster's name."""


@dataclass(frozen=True)
class Docker:
    binary: Path
    host: str = ""  # of the engine, as in DOCKER_HOST; "" where docker finds it by itself
    private: bool = False  # drillproof's own engine, not the machine's

    def __call__(self, *args: str | Path, within_s: float = 120, secrets: Mapping[str, str] | None = None) -> str:
        """Run docker with `args`, return its trimmed output. `secrets` go by the environment. ToolFailed, TimedOut."""
        return run([self.binary, *args], env={**self.env, **(secrets or {})}, within_s=within_s).stdout.strip()

    @property
    def env(self) -> Mapping[str, str]:
        """What a program needs to find this docker and its engine."""
        host = {"DOCKER_HOST": self.host} if self.host else {}
        return {**host, "PATH": f"{self.binary.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def lines(self, *args: str) -> tuple[str, ...]:
        return tuple(self(*args).splitlines())

    def image_id(self, image: str) -> str:
        """The engine's id of an image; "" if the engine has no such image."""
        with contextlib.suppress(ToolFailed):
            return self("image", "inspect", "--format={{.Id}}", image)
        return ""

    def label(self, kind: str, name: str) -> str | None:
        """The label's value on a container, network or volume: "" if it lacks the label, None if it does not exist."""
        labels = ".Config.Labels" if kind == "container" else ".Labels"
        template = f'{{{{with {labels}}}}}{{{{index . "{LABEL}"}}}}{{{{end}}}}'
        with contextlib.suppress(ToolFailed):
            return self(kind, "inspect", "--format", template, name)
        return None

    def require_ours(self, kind: str, name: str, cluster: str) -> None:
        """Misconfigured if a container, network or volume of this name exists that is not the cluster's."""
        if self.label(kind, name) not in {None, cluster}:
            raise Misconfigured(f"a {kind} {name} exists that drillproof did not create; remove it")

    @contextlib.contextmanager
    def container_of(self, image: str) -> Iterator[str]:
        """A container of an image, not started, whose files can be copied as long as the block lasts."""
        container = self("create", f"--label={LABEL}=images", image, "none")
        try:
            yield container
        finally:
            self("rm", "--force", container)
