"""drillproof.toml: on which existing clusters the user allows drills, proofs and migrations; nothing else is."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from harness.backups.bucket_reader import read_credentials
from harness.backups.object_store import ObjectStore
from harness.core.errors import Misconfigured
from harness.core.toml import Keys

FILE = Path("drillproof.toml")
"""The file, in the working folder, unless the user names another."""

DRILL_NAMESPACE, PROOF_NAMESPACE = "drillproof-custos", "drillproof-prove"

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A DNS label: what a namespace may be called."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}(/[^/].*)?")
_ENDPOINT = re.compile(r"https?://[^\s/]+/?")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MIRROR = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]+)?")


@dataclass(frozen=True)
class ContextPolicy:
    """One context, and what the user allows there."""

    context: str
    namespace: str  # that a drill creates; of a proof: for its Velero and object store, and the prefix of all others
    storage_class: str  # of all volumes
    mirror: str  # a registry that has the images under their official names; "" for their own registries
    file: Path = field(default=FILE, kw_only=True, compare=False)  # that allows this
    cluster_uid: str = field(default="", kw_only=True)  # the only cluster that is meant; "" for that of the first use

    @property
    def all(self) -> tuple[str, ...]:
        return (self.namespace,)

    def image(self, official: str) -> str:
        return f"{self.mirror}/{official.partition('/')[2]}" if self.mirror else official


@dataclass(frozen=True)
class DrillPolicy(ContextPolicy):
    velero: str  # the namespace of the existing Velero
    location: str  # its BackupStorageLocation
    store: ObjectStore
    role: str  # the ClusterRole that a drill binds to itself in its namespace


@dataclass(frozen=True)
class ProofPolicy(ContextPolicy):
    namespaces: tuple[str, ...]  # those of a backup that may be restored, under other names
    without_fence: bool = False  # also where the cluster enforces no NetworkPolicy
    makes_crds: bool = False  # may create Velero's CRDs

    def renamed(self, namespace: str) -> str:
        return f"{self.namespace}-{namespace}"

    def places(self, namespaces: tuple[str, ...]) -> dict[str, str]:
        return {each: self.renamed(each) for each in namespaces}

    @property
    def all(self) -> tuple[str, ...]:
        return (self.namespace, *map(self.renamed, self.namespaces))


@dataclass(frozen=True)
class PermissionsFile:
    """The file, its tables not yet read.

    A drill generates its data, a proof restores real data, a migration takes real data away. So each is allowed alone.
    """

    file: Path
    drills: Mapping[str, object]  # by context
    migrations: tuple[str, ...]  # contexts
    proofs: Mapping[str, object]  # by context

    @classmethod
    def read(cls, config: Path | None, what: str, how: str) -> Self:
        """Read it. Misconfigured, with `how` to write one that allows `what`, if it does not exist or is invalid."""
        file = config or FILE
        if not file.is_file():
            raise Misconfigured(f"no file {file} allows {what}; write one {how}, or name it with --config")
        top = Keys.of(file)
        found = cls(file, top.take("context", dict, {}), top.strings("migrate", []), top.take("prove", dict, {}))
        top.done()
        return found

    def keys(self, table: str, listed: Mapping[str, object], context: str, what: str) -> Keys:
        """The keys of a context in a table. Misconfigured if it is not listed."""
        if context not in listed:
            raise Misconfigured(f"{self.file} does not allow {what}; it allows: {', '.join(listed) or 'none'}")
        return Keys(f'{self.file}, {table} "{context}"', listed[context])


def drill_place(context: str, config: Path | None) -> ContextPolicy:
    """Where drills on a context run, without a look at bucket and credentials. Misconfigured if nothing allows any."""
    what = f"drills on the context {context}"
    found = PermissionsFile.read(config, what, "as docs/how-to/existing-cluster.md says")
    return _policy(found.keys("context", found.drills, context, what), context, found.file, DRILL_NAMESPACE)


def allowed_drill(context: str, config: Path | None) -> DrillPolicy:
    """What the file allows drills on a context. Misconfigured if that is nothing."""
    what = f"drills on the context {context}"
    found = PermissionsFile.read(config, what, "as docs/how-to/existing-cluster.md says")
    keys = found.keys("context", found.drills, context, what)
    bucket, _, prefix = _matching(keys, "bucket", _BUCKET, "NAME or NAME/PREFIX").partition("/")
    endpoint = _matching(keys, "endpoint", _ENDPOINT, "a URL, http(s)://HOST or HOST:PORT")
    known = read_credentials(found.file.parent / keys.take("credentials", str), os.environ)
    policy = DrillPolicy(
        **vars(_policy(keys, context, found.file, DRILL_NAMESPACE)),
        velero=_name(keys, "velero", "velero"),
        location=_name(keys, "location", "default"),
        store=ObjectStore(
            inside="",  # the existing Velero has its own address of it
            outside=endpoint.rstrip("/"),
            bucket=bucket,
            access_key=known.access_key,
            secret_key=known.secret_key,
            region=keys.take("region", str, "us-east-1"),
            folder=f"{prefix.strip('/')}/" if prefix.strip("/") else "",
        ),
        role=keys.take("role", str, "drillproof-inside"),
    )
    keys.done()
    return policy


def allowed_proof(context: str, config: Path | None) -> ProofPolicy:
    """What the file allows proofs on a context. Misconfigured if that is nothing."""
    what = f"proofs on the context {context}"
    found = PermissionsFile.read(config, what, "as docs/how-to/prove-shared-cluster.md says")
    keys = found.keys("prove", found.proofs, context, what)
    policy = ProofPolicy(
        **vars(_policy(keys, context, found.file, PROOF_NAMESPACE)),
        namespaces=keys.strings("namespaces"),
        without_fence=keys.take("without_fence", bool, default=False),
        makes_crds=keys.take("make_crds", bool, default=False),
    )
    for name in (*policy.namespaces, *policy.all):
        if not NAME.fullmatch(name):
            keys.fail(f"{name!r} cannot be a namespace: write small letters, digits and -, at most 63")
    keys.done()
    return policy


def _policy(keys: Keys, context: str, file: Path, namespace: str) -> ContextPolicy:
    return ContextPolicy(
        context=context,
        namespace=_name(keys, "namespace", namespace),
        storage_class=keys.take("storage_class", str),
        mirror=_matching(keys, "mirror", _MIRROR, "HOST, HOST:PORT or HOST/PATH, without https://", ""),
        file=file,
        cluster_uid=_matching(keys, "cluster_uid", _UID, "the UID of the cluster's namespace kube-system", ""),
    )


def _name(keys: Keys, key: str, default: str) -> str:
    return _matching(keys, key, NAME, "the name of a Kubernetes object", default)


def _matching(keys: Keys, key: str, pattern: re.Pattern[str], what: str, default: str | None = None) -> str:
    found = keys.take(key, str, default)
    if found != default and not pattern.fullmatch(found):
        keys.fail(f"key `{key}` must be {what}, not {found!r}")
    return found


def require_migration(contexts: tuple[str, ...], config: Path | None) -> None:
    """Misconfigured unless the file lists all of these under `migrate`."""
    found = PermissionsFile.read(config, "any migration", f"with `migrate = {list(contexts)}`")
    if refused := [context for context in contexts if context not in found.migrations]:
        listed = ", ".join(found.migrations) or "none"
        raise Misconfigured(
            f"{found.file} allows no migration from or to {' or '.join(refused)}; `migrate` lists: {listed}"
        )
