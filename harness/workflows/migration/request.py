"""The options of a migration, checked before any cluster is asked."""

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.clusters.permissions_file import NAME, require_migration
from harness.core.errors import Misconfigured
from harness.core.model import Objectives
from harness.workflows.run_options import RunOptions

WRITER_KINDS = ("deployment", "statefulset", "cronjob")
"""What can be stopped: the first two by scaling to 0, the last by suspending it."""


@dataclass(frozen=True)
class Place:
    """One end of a migration."""

    context: str  # of the kubeconfig
    namespace: str

    @property
    def name(self) -> str:
        """For messages and reports."""
        return f"{self.namespace} of {self.context}"


@dataclass(frozen=True, kw_only=True)
class MigrationOptions(RunOptions):
    kubeconfig: Path
    source: Place
    target: Place
    storage_classes: Mapping[str, str] = field(default_factory=dict)  # the source's, with those that replace them
    writers: tuple[str, ...] = ()  # kind/name of what is stopped
    quiesce: str = ""  # a command that stops the other writers, split into words (see `argv`)
    resume: str = ""  # a command that starts them again
    databases: tuple[str, ...] = ()  # named by the user, in addition to the detected ones
    objectives: Objectives = field(default_factory=Objectives)


def options(
    *,
    source: str,
    target: str,
    namespace: str,
    to_namespace: str = "",
    kubeconfig: Path | None = None,
    config: Path | None = None,
    storage_classes: Sequence[str] = (),
    writers: Sequence[str] = (),
    quiesce: str = "",
    resume: str = "",
    databases: Sequence[str] = (),
) -> MigrationOptions:
    """The options of a migration. Misconfigured for the first invalid option."""
    for name, word in (("--namespace", namespace), ("--to-namespace", to_namespace or namespace)):
        if not NAME.fullmatch(word):
            raise Misconfigured(f"{name} must be the name of a namespace, not {word!r}")
    if bool(quiesce) != bool(resume):
        raise Misconfigured("--quiesce and --resume need each other: drillproof must be able to undo what it stops")
    argv("--quiesce", quiesce)
    argv("--resume", resume)
    require_migration((source, target), config)
    return MigrationOptions(
        kubeconfig=kubeconfig_of(kubeconfig),
        source=Place(source, namespace),
        target=Place(target, to_namespace or namespace),
        storage_classes=dict(map(_class, storage_classes)),
        writers=tuple(dict.fromkeys(map(_writer, writers))),
        quiesce=quiesce,
        resume=resume,
        databases=tuple(databases),
    )


_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\$`])*\"""")
_SHELL = re.compile(r"[|&;<>()$`*?\[~#\n]")


def argv(option: str, command: str) -> tuple[str, ...]:
    """The words of a command of the user, which no shell runs. Misconfigured if it needs one, or no such program."""
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise Misconfigured(f"{option} {command!r}: {str(error).lower()}") from error
    if found := _SHELL.search(_QUOTED.sub("", command)):
        raise Misconfigured(
            f"{option} {command!r} needs a shell (for {found[0]!r}), and drillproof runs it without one; "
            f"put it in a script and name that, or quote the character if it is meant as it is"
        )
    if words and not shutil.which(words[0]):
        raise Misconfigured(f"{option} {command!r}: there is no program {words[0]!r}; give its path")
    return words


def kubeconfig_of(named: Path | None) -> Path:
    """The kubeconfig that is named, otherwise that of kubectl. Misconfigured if it does not exist."""
    found = named or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not found.is_file():
        raise Misconfigured(f"there is no kubeconfig {found}; name one with --kubeconfig")
    return found


def _class(word: str) -> tuple[str, str]:
    old, equals, new = word.partition("=")
    if not (equals and old and new):
        raise Misconfigured(f"--storage-class {word!r}: write OLD=NEW")
    return old, new


def _writer(word: str) -> str:
    kind, slash, name = word.partition("/")
    if kind not in WRITER_KINDS or not slash or not name:
        raise Misconfigured(f"--writer {word!r}: write KIND/NAME, KIND one of {', '.join(WRITER_KINDS)}")
    return word
