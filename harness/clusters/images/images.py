"""Every image and program that a drill needs: from the cache, pulled, or built; and the node image made of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from harness.clusters.engine import Engine
from harness.clusters.images import node_image
from harness.clusters.images.builder import ConcurrentBuild
from harness.clusters.images.layers import OciImage, write_archive
from harness.clusters.images.recipes import ImageBuilder, architecture
from harness.clusters.images.registry import Registry, check_programs
from harness.clusters.images.versions import Image, Versions
from harness.clusters.lock import Lock
from harness.core.errors import HarnessError, Misconfigured, ToolFailed
from harness.core.parallel import for_each
from harness.core.process import run

MODES = ("auto", "pull", "build")

_WITH = "_"
"""Stands in a node image's tag before each image that was added to it."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ImageRef:
    """One image: its official name, where it came from, and what exactly it is."""

    ref: str
    source: str  # pulled or built
    id: str  # pulled: the engine's image id; built: the key of its recipe


@dataclass(frozen=True)
class Tools:
    """Programs on the host."""

    kind: Path
    kubectl: Path
    velero: Path


@dataclass(frozen=True)
class PreparedImages:
    """All that was asked for, in the engine and on the disk."""

    node: str  # the node image with all images of pods in it
    minio: str
    images: Mapping[str, ImageRef]
    tools: Tools
    cached: bool  # nothing had to be made


