"""Migrations between clusters that are stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from migrating import Side

from harness import reports
from harness.backups.velero import VeleroEngine
from harness.checks import judge
from harness.core.clock import Clock
from harness.core.kubernetes import Kubectl
from harness.evidence import run_directory as rundirs
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.workflows.migration import assembly
from harness.workflows.migration.inventory import OF_SOURCE, OF_TARGET, Inventory, take_inventory
from harness.workflows.migration.migration import End, Migration
from harness.workflows.migration.plan import MigrationPlan, plan
from harness.workflows.migration.quiesce import Quiescer
from harness.workflows.migration.request import MigrationOptions, Place

OPTIONS = MigrationOptions(
    kubeconfig=Path("kubeconfig"),
    source=Place("prod", "shop"),
    target=Place("new", "shop"),
    writers=("deployment/web", "cronjob/nightly"),
)


RENAMED = replace(OPTIONS, target=Place("new", "shop-new"), storage_classes={"fast": "slow"})


def planned(one: Side, other: Side, asked: MigrationOptions = OPTIONS) -> MigrationPlan:
    return plan(asked, *_inventories(one, other, asked))


def _inventories(one: Side, other: Side, asked: MigrationOptions) -> tuple[Inventory, Inventory]:
    return take_inventory(one.kubectl, asked.source, OF_SOURCE), take_inventory(other.kubectl, asked.target, OF_TARGET)


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """One migration; its run directory, judged and rendered."""
    monkeypatch.setattr("harness.core.wait._cancel", Impatient())

    def move(
        one: Side,
        other: Side,
        asked: MigrationOptions = RENAMED,
        line: Callable[[str], None] = lambda _: None,
        sign: Callable[[Path], None] = lambda _: None,
    ) -> Path:
        other.other, other.to = one, asked.target.namespace
        looked = assembly.Looked(*_inventories(one, other, asked), planned(one, other, asked))
        assert looked.plan.blockers == ()
        run = rundirs.create(tmp_path / "runs", "migrate", assembly._facts(asked, looked))
        journal = Journal(run / "journal.jsonl", Clock())
        journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
        journal.append("selftest", tier="rehearsed", noticed=1, missed=[], seconds=0.1)
        ends = end_of(one, asked.source, line), end_of(other, asked.target)
        try:
            databases, signs = looked.plan.databases, partial(sign, run)
            Migration(asked, *ends, databases, journal=journal, env={}, sign=signs).run()
        finally:
            journal.close()
            judge.recheck(run)
            reports.render(run)
        return run

    return move


class Impatient:
    """Waits for nothing, so that a deadline comes at once."""

    def wait(self, seconds: float) -> bool:
        return False


def end_of(side: Side, place: Place, line: Callable[[str], None] = lambda _: None) -> End:
    """One end of a migration; `line` runs the user's command."""
    quiescer = Quiescer(side.kubectl, place.namespace, line)
    return End(place, cast("Kubectl", side), cast("VeleroEngine", side), quiescer)
