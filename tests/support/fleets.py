"""Fleets with signed attempts, in a folder as the archive has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.campaigns.fleet import definition
from harness.campaigns.fleet.definition import Fleet
from harness.campaigns.fleet.status import Row, Status, status
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log
from harness.campaigns.schedule.attempt import Attempt
from harness.core.model import Verdict
from harness.evidence.signing import keys

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
HEAD = 'archive = "evidence/fleet"\narchive_endpoint = "http://127.0.0.1:9"\n'


def target(name: str, **more: str) -> str:
    """One target of a fleet.toml; `more` are its other keys, as TOML has them."""
    known = {"bucket": '"backups/shop"', "schedule": '"nightly"', "owner": '"shop"', **more}
    return "\n".join(["[[target]]", f'name = "{name}"', *(f"{key} = {value}" for key, value in known.items()), ""])


@dataclass
class Fleets:
    """A fleet and its archive, below a folder."""

    folder: Path
    key: keys.PrivateKey = field(default_factory=keys.fresh)
    text: str = HEAD
    heads: dict[str, dict[str, str]] = field(default_factory=dict)

    def write(self, *targets: str, head: str = HEAD) -> Fleet:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "fleet.toml").write_text(head + "\n".join(targets))
        return self.read()

    def read(self) -> Fleet:
        return definition.read(self.folder / "fleet.toml")

    def attempt(
        self,
        name: str,
        hours_ago: float,
        verdict: Verdict = Verdict.PASS,
        *,
        how: str = attempts.ENDED,
        figures: Mapping[str, float] | None = None,
        detail: str = "",
        identity: str | None = None,
        key: keys.PrivateKey | None = None,
        missed: str = "",
    ) -> Path:
        """Write an attempt that took three minutes; returns its file."""
        began = NOW - timedelta(hours=hours_ago)
        made = Attempt(
            name,
            f"{attempts.stamp(began)}-{len(list((self.folder / 'attempts' / name).glob('*'))):06x}",
            began,
            every_s=86400,
            ended=None if how == attempts.RUNNING else began + timedelta(minutes=3),
            how=how,
            verdict=verdict,
            detail=detail,
            missed=missed,
            target=self.read().target(name).identity if identity is None else identity,
            figures=figures if figures is not None else {"rto_s": 40.0, "rpo_s": 60.0},
            after=self.heads.get(name, {}),
        )
        data = attempt_log.save(self.folder / "attempts" / name, made, key or self.key)
        if how != attempts.RUNNING and not key:
            self.heads[name] = {made.file: hashlib.sha256(data).hexdigest()}
        return self.folder / "attempts" / name / made.file

    def status(self, now: datetime = NOW) -> Status:
        known = keys.believed(self.key)
        return status(self.read(), lambda name: attempt_log.files(self.folder / "attempts" / name), known, now=now)

    def row(self, name: str) -> Row:
        return next(row for row in self.status().rows if row.target.name == name)
