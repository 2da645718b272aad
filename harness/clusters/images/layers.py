"""Image layers and image archives, written as plain tar files: no daemon, no root, the same bytes each time."""

import fnmatch
import hashlib
import io
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from harness.clusters.images.versions import Image
from harness.core.errors import Misconfigured
from harness.core.json import items
from harness.core.model import Json
from harness.core.process import spawn

MERGED = ("bin", "sbin", "lib", "lib64")
"""Top folders that are links into /usr; packages of older suites still name files below them."""


@dataclass(frozen=True)
class Layer:
    """A finished layer: an uncompressed tar and its sha256."""

    path: Path
    digest: str


class LayerWriter:
    """Writes one layer; a context manager. Of two entries with one name, the first stays."""

    def __init__(self, path: Path, accounts: Mapping[str, int]) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 # closed by __exit__
        self._seen: set[str] = set()
        self._accounts = {"root": 0, **accounts}
        if accounts:
            self._write_accounts(accounts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def package(self, deb: Path, exclude: Sequence[str]) -> None:
        """The files of a Debian package, except those that match `exclude`; its scripts do not run."""
        with tempfile.TemporaryFile() as unpacked:
            with spawn(["dpkg-deb", "--fsys-tarfile", deb], output=unpacked) as process:
                if process.wait(600) != 0:
                    raise OSError(f"{deb} is not a Debian package")
            unpacked.seek(0)
            with tarfile.open(fileobj=unpacked) as tar:
                for member in tar:
                    member.name = _merged(member.name)
                    if member.name in MERGED or any(fnmatch.fnmatchcase(member.name, pattern) for pattern in exclude):
                        continue
                    if member.islnk():
                        member.linkname = _merged(member.linkname)
                    self._add(member, tar.extractfile(member) if member.isreg() else None)

    def tree(self, root: Path, to: str, owner: str) -> None:
        """Everything below a folder of this machine, below `to`; `owner` is an account of this layer."""
        for path in sorted(root.rglob("*")):
            inside = f"{to}/{path.relative_to(root)}"
            if path.is_dir():
                self.directory(inside, owner, 0o755)
            else:
                self.file(inside, path, path.stat().st_mode & 0o755, owner)

    def merge_usr(self) -> None:
        """The top folders that are links into /usr."""
        for top in MERGED:
            self.link(top, f"usr/{top}")

    def file(self, path: str, source: Path, mode: int, owner: str = "root") -> None:
        """A file of this machine; `owner` is an account of this layer."""
        with source.open("rb") as content:
            self._new(path, mode, owner, content, source.stat().st_size)

    def text(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self._new(path, mode, "root", io.BytesIO(content), len(content))

    def directory(self, path: str, owner: str, mode: int) -> None:
        """A folder; `owner` is an account of this layer."""
        self._new(path, mode, owner, None, 0)

    def link(self, path: str, target: str) -> None:
        member = tarfile.TarInfo(path.strip("/"))
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        self._add(member, None)

    def _new(self, path: str, mode: int, owner: str, content: IO[bytes] | None, size: int) -> None:
        """A file, or a folder if it has no content."""
        member = tarfile.TarInfo(_merged(path))
        member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
        member.size, member.mode, member.uid, member.gid = size, mode, self._accounts[owner], self._accounts[owner]
        self._add(member, content)

    def _add(self, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        """Add it with the folders above it, unless its name is taken: what comes first stays."""
        if member.name in {"", "."} or member.name in self._seen:
            return
        parent = posixpath.dirname(member.name)
        if parent and parent not in self._seen:
            self.directory(parent, "root", 0o755)
        self._seen.add(member.name)
        member.mtime, member.uname, member.gname, member.pax_headers = 0, "", "", {}
        self._tar.addfile(member, content)

    def _write_accounts(self, accounts: Mapping[str, int]) -> None:
        users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
        groups = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"
        for name, number in accounts.items():
            users += f"{name}:x:{number}:{number}::/var/lib/{name}:/bin/sh\n"
            groups += f"{name}:x:{number}:\n"
        self.text("/etc/passwd", users.encode())
        self.text("/etc/group", groups.encode())


def _merged(path: str) -> str:
    """`path` without its leading ./ or /, below /usr where its top folder is a link into it."""
    clean = posixpath.normpath(path).lstrip("/")
    top, slash, _ = clean.partition("/")
    return f"usr/{clean}" if slash and top in MERGED else clean


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class OciImage:
    """One image of an archive: its names, its layers from the bottom up, and how it runs (Docker's keys)."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    config: Mapping[str, Json] = field(default_factory=dict)


def write_archive(path: Path, entries: Iterable[OciImage], architecture: str) -> None:
    """Write the images as one archive that `docker load` and `ctr images import` read; shared layers once."""
    manifest: list[Json] = []
    written: set[str] = set()
    with tarfile.open(path, "w") as tar:
        for oci in entries:
            for layer in oci.layers:
                if layer.digest not in written:
                    written.add(layer.digest)
                    tar.add(layer.path, f"{layer.digest}.tar")
            config = json.dumps(
                {
                    "architecture": architecture,
                    "os": "linux",
                    "created": "1970-01-01T00:00:00Z",
                    "config": oci.config,
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in oci.layers]},
                    "history": [{"created_by": "drillproof"} for _ in oci.layers],
                },
                sort_keys=True,
            ).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            if name not in written:
                written.add(name)
                _add_text(tar, name, config)
            layers: list[Json] = [f"{layer.digest}.tar" for layer in oci.layers]
            manifest.append({"Config": name, "RepoTags": list(oci.names), "Layers": layers})
        _add_text(tar, "manifest.json", json.dumps(manifest).encode())


def _add_text(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def check_programs(image: Image, oci: OciImage) -> None:
    """Misconfigured unless the image has every program that our manifests need."""
    env = dict(entry.split("=", 1) for entry in map(str, items(oci.config, "Env")))
    folders = env.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":")
    found = {name for layer in oci.layers for name in _programs_of(layer.path)}
    for program in image.programs:
        places = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in folders]
        if not any(_merged(place) in found for place in places):
            raise Misconfigured(
                f"the image {image.ref} has no {program}, which drillproof's manifests need (images.{image.name} "
                f"in versions.toml); pin a tag that has it, or use --images build"
            )


def _programs_of(layer: Path) -> set[str]:
    with tarfile.open(layer) as tar:
        return {_merged(member.name) for member in tar if not member.isdir()}
