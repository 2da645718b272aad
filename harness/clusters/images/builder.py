"""Builds programs, layers and images from their recipes, and keeps each under a key."""

import contextlib
import hashlib
import json
import platform
import re
import shlex
import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.clusters.images.debian import Suite
from harness.clusters.images.layers import Layer, LayerWriter, OciImage, digest_of
from harness.clusters.images.versions import GoBuild, Image, LayerRecipe, Versions
from harness.core import paths, resources
from harness.core.errors import Misconfigured
from harness.core.json import text
from harness.core.model import Json
from harness.core.parallel import for_each
from harness.core.process import run, run_logged

FORMAT = 1
"""Raised when the way of building changes, so that nothing cached is used any more."""

COMPILE_WITHIN_S = 3600
COPY_WITHIN_S = 1800

GO_ENV = {"CGO_ENABLED": "0", "GOGC": "400", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
"""Go's collector runs rarely (GOGC): memory is plentiful, processor time is not."""


@dataclass(frozen=True)
class ImageBuilder:
    """Builds from `recipes` and keeps what is finished below `cache`."""

    versions: Versions
    recipes: Path = field(default_factory=lambda: resources.clusters() / "images")
    cache: Path = field(default_factory=paths.cache)

    def build_key(self, build: GoBuild) -> str:
        """Changes with the module's files, the flags and the packages."""
        folder = self.recipes / build.module
        files = {str(file.relative_to(folder)): digest_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}
        return _key("go", architecture(), vars(build), files)

    def layer_key(self, recipe: LayerRecipe) -> str:
        """Changes with the recipe and the programs in it."""
        programs = {path: self.build_key(self.versions.build_of(name)) for path, name in recipe.programs.items()}
        module = self.build_key(self.versions.go[recipe.module["go"]]) if "go" in recipe.module else ""
        return _key("layer", architecture(), vars(recipe), programs, module)

    def image_key(self, image: Image) -> str:
        """Changes with the image's recipe and its layers."""
        layers = [self.layer_key(self.versions.layers[name]) for name in image.layers]
        return _key("image", vars(image), layers)

    def program(self, name: str) -> Path:
        """Where the program is once its build is done."""
        return self.cache / "bin" / self.build_key(self.versions.build_of(name)) / name.rpartition("/")[2]

    def layer(self, recipe: LayerRecipe) -> Layer | None:
        """The finished layer, or None."""
        path = self.cache / "layers" / f"{self.layer_key(recipe)}.tar"
        sums = path.with_suffix(".sha256")
        return Layer(path, sums.read_text(encoding="ascii")) if sums.exists() and path.exists() else None

    def log(self, name: str) -> Path:
        return self.cache / "logs" / f"{name}.log"

    def is_compiled(self, build: GoBuild) -> bool:
        return (self.cache / "bin" / self.build_key(build)).is_dir()

    def compile(self, build: GoBuild) -> None:
        if self.is_compiled(build):
            return
        ensure_go(self.recipes / build.module / "go.mod")
        with self.scratch() as work:
            target = f"{work}/bin/" if len(build.programs) > 1 else f"{work}/bin/{next(iter(build.programs))}"
            flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in build.set.items())])
            self._go(build, "go", "build", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", flags, "-o", target)
            folder = self.cache / "bin" / self.build_key(build)
            folder.parent.mkdir(parents=True, exist_ok=True)
            (work / "bin").replace(folder)

    def download(self, build: GoBuild) -> None:
        """Fetch the modules that the build needs, so that its compiler does not wait for them."""
        if not self.is_compiled(build):
            self._go(build, "modules", "list", "-deps")

    def _go(self, build: GoBuild, log: str, *args: str) -> None:
        argv, folder = ["go", *args, *build.programs.values()], self.recipes / build.module
        run_logged(argv, self.log(f"{log}-{build.name}"), within_s=COMPILE_WITHIN_S, env=GO_ENV, cwd=folder)

    def assemble(self, recipe: LayerRecipe) -> Layer:
        """Build the layer, unless it exists. Its programs must have been compiled."""
        if finished := self.layer(recipe):
            return finished
        path = self.cache / "layers" / f"{self.layer_key(recipe)}.tar"
        with self.scratch() as work:
            with LayerWriter(work / "layer.tar", recipe.accounts) as writer:
                self._fill(writer, recipe, work)
            digest = digest_of(work / "layer.tar")
            path.parent.mkdir(parents=True, exist_ok=True)
            (work / "layer.tar").replace(path)
            (work / "sum").write_text(digest, encoding="ascii")
            (work / "sum").replace(path.with_suffix(".sha256"))
        return Layer(path, digest)

    def oci_image(self, image: Image) -> OciImage:
        """The image as an archive's entry; its layers must have been assembled."""
        layers = tuple(self.assemble(self.versions.layers[name]) for name in image.layers)
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **image.env}
        config: dict[str, Json] = {
            "Env": [f"{name}={value}" for name, value in env.items()],
            "Labels": {"drillproof.key": self.image_key(image), "drillproof.source": "built", **image.labels},
        }
        optional = {"Entrypoint": image.entrypoint, "Cmd": image.command, "StopSignal": image.stop_signal}
        config |= {key: value if isinstance(value, str) else list(value) for key, value in optional.items() if value}
        return OciImage((image.ref, *image.also), layers, config)

    def _fill(self, writer: LayerWriter, recipe: LayerRecipe, work: Path) -> None:
        if recipe.packages:
            writer.merge_usr()
        for path, target in recipe.links.items():
            writer.link(path, target)
        for applet in recipe.applets:
            writer.link(f"/usr/bin/{applet}", "busybox")
        for path, owner in recipe.directories.items():
            account, _, mode = owner.partition(":")
            writer.directory(path, account, int(mode, 8))
        for path, program in recipe.programs.items():
            writer.file(path, self.program(program), 0o755)
        if recipe.module:
            self._copy_module(writer, recipe.module, work)
        if recipe.packages:
            suite = Suite(recipe.suite, self.cache / "apt" / recipe.suite)
            names = suite.resolve(recipe.packages, recipe.without) if recipe.dependencies else recipe.packages
            for deb in suite.fetch(names, work / "debs"):
                writer.package(deb, recipe.exclude)
                if recipe.certificates and deb.name.startswith("ca-certificates_"):
                    writer.text("/etc/ssl/certs/ca-certificates.crt", _bundle(deb, work))

    def _copy_module(self, writer: LayerWriter, module: Mapping[str, str], work: Path) -> None:
        if "maven" in module:
            writer.tree(self._unpacked(module, work), module["to"], module["owner"])
            return
        folder = self.recipes / self.versions.go[module["go"]].module
        ensure_go(folder / "go.mod")
        # Not `go list`, which says "" of a module that is not there.
        found = run(["go", "mod", "download", "-json", module["path"]], cwd=folder, env=GO_ENV, within_s=COPY_WITHIN_S)
        root = Path(text(json.loads(found.stdout), "Dir")) / module["from"]
        if not root.is_dir():
            raise Misconfigured(
                f"the Go module {module['path']} has no folder {module['from']}, which versions.toml names"
            )
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            name = str(file.relative_to(root))
            writer.file(name, file, 0o755 if Path("/", name).match(module["executable"]) else 0o644)

    def _unpacked(self, module: Mapping[str, str], work: Path) -> Path:
        """The files of an archive that Maven fetches, after the recipe's command ran in it.

        Misconfigured if it is not what is pinned.
        """
        name, log = module["maven"], self.log(f"maven-{module['maven'].split(':')[1]}")
        if not shutil.which("mvn"):
            raise Misconfigured(
                f"mvn is not installed, and {name} comes from Maven; install it (Debian: apt-get install maven)"
            )
        argv = ["mvn", "--batch-mode", "dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={work / 'maven'}"]
        run_logged(argv, log, within_s=COPY_WITHIN_S)
        (file,) = (work / "maven").iterdir()
        if digest_of(file) != module["sha256"]:
            raise Misconfigured(f"{name} differs from the pin in versions.toml: its sha256 is {digest_of(file)}")
        with tarfile.open(file) as tar:
            tar.extractall(work, filter="data")
        folder = work / module["from"]
        run_logged(shlex.split(module["run"]), log, within_s=COPY_WITHIN_S, cwd=folder)
        return folder

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the cache's disk, so that a finished file can be moved into place in one step."""
        (self.cache / "work").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache / "work") as folder:
            yield Path(folder)