class ImageProvider:
    """Makes all images ready, once; a second process waits for the first and then finds them in the cache."""

    def __init__(
        self,
        engine: Engine,
        versions: Versions,
        recipes: Path,
        cache: Path,
        *,
        mode: str = "auto",
        mirror: str | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        """`recipes` is clusters/images; `cache` the user's cache folder of drillproof."""
        if mode not in MODES:
            raise Misconfigured(f"--images must be one of {', '.join(MODES)}, not {mode!r}")
        self._engine, self._versions, self._recipes, self._cache = engine, versions, recipes, cache
        self._mode, self._say = mode, progress
        if mirror:
            engine.trust(mirror.partition("/")[0])
        self._registry = Registry(engine, mirror or "")
        self._kitchen = ImageBuilder(versions, recipes, cache)

    @cached_property
    def ready(self) -> PreparedImages:
        """Everything, made ready now if it is not. Misconfigured where --images pull cannot be served."""
        with self._alone():
            return self._found() or self._made()

    def with_extras(self, names: Sequence[str]) -> PreparedImages:
        """The same, with a node image that has further images in it; they are made now if they are not there."""
        ready = self.ready
        for name in names:
            with self._alone():
                ready = self._with(ready, self._versions.extras[name])
        return ready

    def program(self, name: str) -> Path:
        """A program that is in no image, made now if it is not there. Misconfigured where it cannot be compiled."""
        with self._alone():
            try:
                self._kitchen.compile(self._versions.build_of(name))
            except Misconfigured as error:
                raise Misconfigured(f"{name} comes in no image and has to be compiled: {error}") from error
        return self._kitchen.program(name)

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        waiting = partial(self._say, "images: waiting for another drillproof, which builds them")
        return Lock(self._cache / "images.lock").waiting(waiting)

    def prune(self) -> tuple[str, ...]:
        """Remove the images and programs that earlier recipes made; return the images. What is in use stays."""
        listed = self._engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", "drillproof/*").splitlines()
        removed = []
        for tag in (tag for tag in listed if not self._is_current(tag)):
            with contextlib.suppress(ToolFailed):
                self._engine.run("rmi", tag)
                removed.append(tag)
        for record in (self._cache / "ready").glob("*"):
            if not record.name.startswith(self._key):
                shutil.rmtree(record)
        return tuple(removed)

    def _is_current(self, tag: str) -> bool:
        name, *extras = tag.split(_WITH)
        current = {self._extra(image) for image in self._versions.extras.values()}
        return self._key in name and all(extra.rpartition("-")[0] in current for extra in extras)

    # ------------------------------------------------------------ the cache

    @cached_property
    def _wanted(self) -> tuple[Image, ...]:
        """Every image that may be pulled: the control plane's come inside the official node image."""
        return tuple(image for image in self._versions.images.values() if not image.control_plane)

    @cached_property
    def _key(self) -> str:
        """Changes with anything that goes into the images, and with kubectl."""
        scripts = node_image.key(self._recipes / "node")
        keys = [self._kitchen.image_key(image) for image in self._versions.images.values()]
        keys.append(self._kitchen.build_key(self._versions.build_of("kubectl")))
        return hashlib.sha256(json.dumps([scripts, keys]).encode()).hexdigest()[:16]

    def _record(self, source: str) -> Path:
        return self._cache / "ready" / f"{self._key}-{source}"

    def _tag(self, name: str, source: str) -> str:
        """Our own name for an image in the engine; official names there are the user's."""
        return f"drillproof/{name}:{self._key}-{source}"

    def _found(self) -> PreparedImages | None:
        """What an earlier call made ready, if all of it is still there."""
        sources = {"auto": ("built", "pulled", "mixed"), "pull": ("pulled",), "build": ("built",)}[self._mode]
        for source in sources:
            record = self._record(source)
            tools = Tools(record / "kind", record / "kubectl", record / "velero")
            node, minio = self._tag("node", source), self._tag("minio", source)
            if not (record / "images.json").exists() or not all(tool.exists() for tool in vars(tools).values()):
                continue
            if self._has(node) and self._has(minio):
                raw = json.loads((record / "images.json").read_text(encoding="utf-8"))
                images = {name: ImageRef(**image) for name, image in raw.items()}
                return PreparedImages(node, minio, images, tools, cached=True)
        return None

    def _has(self, tag: str) -> bool:
        try:
            self._id(tag)
        except ToolFailed:
            return False
        return True

    def _id(self, tag: str) -> str:
        return self._engine.run("image", "inspect", "--format", "{{.Id}}", tag)

    def _extra(self, image: Image) -> str:
        return f"{image.name}-{self._kitchen.image_key(image)}"

    # ------------------------------------------------------------ making

    def _with(self, ready: PreparedImages, image: Image) -> PreparedImages:
        """`ready` with one more image in its node image, from the cache, pulled, or built."""
        sources = {"auto": ("built", "pulled"), "pull": ("pulled",), "build": ("built",)}[self._mode]
        nodes = {source: f"{ready.node}{_WITH}{self._extra(image)}-{source}" for source in sources}
        source = next((source for source, node in nodes.items() if self._has(node)), "")
        if not source:
            source = self._add(ready.node, image, nodes)
        made = self._id(self._tag(image.name, "official")) if source == "pulled" else self._kitchen.image_key(image)
        images = {**ready.images, image.name: ImageRef(image.ref, source, made)}
        return replace(ready, node=nodes[source], images=images)

    def _add(self, node: str, image: Image, into: Mapping[str, str]) -> str:
        """Make of a node image one that has an image more, by the name that `into` has for the source; that source."""
        pulled = self._pull([image]) if "pulled" in into else {}
        source = "pulled" if pulled else "built"
        if not pulled:
            ConcurrentBuild(self._kitchen, self._say).build([image])
        self._say(f"images: putting {image.name} into the node image")
        with self._work() as work:
            write_archive(work / "images.tar", [self._picture(image, pulled, work)], architecture())
            self._bakery.bake(node, work / "images.tar", into[source], self._versions.images["node"])
        return source

    def _made(self) -> PreparedImages:
        begun = time.monotonic()
        pulled = {} if self._mode == "build" else self._pull(self._wanted)
        missing = [image for image in self._wanted if image.name not in pulled]
        if any(image.name == "node" for image in missing):
            missing += [image for image in self._versions.images.values() if image.control_plane]
        try:
            programs = [*([] if self._installed_kind() else ["kind"]), *([] if "node" in pulled else ["kubectl"])]
            ConcurrentBuild(self._kitchen, self._say).build(missing, programs)
        except Misconfigured as error:
            raise Misconfigured(f"{error}{'' if self._mode == 'pull' else '; or use --images pull'}") from error
        source = "built" if not pulled else "mixed" if missing else "pulled"
        images = {image.name: ImageRef(image.ref, "built", self._kitchen.image_key(image)) for image in missing}
        for name, tag in pulled.items():
            images[name] = ImageRef(self._versions.images[name].ref, "pulled", self._id(tag))
        self._say("images: putting them into the node image")
        self._bake([self._versions.images[name] for name in images], pulled, source)
        tools = self._tools(self._record(source), pulled)
        listed = {name: vars(image) for name, image in images.items()}
        (self._record(source) / "images.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
        self._say(f"images: all ready after {time.monotonic() - begun:.0f} s")
        return PreparedImages(self._tag("node", source), self._tag("minio", source), images, tools, cached=False)

    def _bake(self, images: Sequence[Image], pulled: Mapping[str, str], source: str) -> None:
        """Bring MinIO's image and the node image, with all the others in it, into the engine."""
        with self._work() as work:
            pictures = {image.name: self._picture(image, pulled, work) for image in images}
            self._load(pictures.pop("minio"), self._tag("minio", source), work)
            node, base = pictures.pop("node"), pulled.get("node") or self._tag("node-base", source)
            if "node" not in pulled:
                self._load(node, base, work)
            write_archive(work / "images.tar", pictures.values(), architecture())
            self._bakery.bake(base, work / "images.tar", self._tag("node", source), self._versions.images["node"])

    @property
    def _bakery(self) -> node_image.NodeImageBuilder:
        return node_image.NodeImageBuilder(self._engine, self._recipes / "node", self._versions.kubernetes)

    @contextlib.contextmanager
    def _work(self) -> Iterator[Path]:
        (self._cache / "work").mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache / "work") as folder:
            yield Path(folder)

    def _picture(self, image: Image, pulled: Mapping[str, str], work: Path) -> OciImage:
        if image.name not in pulled:
            picture = self._kitchen.picture(image)
        elif image.name == "node":
            return OciImage((), ())  # used as it is, and looked into when it runs
        else:
            picture = self._registry.picture(image, pulled[image.name], work)
        check_programs(image, picture)
        return picture

    def _load(self, picture: OciImage, tag: str, work: Path) -> None:
        write_archive(work / "load.tar", [replace(picture, names=(tag,))], architecture())
        self._engine.run("load", "--quiet", "--input", work / "load.tar", within_s=600)

    def _pull(self, wanted: Sequence[Image]) -> dict[str, str]:
        """Every image that could be pulled, by name, with our tag for it."""
        tags = {image.name: self._tag(image.name, "official") for image in wanted}
        missing = [image for image in wanted if not self._has(tags[image.name])]
        where = self._registry.mirror or "the official registries"
        if missing and not self._registry.answers(missing[0]):
            if self._mode == "pull":
                raise Misconfigured(
                    f"{where} cannot be reached; name a registry that mirrors them with --mirror HOST, "
                    f"or let the images be built with --images auto"
                )
            self._say(f"images: {where} cannot be reached, so they are built here, once")
            return {}

        def pull(image: Image) -> str:
            try:
                self._registry.pull(image, tags[image.name])
            except HarnessError as error:
                return str(error)
            self._say(f"images: pulled {image.ref}")
            return ""

        failed = {image.name: why for image, why in zip(missing, for_each(missing, pull), strict=True) if why}
        for name, why in failed.items():
            if self._mode == "pull":
                ref = next(image.ref for image in missing if image.name == name)
                raise Misconfigured(f"cannot pull {ref} from {where}: {why}")
            self._say(f"images: {name} cannot be pulled, so it is built: {why}")
        return {name: tag for name, tag in tags.items() if name not in failed}

    # ------------------------------------------------------------ programs on the host

    def _tools(self, record: Path, pulled: Mapping[str, str]) -> Tools:
        shutil.rmtree(record, ignore_errors=True)
        record.mkdir(parents=True)
        (record / "kind").symlink_to(self._installed_kind() or self._kitchen.program("kind"))
        for tool, image, inside in (("kubectl", "node", "/usr/bin/kubectl"), ("velero", "velero", "/velero")):
            if image in pulled:
                self._take_out(pulled[image], inside, record / tool)
            else:
                (record / tool).symlink_to(self._kitchen.program(tool))
        return Tools(record / "kind", record / "kubectl", record / "velero")

    def _installed_kind(self) -> Path | None:
        """The user's own kind, if it is of the pinned version. It comes in no image; without it, it is compiled."""
        installed = shutil.which("kind")
        pinned = self._versions.go["kind"].pins["sigs.k8s.io/kind"]
        if installed and pinned in run([installed, "version"], check=False).stdout.split():
            return Path(installed)
        return None

    def _take_out(self, tag: str, inside: str, to: Path) -> None:
        container = self._engine.run("create", "--label", "drillproof=images", tag, "none")
        try:
            self._engine.run("cp", "--follow-link", f"{container}:{inside}", to)
        finally:
            self._engine.run("rm", "--force", container)
        run([to, "--help"], within_s=30)  # it must run on this machine, too
