"""A lock that is left behind in the repository, as a fault."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.ports import Target
from harness.core.wait import NotYet, until
from harness.faults.repository import LeaveLock

LOCKS = "restic/custos/locks/"


class NoSuchKey(Exception):
    """As S3 says it."""


@dataclass
class World:
    """A repository that a check locks for a moment: until its lock was looked at."""

    kept: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    locks: bool = True
    namespace: str = "custos"
    bucket: str = "b"
    read: int = 0
    missed: int = 0  # checks that are over before anybody has looked
    exceptions: Any = None

    def __post_init__(self) -> None:
        self.exceptions = type("Exceptions", (), {"NoSuchKey": NoSuchKey})

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "exec":
            assert args[-5:-2] == ("restic", "check", "--read-data")
            assert "daemonset/node-agent" in args, "Velero's server would soon remove a lock of its own"
            assert "--container=node-agent" in args
            assert args[-1] == "--repo=s3:http://store/b/restic/custos"
            assert stdin == "secret\n"
            if self.missed:
                self.missed -= 1
            elif self.locks:
                self._check()
            return "no errors were found"
        secret = {
            "metadata": {"name": "velero-repo-credentials"},
            "data": {"repository-password": base64.b64encode(b"secret").decode()},
        }
        if args[1] == "secrets":
            return json.dumps({"items": [secret]})
        urls = ("s3:http://store/older/restic/custos", f"s3:http://store/b/restic/{self.namespace}")
        return json.dumps({"items": [{"spec": {"resticIdentifier": url}} for url in urls]})

    def _check(self) -> None:
        self.kept[f"{LOCKS}1"] = (b"lock", {})

        def was_read() -> None:
            if not self.read:
                raise NotYet("nobody looked")

        until(was_read, waited_for="a look", within_s=5, every_s=0.01)
        del self.kept[f"{LOCKS}1"]

    def client(self) -> World:
        return self

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, list[dict[str, str]]]:  # noqa: N803 - boto's
        found = [{"Key": key} for key in sorted(self.kept) if key.startswith(Prefix)]
        return {"Contents": found} if found else {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, io.BytesIO]:  # noqa: N803 - boto's names
        body = io.BytesIO(self.kept[Key][0])
        self.read += 1
        return {"Body": body}

    def head_object(self, Bucket: str, Key: str) -> dict[str, dict[str, str]]:  # noqa: N803 - boto's names
        return {"Metadata": self.kept[Key][1]}

    def put_object(self, Bucket: str, Key: str, Body: bytes, Metadata: dict[str, str]) -> None:  # noqa: N803 - boto's
        self.kept[Key] = (Body, Metadata)

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803 - boto's names
        del self.kept[Key]

    def target(self) -> Target:
        return Target(*cast("Any", (self, "custos", (), self, None, {"locks": LOCKS})))


def test_a_real_lock_lies_there_when_its_holder_is_gone_and_is_taken_away_again() -> None:
    world = World()
    LeaveLock().inject(world.target())
    assert world.kept[f"{LOCKS}1"][0] == b"lock"
    assert LeaveLock().damage(world.target()) == {f"{LOCKS}1": "is a lock that no process holds"}
    world.kept[f"{LOCKS}2"] = (b"somebody else's", {})
    for _ in range(2):
        LeaveLock().undo(world.target())
        assert set(world.kept) == {f"{LOCKS}2"}


def test_a_check_that_was_over_too_soon_is_done_again() -> None:
    world = World(missed=2)
    LeaveLock().inject(world.target())
    assert not world.missed
    assert LeaveLock().damage(world.target())


def test_a_lock_that_somebody_holds_or_that_is_gone_is_no_damage() -> None:
    with pytest.raises(FaultHadNoEffect, match="lock"):
        LeaveLock().damage(World({f"{LOCKS}2": (b"held", {})}).target())


def test_without_a_repository_or_a_lock_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.05)
    with pytest.raises(FaultHadNoEffect, match="custos"):
        LeaveLock().inject(World(namespace="other").target())
    with pytest.raises(TimedOut, match="lock"):
        LeaveLock().inject(World(locks=False).target())
