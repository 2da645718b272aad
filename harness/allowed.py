"""Clusters of others in which the user allows drills: a small file, read strictly; what is not in it is refused."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.minio import ObjectStore
from harness.errors import Misconfigured
from harness.prove.source import credentials
from harness.strict_toml import Keys

FILE = Path("drillproof.toml")
"""Where it is looked for if nobody names another."""

NAMESPACE = "drillproof-custos"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_BUCKET = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(/(?P<prefix>[^/].*))?")
_MIRROR = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]+)?")


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
    file = config or FILE
    if not file.is_file():
        raise Misconfigured(
            f"no file {file} allows drills on the context {context}; write one as docs/existing.md says, "
            "or name it with --config"
        )
    top = Keys.of(file)
    top.take("migrate", list, [])
    top.take("prove", dict, {})
    contexts = top.take("context", dict)
    top.done()
    if context not in contexts:
        others = ", ".join(map(str, contexts)) or "none"
        raise Misconfigured(f"{file} does not allow drills on the context {context}; it allows: {others}")
    return _read(file, context, Keys(f'{file}, context "{context}"', contexts[context]))


def may_move(contexts: tuple[str, ...], config: Path | None) -> None:
    """Misconfigured unless the file lists every one of these under `migrate`: between those applications may be moved.

    That is another leave than the one to drill: what is drilled is ours, and what is moved is not.
    """
    file = config or FILE
    if not file.is_file():
        raise Misconfigured(
            f"no file {file} allows any move; write one with `migrate = {list(contexts)}`, or name it with --config"
        )
    top = Keys.of(file)
    top.take("context", dict, {})
    top.take("prove", dict, {})
    listed = top.strings("migrate")
    top.done()
    if refused := [context for context in contexts if context not in listed]:
        others = ", ".join(listed)
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
        mirror=keys.take("mirror", str, ""),
        role=keys.take("role", str, "drillproof-inside"),
    )
    if read.mirror and not _MIRROR.fullmatch(read.mirror):
        keys.fail("key `mirror` must be HOST, HOST:PORT or HOST/PATH, without https://")
    keys.done()
    return read


def _name(keys: Keys, key: str, default: str) -> str:
    name = keys.take(key, str, default)
    if not _NAME.fullmatch(name):
        keys.fail(f"key `{key}` must be the name of a Kubernetes object, not {name!r}")
    return name
