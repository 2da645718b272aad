"""Reads `clusters/versions.toml`, key by key: every pin, and how each image is built."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar, get_type_hints

from harness.backups.velero_lane import Lane
from harness.core import resources
from harness.core.errors import Misconfigured
from harness.core.toml import Keys

FORMAT = 1
"""The format of the file."""

Texts = tuple[str, ...]
Table = Mapping[str, str]
Numbers = Mapping[str, int]

_VELERO = "github.com/vmware-tanzu/velero"

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
    accounts: Numbers = field(default_factory=dict)  # name -> user and group id
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

    @property
    def ours(self) -> bool:
        """Whether no registry has it: a name in .invalid is nobody's (RFC 2606)."""
        return self.ref.partition("/")[0].endswith(".invalid")


@dataclass(frozen=True)
class Versions:
    """Everything that the file pins, by name."""

    kubernetes: str
    go: Mapping[str, GoBuild]
    layers: Mapping[str, LayerRecipe]
    images: Mapping[str, Image]
    extras: Mapping[str, Image] = field(default_factory=dict)  # pulled or built only for deployments that need them
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    lane: str = ""  # the name of the default one
    needs: Texts = ()  # fields of Velero's API, KIND.PATH, that a drill on an existing cluster needs

    def build_of(self, program: str) -> GoBuild:
        """What makes a program, given as BUILD/PROGRAM where several builds make one of that name."""
        build, _, name = program.rpartition("/")
        return self.go[build] if build else next(each for each in self.go.values() if name in each.programs)

    def velero_image(self, lane: str) -> Image:
        """The image of a lane's server."""
        return self.images["velero"] if lane == self.lane else self.extras[f"velero-{lane}"]


Entry = TypeVar("Entry", GoBuild, LayerRecipe, Image, Lane)


def load(path: Path | None = None) -> Versions:
    """Read the file of pins. Misconfigured, naming file and key (line, where it is no TOML), if it is wrong."""
    path = path or resources.clusters() / "versions.toml"
    top = Keys.of(path)
    if top.take("format", int) != FORMAT:
        top.fail(f"key `format` must be {FORMAT}, which is what this version of drillproof reads")
    kubernetes = top.table("kubernetes", str)["version"]
    go, layers = _section(top, "go", GoBuild), _section(top, "layers", LayerRecipe)
    images, extras = _section(top, "images", Image), _section(top, "extras", Image)
    velero = Keys(f"{path}: velero", top.take("velero", dict))
    ref, lanes = velero.take("ref", str), _section(velero, "lanes", Lane)
    default, needs = velero.one_of("default", tuple(lanes)), velero.strings("needs")
    velero.done()
    top.done()
    for lane in lanes.values():
        build, layer, image = _velero(lane, ref)
        go, layers = {**go, build.name: build}, {**layers, layer.name: layer}
        if lane.name == default:
            images = {**images, "velero": replace(image, name="velero")}
        else:
            extras = {**extras, image.name: image}
    versions = Versions(kubernetes, go, layers, images, extras, lanes, default, needs)
    _check(versions, path)
    return versions


def _velero(lane: Lane, ref: str) -> tuple[GoBuild, LayerRecipe, Image]:
    """A lane's server, the program that generates its manifests and what prepares volumes: from one Go module."""
    name, inside = f"velero-{lane.name}", ("velero", "velero-restore-helper")
    pins = {_VELERO: lane.version, "github.com/kopia/kopia": lane.kopia}
    programs = {program: f"{_VELERO}/cmd/{program}" for program in inside}
    build = GoBuild(name, name, pins, programs, {f"{_VELERO}/pkg/buildinfo.Version": lane.version})
    files = {f"/{program}": f"{name}/{program}" for program in inside}
    restic = ("restic",) if "restic" in lane.restores else ()
    return (
        build,
        LayerRecipe(name, programs=files, links={"/usr/bin/velero": "/velero"}),
        Image(
            name,
            f"{ref}:{lane.version}",
            ("busybox", *restic, name),
            entrypoint=("/velero",),
            programs=(*files, *restic),
            node=True,
        ),
    )


def _section(top: Keys, name: str, kind: type[Entry]) -> Mapping[str, Entry]:
    """The tables of a section, each as a `kind`, whose fields name the keys with their types and defaults."""
    types = get_type_hints(kind)
    read = {}
    for entry, raw in top.take(name, dict).items():
        keys = Keys(f"{top.where}: {name}.{entry}", raw)
        values = {each.name: _value(keys, each, types[each.name]) for each in fields(kind) if each.name != "name"}
        read[entry] = kind(entry, **values)  # type: ignore[arg-type] # each was read as its field's type
        keys.done()
    return read


def _value(keys: Keys, key: Field[object], kind: object) -> object:
    required = key.default is MISSING and key.default_factory is MISSING
    if kind == Texts:
        return keys.strings(key.name, None if required else [])
    if kind in (Table, Numbers):
        return keys.table(key.name, str if kind == Table else int, None if required else {})
    if kind is bool:
        return keys.take(key.name, bool, default=False)
    return keys.take(key.name, str, None if required else "")


def _check(versions: Versions, path: Path) -> None:
    """Everything that is named must exist."""
    made = {
        name for build in versions.go.values() for each in build.programs for name in (each, f"{build.name}/{each}")
    }
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
    for section, images in (("images", versions.images), ("extras", versions.extras)):
        for image in images.values():
            _check_image(f"{path}: {section}.{image.name}", image, versions, may_be_ours=section == "extras")


def _check_image(where: str, image: Image, versions: Versions, *, may_be_ours: bool) -> None:
    for name in sorted(set(image.layers) - set(versions.layers)):
        raise Misconfigured(f"{where}: key `layers`: there is no layer {name!r}")
    if not re.fullmatch(r"[^/]+\.[^/]+/.+:[^/:]+", image.ref):
        raise Misconfigured(f"{where}: key `ref` must be REGISTRY/NAME:TAG, not {image.ref!r}")
    if image.ours and not may_be_ours:
        raise Misconfigured(f"{where}: key `ref`: {image.ref} is in no registry; only extras can be such images")
