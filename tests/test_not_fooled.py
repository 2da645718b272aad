"""Verdicts that could be fooled once: each of these came to PASS, or to no word at all, though something was wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sample_runs
import shop
from nightly import NAME, claim, copy, good, pod
from receiver import Receiver
from test_prove import OPTIONS, World, bare, red, told
from test_prove import prove as prove  # noqa: PLC0414 # a fixture
from test_prove_scripts import SCRIPTS, ask
from test_webhook import receiver as receiver  # noqa: PLC0414 # a fixture

from harness import cli, journal, judge, shell
from harness.applications.application import load
from harness.checks.data import DataIsEqual
from harness.errors import Misconfigured
from harness.evidence import story
from harness.evidence.equality import stores
from harness.matrix.table import all_drills, drilled, rows
from harness.model import Event, Json, Verdict
from harness.proof import rpo_s
from harness.prove import detect, record
from harness.prove.examine import Examiner, Garbled, lines, parts_of
from harness.rundir import Run, write_json
from harness.testing import MemoryStore, rehearse
from harness.testing import World as MemoryWorld
from harness.unattended import attempt as attempts
from harness.unattended import job as jobs
from harness.wait import NotYet, until

Prove = Callable[..., Path]

# ---------------------------------------------------------------- a drill


def test_a_member_that_cannot_be_read_again_after_the_restart_is_not_equal(tmp_path: Path) -> None:
    run = rehearse(tmp_path, world := MemoryWorld(), (MemoryStore("mysql", world),)).run
    events = list(journal.read(run / "journal.jsonl"))
    last = max(n for n, event in enumerate(events) if event.kind == "digest" and event.data["member"] == "mysql-1")
    said = {"what": "digest", "store": "mysql", "member": "mysql-1", "message": "OSError: connection refused"}
    events[last] = replace(events[last], kind="unread", data=said)
    (run / "journal.jsonl").unlink()
    journal.write(run / "journal.jsonl", events)
    found = {finding.member: finding for finding in DataIsEqual()(Run(run))}
    assert found["mysql-1"].verdict is Verdict.UNKNOWN
    assert "connection refused" in found["mysql-1"].detail
    assert found["mysql-0"].verdict is Verdict.PASS
    (shown,) = stores(story.read(run))
    assert [member.state for member in shown.members] == ["equal", "not comparable", "equal"]


@pytest.mark.parametrize("kind", ["mysql", "postgres", "consul"])
def test_an_exec_that_breaks_off_and_ends_with_0_is_no_answer_and_no_write(kind: str) -> None:
    database = detect.Database(kind, "shop", "db-0", "db", "named")
    world = World()
    world.says |= {"ready": "", "probe": ""}
    examiner = Examiner(world.kubectl, SCRIPTS)
    with pytest.raises(NotYet, match="cut off"):
        examiner.ready(database)
    with pytest.raises(Garbled, match="cut off"):
        examiner.probe(database)
