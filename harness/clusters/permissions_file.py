"""Clusters of others in which the user allows drills: a small file, read strictly; what is not in it is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.backups.bucket_reader import credentials
from harness.backups.object_store import ObjectStore
from harness.core.errors import Misconfigured
from harness.core.toml import Keys

FILE = Path("drillproof.toml")
"""Where it is looked for if nobody names another."""

NAMESPACE = "drillproof-custos"

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""What objects may be called whose names are labels of DNS, as namespaces are."""

_BUCKET = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(/(?P<prefix>[^/].*))?")
_MIRROR = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]+)?")


@dataclass(frozen=True)
class Leave:
    """What the file says, its tables unread.

    Each is a leave of its own: what a drill makes is made up, and what a proof restores, or a move takes away, is not.
    """

    drills: Mapping[str, object]  # by context
    moves: tuple[str, ...]  # the contexts
    proofs: Mapping[str, object]  # by context

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read it. Misconfigured where it has something else."""
        top = Keys.of(file)
        found = cls(top.take("context", dict, {}), top.strings("migrate", []), top.take("prove", dict, {}))
        top.done()
        return found


@dataclass(frozen=True)
class Allowed:
    """One context, and what a drill may use there."""

    context: str
    namespace: str  # which drills make, and nothing but this
    velero: str  # Velero's own namespace
    location: str  # its BackupStorageLocation
    store: ObjectStore
    storage_class: str
    mirror: str  # a registry that has the images under their official names; "" for their own
    role: str  # the ClusterRole that a drill binds to itself inside its namespace


def allowed(context: str, config: Path | None) -> Allowed:
    """What the file says of a context. Misconfigured if there is none, or the context is not in it."""
    what = f"drills on the context {context}"
    file = named(config, what, "as docs/how-to/existing-cluster.md says")
    return _read(file, context, Keys(f'{file}, context "{context}"', one(file, Leave.of(file).drills, context, what)))


def named(config: Path | None, what: str, how: str) -> Path:
    """The file that there is. Misconfigured if there is none that allows `what`, with how to write one."""
    file = config or FILE
    if not file.is_file():
        raise Misconfigured(f"no file {file} allows {what}; write one {how}, or name it with --config")
    return file


def one(file: Path, listed: Mapping[str, object], context: str, what: str) -> object:
    """What is said of one context. Misconfigured if it is not listed."""
    if context not in listed:
        others = ", ".join(listed) or "none"
        raise Misconfigured(f"{file} does not allow {what}; it allows: {others}")
    return listed[context]


def may_move(contexts: tuple[str, ...], config: Path | None) -> None:
    """Misconfigured unless the file lists all of these under `migrate`: between those applications may be moved."""
    file = named(config, "any move", f"with `migrate = {list(contexts)}`")
    listed = Leave.of(file).moves
    if refused := [context for context in contexts if context not in listed]:
        others = ", ".join(listed) or "none"
        raise Misconfigured(f"{file} allows no move from or to {' or '.join(refused)}; `migrate` lists: {others}")


def _read(file: Path, context: str, keys: Keys) -> Allowed:
    bucket = _BUCKET.fullmatch(keys.take("bucket", str))
    if bucket is None:
        keys.fail("key `bucket` must be NAME or NAME/PREFIX")
    endpoint = keys.take("endpoint", str)
    if not re.fullmatch(r"https?://[^\s/]+/?", endpoint):
        keys.fail(f"key `endpoint` must be a URL, http(s)://HOST or HOST:PORT, not {endpoint!r}")
    known = credentials(file.parent / keys.take("credentials", str), os.environ)
    prefix = (bucket["prefix"] or "").strip("/")
    read = Allowed(
        context=context,
        namespace=_name(keys, "namespace", NAMESPACE),
        velero=_name(keys, "velero", "velero"),
        location=_name(keys, "location", "default"),
        store=ObjectStore(
            inside="",  # Velero there knows its own way
            outside=endpoint.rstrip("/"),
            bucket=bucket["name"],
            access_key=known.access_key,
            secret_key=known.secret_key,
            region=keys.take("region", str, "us-east-1"),
            folder=f"{prefix}/" if prefix else "",
        ),
        storage_class=keys.take("storage_class", str),
        mirror=mirror(keys),
        role=keys.take("role", str, "drillproof-inside"),
    )
    keys.done()
    return read


def _name(keys: Keys, key: str, default: str) -> str:
    name = keys.take(key, str, default)
    if not NAME.fullmatch(name):
        keys.fail(f"key `{key}` must be the name of a Kubernetes object, not {name!r}")
    return name


def mirror(keys: Keys) -> str:
    """A registry that has images under their official names; "" for their own."""
    found = keys.take("mirror", str, "")
    if found and not _MIRROR.fullmatch(found):
        keys.fail("key `mirror` must be HOST, HOST:PORT or HOST/PATH, without https://")
    return found
