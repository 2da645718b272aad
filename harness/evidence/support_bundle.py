"""The bundle: logs and objects of the cluster, collected on every exit path, without the drill's secrets."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.core.redaction import redact_bytes

MAX_BYTES = 100_000_000  # of the whole bundle: files beyond that are named and left out, the largest first


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
            except Exception as error:  # noqa: BLE001 # whatever it is, it must not hide why the drill ended, or other logs
                (folder / "not-collected.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
    finally:
        _bound(bundle)
        redact(bundle, secrets)


def redact(folder: Path, secrets: Iterable[str]) -> None:
    """Take each of `secrets`, however it is written, out of every file below `folder`.

    By lines, or as a whole if a secret has several lines.
    """
    unwanted = frozenset(secrets)
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        beside = path.with_name(f"{path.name}.redacted")
        with path.open("rb") as file, beside.open("wb") as clean:
            for line in [file.read()] if any("\n" in secret for secret in unwanted) else file:
                clean.write(redact_bytes(line, unwanted))
        beside.replace(path)


def _bound(bundle: Path) -> None:
    files = sorted((path for path in bundle.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    room, left_out = MAX_BYTES, []
    for path in files:
        room -= path.stat().st_size
        if room < 0:
            left_out.append(f"{path.relative_to(bundle)}: {path.stat().st_size} bytes")
            path.unlink()
    if left_out:
        (bundle / "left-out.txt").write_text("\n".join(left_out) + "\n", encoding="utf-8")
