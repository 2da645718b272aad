"""Reads `clusters/versions.toml`, key by key: every pin, and how each image is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from harness.core.errors import Misconfigured
from harness.core.toml import Keys

FORMAT = 1
"""The format of the file."""

Texts = tuple[str, ...]
Table = Mapping[str, str]
Value = TypeVar("Value")

_MAVEN = {"maven", "sha256", "from", "run", "to", "owner"}
"""A layer's archive from Maven: its coordinates, its hash, the folder in it, the command that runs there once, the
destination and the owner."""


@dataclass(frozen=True)
class GoBuild:
    """Programs compiled together from one of our Go modules."""

    name: str
    module: str  # its folder below clusters/images
    pins: Table  # module path -> version, as go.mod has it
    programs: Table  # program -> its package
    set: Table = field(default_factory=dict)  # variable -> value, by the linker


@dataclass(frozen=True)
class LayerRecipe:
    """One file system layer. Paths are absolute; owners are accounts of this layer or root."""

    name: str
    suite: str = ""
    packages: Texts = ()
    dependencies: bool = False  # take what the packages depend on, too
    without: Texts = ()  # name patterns of packages to leave out all the same
    exclude: Texts = ()  # path patterns of files to leave out
    programs: Table = field(default_factory=dict)  # path -> program
    directories: Table = field(default_factory=dict)  # path -> owner:mode
    links: Table = field(default_factory=dict)  # path -> target
    accounts: Mapping[str, int] = field(default_factory=dict)  # name -> user and group id
    applets: Texts = ()  # names under which busybox is called
    certificates: bool = False  # bundle the certificate authorities among the packages
    module: Table = field(default_factory=dict)  # of Go: go, path, from, executable; of Maven: `_MAVEN`


@dataclass(frozen=True)
class Image:
    """One image under its official name. `programs` must be in it, whether pulled or built."""

    name: str
    ref: str
    layers: Texts
    also: Texts = ()  # further names for the same image
    entrypoint: Texts = ()
    command: Texts = ()
    env: Table = field(default_factory=dict)
    labels: Table = field(default_factory=dict)
    stop_signal: str = ""
    programs: Texts = ()
    node: bool = False  # pods use it
    control_plane: bool = False  # part of the official node image; built only with that


@dataclass(frozen=True)
class Versions:
    """Everything that the file pins, by name."""

    kubernetes: str
    go: Mapping[str, GoBuild]
    layers: Mapping[str, LayerRecipe]
    images: Mapping[str, Image]
    extras: Mapping[str, Image] = field(default_factory=dict)  # pulled or built only for deployments that need them

    def build_of(self, program: str) -> GoBuild:
        """The Go build that makes `program`."""
        return next(build for build in self.go.values() if program in build.programs)


def load(path: Path) -> Versions:
    """Read the file of pins. Misconfigured, naming file and key (line, where it is no TOML), if it is wrong."""
    top = Keys.of(path)
    if top.take("format", int) != FORMAT:
        top.fail(f"key `format` must be {FORMAT}, which is what this version of drillproof reads")
    versions = Versions(
        _table(top, "kubernetes")["version"],
        _section(path, top, "go", _go),
        _section(path, top, "layers", _layer),
        _section(path, top, "images", _image),
        _section(path, top, "extras", _image),
    )
    top.done()
    _check(versions, path)
    return versions


def _go(name: str, keys: Keys) -> GoBuild:
    return GoBuild(
        name, keys.take("module", str), _table(keys, "pins"), _table(keys, "programs"), set=_table(keys, "set", {})
    )


def _layer(name: str, keys: Keys) -> LayerRecipe:
    return LayerRecipe(
        name,
        suite=keys.take("suite", str, ""),
        packages=_texts(keys, "packages"),
        dependencies=keys.take("dependencies", bool, default=False),
        without=_texts(keys, "without"),
        exclude=_texts(keys, "exclude"),
        programs=_table(keys, "programs", {}),
        directories=_table(keys, "directories", {}),
        links=_table(keys, "links", {}),
        accounts=_accounts(keys),
        applets=_texts(keys, "applets"),
        certificates=keys.take("certificates", bool, default=False),
        module=_table(keys, "module", {}),
    )


def _image(name: str, keys: Keys) -> Image:
    return Image(
        name,
        keys.take("ref", str),
        keys.strings("layers"),
        also=_texts(keys, "also"),
        entrypoint=_texts(keys, "entrypoint"),
        command=_texts(keys, "command"),
        env=_table(keys, "env", {}),
        labels=_table(keys, "labels", {}),
        stop_signal=keys.take("stop_signal", str, ""),
        programs=_texts(keys, "programs"),
        node=keys.take("node", bool, default=False),
        control_plane=keys.take("control_plane", bool, default=False),
    )


def _section(path: Path, top: Keys, name: str, read: Callable[[str, Keys], Value]) -> Mapping[str, Value]:
    made = {}
    for entry, raw in top.take(name, dict).items():
        keys = Keys(f"{path}: {name}.{entry}", raw)
        made[entry] = read(entry, keys)
        keys.done()
    return made


def _texts(keys: Keys, key: str) -> Texts:
    values = keys.take(key, list, [])
    if not all(isinstance(value, str) for value in values):
        keys.fail(f"key `{key}` must be a list of strings")
    return tuple(values)


def _table(keys: Keys, key: str, default: dict[str, str] | None = None) -> Table:
    table = keys.take(key, dict, default)
    for name, value in table.items():
        if not isinstance(value, str):
            keys.fail(f"key `{key}.{name}` must be a string, not {value!r}")
    return table


def _accounts(keys: Keys) -> Mapping[str, int]:
    table = keys.take("accounts", dict, {})
    for name, value in table.items():
        if type(value) is not int:
            keys.fail(f"key `accounts.{name}` must be a number, not {value!r}")
    return table


def _check(versions: Versions, path: Path) -> None:
    """Everything that is named must exist."""
    made = {program for build in versions.go.values() for program in build.programs}
    for layer in versions.layers.values():
        where = f"{path}: layers.{layer.name}"
        for program in sorted(set(layer.programs.values()) - made):
            raise Misconfigured(f"{where}: key `programs`: no go section makes {program!r}")
        if layer.packages and not layer.suite:
            raise Misconfigured(f"{where}: key `suite` is missing: packages come from a Debian suite")
        for place, owner in layer.directories.items():
            if not re.fullmatch(rf"({'|'.join(['root', *layer.accounts])}):[0-7]{{4}}", owner):
                raise Misconfigured(f"{where}: key `directories.{place}` must be ACCOUNT:MODE, not {owner!r}")
        if "go" not in layer.module and layer.module.keys() not in (set(), _MAVEN):
            raise Misconfigured(f"{where}: key `module` must have the keys {', '.join(sorted(_MAVEN))}")
    named = [
        *(("images", image) for image in versions.images.values()),
        *(("extras", image) for image in versions.extras.values()),
    ]
    for section, image in named:
        where = f"{path}: {section}.{image.name}"
        for name in sorted(set(image.layers) - set(versions.layers)):
            raise Misconfigured(f"{where}: key `layers`: there is no layer {name!r}")
        if not re.fullmatch(r"[^/]+\.[^/]+/.+:[^/:]+", image.ref):
            raise Misconfigured(f"{where}: key `ref` must be REGISTRY/NAME:TAG, not {image.ref!r}")
