"""The files of a signed run, in its directory or in the bundle that an auditor gets. Verifying unpacks nothing.

A bundle is a zip file that holds the files of one run below one folder, so that any tool can open it.
"""

import hashlib
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from harness.core.errors import Unreadable

PLENTY = 16_000_000  # a file of a bundle that is no larger may be compressed by any ratio
RATIO = 200  # no larger file of a drill compresses to less than one in so many; one that does is a zip bomb
CHUNK = 1 << 20
BROKEN = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What reading a file may raise, besides Unreadable."""


class Directory:
    """A run directory: its files by their names relative to it. What cannot be one of ours raises Unreadable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> frozenset[str]:
        return frozenset(name for name, mode in self._walk() if stat.S_ISREG(mode))

    def odd(self) -> frozenset[str]:
        """Every link, pipe, socket and device below it; no link is followed."""
        return frozenset(name for name, mode in self._walk() if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode))

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self.path / name).open("rb")
        except OSError as error:
            raise Unreadable(self.path / name, f"{error.strerror}") from error

    def _walk(self) -> Iterator[tuple[str, int]]:
        def refuse(error: OSError) -> None:
            raise Unreadable(Path(error.filename), f"{error.strerror}") from error

        for folder, folders, files in os.walk(self.path, onerror=refuse):
            for path in (Path(folder) / name for name in (*folders, *files)):
                yield path.relative_to(self.path).as_posix(), path.lstat().st_mode


class Bundle:
    """A bundle, open for reading, with the same methods as a `Directory`."""

    def __init__(self, path: Path) -> None:
        """Unreadable if it is no zip file, or holds what no bundle of ours does."""
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable(path, f"is no bundle of drillproof: {error}") from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._folder = ""
        for member in self._zip.infolist():
            self._add(member)

    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def odd(self) -> frozenset[str]:
        """Nothing: such a bundle was refused."""
        return frozenset()

    def open(self, name: str) -> IO[bytes]:
        """Read a file. What is broken in it raises as late as when it is read (see `BROKEN`)."""
        try:
            return self._zip.open(self._members[name])
        except (*BROKEN, KeyError, ValueError) as error:
            raise Unreadable(self.path, f"{name} cannot be read: {error}") from error

    def unpack(self, run: Path) -> None:
        """Write the files of a bundle that was verified into the new folder `run`. Unreadable names a broken one."""
        for name in sorted(self._members):
            into = run / name
            into.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self.open(name) as file, into.open("xb") as written:
                    shutil.copyfileobj(file, written, CHUNK)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise Unreadable(self.path, f"{name} cannot be read: {error}") from error

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        folder, _, rest = name.partition("/")
        if not clean(name) or not rest or folder != (self._folder or folder):
            raise Unreadable(self.path, f"holds {name!r}, which is no file below the one folder of a run")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in {0, stat.S_IFREG}:
            raise Unreadable(self.path, f"holds {name!r}, which is no plain file")
        if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Unreadable(self.path, f"holds {name!r} in a form that no bundle of ours has")
        if member.file_size > max(PLENTY, RATIO * member.compress_size):
            raise Unreadable(self.path, f"holds {name!r}, which unpacks to {member.file_size} bytes; it is a trap")
        if rest in self._members:
            raise Unreadable(self.path, f"holds {name!r} twice")
        self._folder = folder
        self._members[rest] = member


Files = Directory | Bundle


def clean(name: str) -> bool:
    """Whether `name` is a relative path that stays where it is put, written in the one way there is to write it."""
    parts = PurePosixPath(name).parts
    return bool(parts) and "/".join(parts) == name and ".." not in parts and not {"\\", "\0"} & set(name)


def digest(files: Files, name: str) -> str:
    """SHA-256 of a file, read in a stream. Unreadable names it."""
    sha256 = hashlib.sha256()
    try:
        with files.open(name) as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
    except BROKEN as error:
        raise Unreadable(files.path, f"{name} cannot be read: {error}") from error
    return sha256.hexdigest()
