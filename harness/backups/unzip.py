"""Unpacks zipped files of a bucket, bounded: what is small there can unpack to more than this machine holds."""

import gzip
import io
import tarfile
from collections.abc import Iterator

from harness.core.json import values_in

MAX_BYTES = 32_000_000
"""Of a list or an object, unpacked. An object that Kubernetes takes has less than 2 MB; a list, some kB a volume."""

MAX_VALUES = 4_000_000
"""Of the JSON that is read from one archive: some 100 bytes of memory each."""

_HEADERS = 2_000_000
"""Bytes before a file of an archive: its headers, which tarfile reads as a whole, and what is read ahead."""


class Values:
    """Counts the values of JSON texts before they are read."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def counted(self, text: bytes) -> bytes:
        """The same text. ValueError if there were too many values up to now."""
        self._left -= values_in(text)
        if self._left < 0:
            raise ValueError(f"it has more than {MAX_VALUES:,} values")
        return text


def unzip(data: bytes, most: int = MAX_BYTES) -> bytes:
    """What a gzip file holds. ValueError if that is more than `most` bytes."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise ValueError(f"it unpacks to more than {most / 1e6:.0f} MB")
    return found


def members(data: bytes, most: int = 2_000_000_000) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Each entry of a zipped archive, to be read before the next one. ValueError if it unpacks to more than `most`."""
    bounded = _Bounded(data, most)
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        for member in archive:
            archive.members.clear()  # type: ignore[attr-defined] # keeps every entry; the stubs do not have it
            bounded.allow(member.size)
            yield archive, member


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """What an entry holds; nothing if it is no file. ValueError if that is too much."""
    if member.size > MAX_BYTES:
        raise ValueError(f"{member.name} has {member.size / 1e6:.0f} MB, and at most {MAX_BYTES / 1e6:.0f} MB are read")
    file = archive.extractfile(member)
    return file.read() if file else b""


class _Bounded(io.RawIOBase):
    """A gzip file that fails when more is read than the entries of its archive have."""

    def __init__(self, data: bytes, most: int) -> None:
        self._file = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._left, self._entry = most, _HEADERS

    def allow(self, size: int) -> None:
        """Let the entry that comes be read."""
        self._entry = size + _HEADERS

    def read(self, size: int = -1, /) -> bytes:
        found = self._file.read(size)
        self._left -= len(found)
        self._entry -= len(found)
        if self._left < 0 or self._entry < 0:
            raise ValueError("it unpacks to more than an archive of Kubernetes objects has")
        return found
