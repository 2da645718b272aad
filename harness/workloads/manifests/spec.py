"""Reads an application file: TOML, strictly. `harness.workloads.manifests.load` combines it with the manifests."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import Misconfigured
from harness.core.model import Objectives
from harness.core.toml import Keys
from harness.workloads.detection import PORTS
from harness.workloads.external import Server

USERS = {"mysql": "root", "mariadb": "root", "postgres": "postgres", "consul": ""}

UNKNOWN = "?"
"""Stands in a proposed file for what the manifests do not show."""

MAX_NAME = 63
"""Characters of any name, as of a label in DNS."""

_NAME = re.compile(rf"[a-z0-9]([a-z0-9-]{{0,{MAX_NAME - 2}}}[a-z0-9])?")


class Reference(NamedTuple):
    secret: str
    key: str


@dataclass(frozen=True)
class Store:
    """One store; the container of its server is "" for the only one."""

    server: Server
    user: Reference | None  # replaces the server's
    password: Reference | None  # None for a Consul without ACLs, and a server that needs none


@dataclass(frozen=True)
class Description:
    """The content of the file. Its paths are relative to the file's folder."""

    file: Path
    name: str
    namespace: str
    manifests: Path  # a folder, a file or a chart
    is_chart: bool
    values: tuple[Path, ...]  # of a chart
    leave_out: tuple[str, ...]  # objects of the manifests, as KIND/NAME, and files
    install_first: tuple[Path, ...]  # manifests of what the application needs around it: CRDs, operators
    strategy: str
    objectives: Objectives
    stores: tuple[Store, ...]
    generate: Mapping[str, tuple[str, ...]]  # by Secret: the keys whose values are generated for each drill
    given: Mapping[str, Mapping[str, str]]  # by such a Secret: the values of its other keys, which are not secret
    not_drilled: tuple[str, ...]  # pods, or `Kind name` of custom resources: databases that are not judged on purpose
    original: str  # its namespace in the user's cluster


def read(path: Path, only: str = "") -> Description:
    """Misconfigured, in one line, if the file is not valid.

    `only` is the one namespace in which it may be drilled, also the default; "" for any.
    """
    _require_complete(path)
    keys = Keys.of(path)
    if not keys.take("confirmed", bool, default=True):
        keys.fail("the file is an unconfirmed proposal; read it, correct it, and set `confirmed = true`")
    name = _named(keys, "name", keys.take("name", str))
    namespace = keys.take("namespace", str, only or name)
    if only and namespace != only:
        keys.fail(
            f"key `namespace` is {namespace}, but drills on this context may only use {only}; remove the key, or use "
            "the same namespace in drillproof.toml and in the permissions file"
        )
    namespace = only or _named(keys, "namespace", namespace)
    original = _named(keys, "original_namespace", keys.take("original_namespace", str, name if only else namespace))
    manifests, chart = (keys.take(key, str, "") for key in ("manifests", "chart"))
    values = keys.strings("values", []) if chart else ()
    if bool(manifests) == bool(chart):
        keys.fail("set either `manifests` or `chart`")
    leave_out, install_first = (keys.strings(key, []) for key in ("leave_out", "install_first"))
    if install_first and only:
        keys.fail("remove `install_first`: drillproof installs nothing on a shared cluster; do that yourself")
    strategy = _named(keys, "strategy", keys.take("strategy", str))
    limits = Keys(f"{path}: objectives", keys.take("objectives", dict, {}))
    objectives = Objectives(**{name: limits.seconds(name) for name in ("rto_s", "rpo_s", "skew_s")})
    limits.done()
    generated = tuple(_generated(path, keys))
    not_drilled = keys.strings("not_drilled", [])
    stores = tuple(_stores(path, keys, name))
    keys.done()
    folder = path.parent
    for each in (chart or manifests, *values, *install_first):
        try:
            (folder / each).exists()  # that it does is required where it is read
        except OSError as error:
            keys.fail(f"{each[:80]} cannot be read: {error.strerror}")
    return Description(
        file=path,
        name=name,
        namespace=namespace,
        manifests=folder / (chart or manifests),
        is_chart=bool(chart),
        values=tuple(folder / value for value in values),
        leave_out=leave_out,
        install_first=tuple(folder / each for each in install_first),
        strategy=strategy,
        objectives=objectives,
        stores=stores,
        generate={secret: made for secret, made, _ in generated},
        given={secret: values for secret, _, values in generated},
        not_drilled=not_drilled,
        original=original,
    )


def _require_complete(path: Path) -> None:
    """Misconfigured if a proposal still has an open question. Checked first: otherwise it would be a wrong type."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return  # the reader reports it
    for number, line in enumerate(lines, 1):
        if f'"{UNKNOWN}"' in line.partition("#")[0]:
            raise Misconfigured(f'{path}: line {number} still has "{UNKNOWN}"; replace it with your value')


def _generated(path: Path, keys: Keys) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
    for number, raw in enumerate(keys.take("generate", list, []), 1):
        each = Keys(f"{path}: generate {number}", raw)
        values = each.table("values", str, {})
        yield each.take("secret", str), each.strings("keys", [] if values else None), values
        each.done()


def _stores(path: Path, keys: Keys, application: str) -> Iterator[Store]:
    listed = keys.take("store", list, [])
    if not listed:
        keys.fail("no [[store]]; add one for each database")
    names: set[str] = set()
    for number, raw in enumerate(listed, 1):
        store = _store(Keys(f"{path}: store {number}", raw), application)
        if store.server.name in names:
            keys.fail(f"two stores have the name {store.server.name}; give each its own `name`")
        names.add(store.server.name)
        yield store


def _store(keys: Keys, application: str) -> Store:
    kind = keys.take("kind", str)
    if kind not in PORTS:
        keys.fail(f"key `kind` must be one of {', '.join(PORTS)}, not {kind!r}")
    user, user_from = keys.take("user", str, ""), _reference(keys, "user_from")
    if user and user_from:
        keys.fail("set either `user` or `user_from`")
    password = _reference(keys, "password")
    is_open = keys.take("no_password", bool, default=False)
    if password is not None and is_open:
        keys.fail("set either `password` or `no_password`")
    if password is None and kind != "consul" and not is_open:
        keys.fail(
            'key `password` is missing; write password = { secret = "NAME", key = "KEY" }, or `no_password = true` for '
            "a server that needs none"
        )
    server = Server(
        # With the application's name, so that no table confuses it with the same store of another application.
        name=f"{application}-{_named(keys, 'name', keys.take('name', str, kind))}",
        kind=kind,
        members=keys.strings("members"),
        container=keys.take("container", str, ""),
        port=keys.take("port", int, PORTS[kind]),
        user=user or USERS[kind],
        databases=() if kind == "consul" else keys.strings("databases"),
        recover=keys.strings("recover", []),
    )
    if len(set(server.members)) < len(server.members):
        keys.fail("key `members` has a pod twice")
    keys.done()
    return Store(server, user_from, password)


def _reference(keys: Keys, key: str) -> Reference | None:
    raw = keys.take(key, dict, {})
    if not raw:
        return None
    inner = Keys(f"{keys.where}: {key}", raw)
    found = Reference(inner.take("secret", str), inner.take("key", str))
    inner.done()
    return found


def _named(keys: Keys, key: str, value: str) -> str:
    if not _NAME.fullmatch(value):
        keys.fail(
            f"key `{key}` must consist of 1 to {MAX_NAME} of a-z, 0-9 and -, without - at its ends, "
            f"not {value[: MAX_NAME + 1]!r} ({len(value)} characters)"
        )
    return value
