"""What drills, proofs and migrations share around a run: its directory, journal, secrets, logs and cleanup."""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Generic, Self, TypeVar

from harness.clusters.environment import EnvironmentCluster
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.model import Event, Json, Verdict
from harness.core.redaction import redact_document
from harness.evidence import run_directory, support_bundle
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.workflows.progress import Progress
from harness.workflows.run_options import RunOptions

OptionsT = TypeVar("OptionsT", bound=RunOptions)

SelfTest = Callable[[], Mapping[str, Json]]
"""The in-memory self-test: how many mutations were detected, those that were missed, and how long it took."""


class Session(ABC, Generic[OptionsT]):
    """Makes runs one after the other. Each workflow has its own.

    A context manager: on the way out it removes the cluster, or releases it if the user wants to keep it.
    """

    def __init__(self, self_test: SelfTest) -> None:
        """Creates nothing yet. `self_test` runs once, before the first run; its result is evidence of every run."""
        self._self_test = self_test
        self._cluster: EnvironmentCluster | None = None
        self._keep = False
        self._hidden: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cluster and self._keep:
            self._cluster.release()
        elif self._cluster:
            self._cluster.down()

    @abstractmethod
    def drill(self, options: OptionsT, progress: Progress) -> Path:
        """Make one run, and return its directory, whose journal says how it went.

        Misconfigured if it is impossible; then nothing was created or changed.
        """

    def settle(self, run: Path, verdict: Verdict) -> None:  # only drills reuse a cluster
        """Take the verdict of the last run: it decides whether the next one may reuse the cluster."""

    def secrets(self) -> frozenset[str]:
        """What no file of a run may contain; with the object store's keys as soon as it exists."""
        keys: set[str] = set()
        with contextlib.suppress(HarnessError):
            if self._cluster:
                keys |= {self._cluster.store.access_key, self._cluster.store.secret_key}
        return frozenset(filter(None, self._hidden | keys))

    @contextlib.contextmanager
    def record(
        self, runs: Path, name: str, facts: Mapping[str, Json], on_event: Callable[[Event], None]
    ) -> Iterator[Journal]:
        """A new run directory with its journal, which is closed on every exit path."""
        # As the journal does: a user's command may have a password among its words.
        hooks = redact_document({"hooks": facts.get("hooks", [])}, self.secrets(), ("hooks.when", "hooks.step"))
        run = run_directory.create(runs, name, {**facts, **hooks})
        with contextlib.closing(Journal(run / "journal.jsonl", Clock(), on_event, self.secrets)) as journal:
            journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
            journal.append("selftest", tier="rehearsed", **self._self_test_result)
            yield journal

    @contextlib.contextmanager
    def collect(self, journal: Journal, logs: Mapping[str, Callable[[Path], None]]) -> Iterator[None]:
        """Collect the logs, and count what the network isolation stopped, on every exit path."""
        try:
            yield
        finally:
            support_bundle.collect(journal.path.parent / "bundle", logs, self.secrets())
            with contextlib.suppress(HarnessError):
                self.count_escapes(journal)

    def count_escapes(self, journal: Journal) -> None:
        """Record what the cluster's network isolation stopped and let through. HarnessError."""
        if self._cluster:
            counts = self._cluster.packet_counts()
            journal.append("fence", **({"there": False} if counts is None else asdict(counts)))

    @cached_property
    def _self_test_result(self) -> Mapping[str, Json]:
        return dict(self._self_test())


def hook_environment(kubeconfig: Path, run: Path, namespace: str, scenario: str, **more: str) -> dict[str, str]:
    """The environment of users' hooks, except the step."""
    return {
        "KUBECONFIG": str(kubeconfig.resolve()),
        "DRILLPROOF_RUN": str(run.resolve()),
        "DRILLPROOF_NAMESPACE": namespace,
        "DRILLPROOF_SCENARIO": scenario,
        **more,
    }


def with_program(program: Path) -> str:
    """The PATH on which a program is found first."""
    return f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
