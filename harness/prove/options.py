"""What a proof is asked to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.hooks import Hook
from harness.model import Objectives
from harness.prove.source import Credentials, Place


@dataclass(frozen=True)
class ProofOptions:
    """One proof as the user wants it; all words checked already."""

    place: Place
    credentials: Credentials
    backup: str  # its name, or `newest`
    schedule: str  # of which it is to be the newest; "" for all
    databases: tuple[str, ...]  # named by hand, beside those that are found
    asked: str  # see `harness.proof`
    objectives: Objectives
    age_s: float | None  # how old the backup may be
    hooks: tuple[Hook, ...]
    keep: bool
    images: str
    mirror: str | None
    runs: Path
    cluster: str
    key: Path | None = None  # the private key that signs; the user's own if None
    repository_password: str = field(default="", repr=False)  # "" for Velero's own
