"""The bundle: logs and objects of the cluster, brought home on every exit path, without the drill's secrets."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.errors import HarnessError

REDACTED = b"[redacted]"


def collect(bundle: Path, sources: Mapping[str, Callable[[Path], None]], secrets: Iterable[str]) -> None:
    """Ask every source to write below `bundle`/<its name>, then take `secrets` out of all that was written.

    A source that fails leaves a note instead and keeps no other from being asked: part of the logs
    is better than none. OSError goes through where `bundle` itself cannot be written.
    """
    try:
        for name, source in sources.items():
            folder = bundle / name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                source(folder)
            except (HarnessError, OSError) as error:
                (folder / "not-collected.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
    finally:
        redact(bundle, secrets)


def redact(folder: Path, secrets: Iterable[str]) -> None:
    """Replace each of `secrets`, plain or in base64, in every file below `folder`; line by line, so of any size."""
    plain = [secret.encode() for secret in secrets if secret]
    forms = sorted({*plain, *map(base64.b64encode, plain)}, key=len, reverse=True)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            _redact(path, forms)


def _redact(path: Path, forms: Iterable[bytes]) -> None:
    beside = path.with_name(f"{path.name}.redacted")
    changed = False
    with path.open("rb") as file, beside.open("wb") as clean:
        for line in file:
            kept = line
            for form in forms:
                kept = kept.replace(form, REDACTED)
            changed = changed or kept != line
            clean.write(kept)
    if changed:
        beside.replace(path)
    else:
        beside.unlink()