def architecture() -> str:
    """The machine's, as Debian and Go name it."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def ensure_go(module: Path) -> None:
    """Misconfigured unless a Go is on PATH that is new enough for the go.mod `module`."""
    wanted = re.search(r"^go (\d+\.\d+(?:\.\d+)?)$", module.read_text(encoding="utf-8"), re.MULTILINE)
    needed = wanted[1] if wanted else "1.25"
    advice = f"building needs Go {needed} or newer on PATH (https://go.dev/dl)"
    if not shutil.which("go"):
        raise Misconfigured(f"Go is not installed: {advice}")
    found = run(["go", "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).stdout.strip().removeprefix("go")
    if _numbers(found) < _numbers(needed):
        raise Misconfigured(f"Go {found} is too old: {advice}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _bundle(deb: Path, work: Path) -> bytes:
    """All certificates of the package ca-certificates in one text, as its install script would write them."""
    run(["dpkg-deb", "-x", deb, work / "certificates"])
    return b"".join(file.read_bytes() for file in sorted((work / "certificates").rglob("*.crt")))


def _key(*parts: object) -> str:
    text = json.dumps([FORMAT, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_missing(
    builder: ImageBuilder, say: Callable[[str], None], images: Sequence[Image], tools: Sequence[str] = ()
) -> None:
    """Build every layer of `images`, and the programs `tools`, except those in the cache.

    One compilation runs after the other, and at the same time everything that waits for the network. After a failure
    nothing new begins.
    """
    versions = builder.versions
    layers = [versions.layers[name] for name in dict.fromkeys(name for image in images for name in image.layers)]
    programs = dict.fromkeys([*tools, *(name for layer in layers for name in layer.programs.values())])
    by_name = {build.name: build for build in map(versions.build_of, programs)}
    builds = [build for build in by_name.values() if not builder.is_compiled(build)]
    unpacked = [layer for layer in layers if layer.packages and builder.layer(layer) is None]
    left = [*(build.name for build in builds), *(f"layer {layer.name}" for layer in unpacked)]
    if left:
        say(f"images: building {', '.join(left)} (logs: {builder.log('*')})")
    failed = threading.Event()

    def run_queue(queue: Iterable[Callable[[], object]]) -> None:
        try:
            for step in queue:
                if failed.is_set():
                    return
                step()
        except BaseException:
            failed.set()
            raise

    def reported(name: str, build: Callable[[], object]) -> None:
        begun = time.monotonic()
        build()
        left.remove(name)
        say(f"images: built {name} in {time.monotonic() - begun:.0f} s; left: {', '.join(left) or 'nothing'}")

    queues: list[list[Callable[[], object]]] = [
        [partial(reported, build.name, partial(builder.compile, build)) for build in builds],
        [partial(builder.download, build) for build in builds],
        [partial(reported, f"layer {layer.name}", partial(builder.assemble, layer)) for layer in unpacked],
    ]
    for_each(queues, run_queue)
    for layer in layers:
        builder.assemble(layer)
