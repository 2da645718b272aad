"""kubectl that knows a backup's namespaces by the names that they have there, and no other namespace at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.errors import HarnessError
from harness.core.kubernetes import Kubectl

_OPTION = "--namespace="


@dataclass(frozen=True)
class Within:
    """So whoever asks for `shop`, as the backup calls it, gets what was restored of it, and never production's.

    Implements `harness.core.kubernetes.RunsKubectl`.
    """

    kubectl: Kubectl
    names: Mapping[str, str]  # what a namespace is called in the backup, and what there; the proof's own by its name

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run kubectl. HarnessError, and nothing is run, where another namespace is meant, or it is not said which."""
        beyond = any(arg in {"-n", "--namespace", "--all-namespaces", "-A"} for arg in _ours(args))
        if beyond or (not any(arg.startswith(_OPTION) for arg in _ours(args)) and args[:2] != ("get", "--raw")):
            raise HarnessError(f"a proof asks for one namespace of its own at a time, and not: {' '.join(args)[:200]}")
        end = len(_ours(args))
        return self.kubectl(*map(self._renamed, args[:end]), *args[end:], stdin=stdin, within_s=within_s)

    def of(self, namespace: str) -> str:
        """What a namespace is called there. HarnessError if it is none of this proof's."""
        if namespace not in self.names:
            raise HarnessError(f"the namespace {namespace} is none of this proof's")
        return self.names[namespace]

    def _renamed(self, arg: str) -> str:
        return f"{_OPTION}{self.of(arg.removeprefix(_OPTION))}" if arg.startswith(_OPTION) else arg


def _ours(args: tuple[str, ...]) -> tuple[str, ...]:
    """The words that kubectl itself reads; what comes after -- is for a pod."""
    return args[: args.index("--")] if "--" in args else args
