"""The way into an existing cluster, and what is left there untouched."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from harness.clusters.cleanup import PROCESSES
from harness.core import paths
from harness.core.errors import Misconfigured
from harness.core.json import text
from harness.core.kubernetes import Kubectl, Object, find_kubectl
from harness.core.process import run

ANSWER_S = 30.0
"""A cluster that is there answers within this."""


class OfOthers(Protocol):
    """A cluster that is there and not ours, in which only some namespaces are."""

    def take(self) -> None:
        """Keep others of this machine away from them. Misconfigured if one is there."""

    def down(self) -> None:
        """Remove what was made there, and nothing else."""


C = TypeVar("C", bound=OfOthers)


def enter(
    what: str, context: str, namespace: str, kubeconfig: Path | None, made: Callable[[Kubectl, Path], C]
) -> tuple[Path, C]:
    """kubectl, and the cluster of a context as `made` of what leads there, and of a folder; it is taken then.

    The folder is called for `what` is done in which `namespace` there.

    What leads to the cluster is copied, alone, to where no other drill is: so neither we nor a user's hook can come to
    another cluster by mistake, whatever becomes the current context meanwhile. Misconfigured if there is no such
    context.
    """
    program = find_kubectl()
    from_file = () if kubeconfig is None else (f"--kubeconfig={kubeconfig}",)
    known = run([program, *from_file, "config", "get-contexts", "--output=name"]).stdout.split()
    if context not in known:
        where = kubeconfig or os.environ.get("KUBECONFIG") or "the default kubeconfig"
        raise Misconfigured(f"{where} has no context {context}; it has: {', '.join(known) or 'none'}")
    home = paths.state() / f"{what}-{hashlib.sha256(repr((context, namespace)).encode()).hexdigest()[:12]}"
    file = home / "kubeconfig"
    there = made(Kubectl(program, file, context, home / PROCESSES), home)
    there.take()  # before the file is written, which another drill may be using
    alone = ("config", "view", "--minify", "--flatten", "--raw", f"--context={context}")
    home.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as copy:
        copy.write(run([program, *from_file, *alone]).stdout)
    return program, there


@contextlib.contextmanager
def left_alone(there: OfOthers) -> Iterator[None]:
    """If this does not come to a good end, nothing of ours is left there."""
    try:
        yield
    except BaseException:
        there.down()
        raise


def without_values(thing: Object) -> Object:
    """A Secret as it is, but for what it holds."""
    if text(thing, "kind") != "Secret":
        return thing
    held = ((key, values) for key in ("data", "stringData") if isinstance(values := thing.get(key), Mapping))
    return {**thing, **{key: dict.fromkeys(values, "...") for key, values in held}}
