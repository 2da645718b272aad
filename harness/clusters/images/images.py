"""Every image and program that a drill needs: cached, pulled or built; and the node image that contains them."""

import contextlib
import hashlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from harness.clusters import private_engine
from harness.clusters.docker import LABEL, Docker
from harness.clusters.images.builder import ImageBuilder, architecture, build_missing
from harness.clusters.images.layers import Layer, OciImage, check_programs, digest_of, write_archive
from harness.clusters.images.versions import Image, Versions
from harness.clusters.lock import Lock
from harness.core import paths
from harness.core.errors import HarnessError, Misconfigured, ToolFailed
from harness.core.parallel import for_each
from harness.core.process import run

SOURCES = {"auto": ("built", "pulled", "mixed"), "pull": ("pulled",), "build": ("built",)}
"""By --images: where all images of a node image may have come from."""

ANSWER_WITHIN_S = 3
PULL_WITHIN_S = 1800
BAKE_WITHIN_S = 900

_WITH = "_"
"""Precedes, in a node image's tag, the short key of each image that was added to it."""


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
    """All of them, in the engine and on the disk."""

    node: str  # the node image, which contains all images of pods
    minio: str
    images: Mapping[str, ImageRef]
    tools: Tools
    cached: bool  # nothing was pulled or built


def compiled(versions: Versions, name: str) -> Path:
    """A program that is in no image, compiled now if it is not cached. Misconfigured where that is impossible."""
    builder = ImageBuilder(versions)
    with build_lock(builder.cache).waiting():
        try:
            builder.compile(versions.build_of(name))
        except Misconfigured as error:
            raise Misconfigured(f"{name} is in no image and must be compiled: {error}") from error
    return builder.program(name)


def build_lock(cache: Path) -> Lock:
    """Held while images or programs are built."""
    return Lock(cache / "images.lock")


@dataclass
class ImageProvider:
    """Prepares all images once; a second process waits for the first and then finds them in the cache."""

    docker: Docker
    versions: Versions
    mode: str = "auto"  # one of `SOURCES`
    mirror: str = ""  # a registry that has the images under their official names; "" for their own registries
    say: Callable[[str], None] = lambda _: None
    cache: Path = field(default_factory=paths.cache)

    def __post_init__(self) -> None:
        if self.mode not in SOURCES:
            raise Misconfigured(f"--images must be one of {', '.join(SOURCES)}, not {self.mode!r}")
        if self.mirror:
            private_engine.trust(self.docker, self.mirror.partition("/")[0])
        self._builder = ImageBuilder(self.versions, cache=self.cache)

    @cached_property
    def ready(self) -> PreparedImages:
        """Everything, pulled or built now if it is not cached. Misconfigured where --images pull is impossible."""
        with self._locked():
            return self._found() or self._prepare()

    def with_extras(self, names: Sequence[str], lane: str = "") -> PreparedImages:
        """The same, with further images in the node image, pulled or built now if they are not cached.

        Among them Velero's of a `lane` that is not the default one, with its program on the host.
        """
        ready, other = self.ready, lane not in {"", self.versions.lane}
        wanted = {*names, *([self.versions.velero_image(lane).name] if other else [])}
        if not wanted:
            return ready
        with self._locked():
            prepared = self._with(ready, [self.versions.extras[name] for name in sorted(wanted)])
            if other:
                tool = self._velero(lane, prepared, ready.tools.velero.parent)
                prepared = replace(prepared, tools=replace(prepared.tools, velero=tool))
            return prepared

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        waiting = partial(self.say, "images: waiting for another drillproof, which builds them")
        return build_lock(self.cache).waiting(waiting)

    def prune(self) -> tuple[str, ...]:
        """Remove images and programs of earlier recipes, except those in use; return the images."""
        listed = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "drillproof/*").splitlines()
        removed = []
        for tag in (tag for tag in listed if not self._is_current(tag)):
            with contextlib.suppress(ToolFailed):
                self.docker("rmi", tag)
                removed.append(tag)
        for record in (self.cache / "ready").glob("*"):
            if not record.name.startswith(self._key):
                shutil.rmtree(record)
        return tuple(removed)

    def _is_current(self, tag: str) -> bool:
        name, _, added = tag.partition(_WITH)
        current = {self._extra(image) for image in self.versions.extras.values()}
        return self._key in name and (not added or current.issuperset(added.rpartition("-")[0].split(_WITH)))

    @cached_property
    def _key(self) -> str:
        """Changes with anything that goes into the images, and with kubectl."""
        scripts = b"".join(file.read_bytes() for file in sorted((self._builder.recipes / "node").glob("*.sh")))
        keys = [self._builder.image_key(image) for image in self.versions.images.values()]
        keys.append(self._builder.build_key(self.versions.build_of("kubectl")))
        return _hash(json.dumps([_hash(scripts), keys]).encode())

    def _record(self, source: str) -> Path:
        return self.cache / "ready" / f"{self._key}-{source}"

    def _tag(self, name: str, source: str) -> str:
        """Our tag of an image in the engine; official tags there are the user's."""
        return f"drillproof/{name}:{self._key}-{source}"

    def _found(self) -> PreparedImages | None:
        """What an earlier call prepared, if all of it still exists."""
        for source in SOURCES[self.mode]:
            if (listed := self._record(source) / "images.json").exists():
                raw = json.loads(listed.read_text(encoding="utf-8"))
                found = self._prepared(source, {name: ImageRef(**image) for name, image in raw.items()}, cached=True)
                tools_exist = all(tool.exists() for tool in vars(found.tools).values())
                if tools_exist and self.docker.image_id(found.node) and self.docker.image_id(found.minio):
                    return found
        return None

    def _prepared(self, source: str, images: Mapping[str, ImageRef], *, cached: bool) -> PreparedImages:
        record = self._record(source)
        tools = Tools(record / "kind", record / "kubectl", record / "velero")
        return PreparedImages(self._tag("node", source), self._tag("minio", source), images, tools, cached=cached)

    def _extra(self, image: Image) -> str:
        """Short: a tag has at most 128 characters, and a node image may have many of them."""
        return _hash(f"{image.name}-{self._builder.image_key(image)}".encode())[:6]

    def _with(self, ready: PreparedImages, extras: Sequence[Image]) -> PreparedImages:
        """`ready` with `extras` in its node image: cached, pulled or built."""
        fetched = [image for image in extras if not image.ours]
        added = _WITH.join([ready.node, *map(self._extra, extras)])
        tags = {source: f"{added}-{source}" for source in (SOURCES[self.mode] if fetched else ("built",))}
        source = next((source for source, tag in tags.items() if self.docker.image_id(tag)), "")
        if source:
            here = {image.name: self._tag(image.name, "official") for image in fetched if source != "built"}
            pulled = {name: tag for name, tag in here.items() if source == "pulled" or self.docker.image_id(tag)}
        else:
            pulled = {} if self.mode == "build" or not fetched else self._pull(fetched)
            source = "built" if not pulled else "mixed" if len(pulled) < len(fetched) else "pulled"
            build_missing(self._builder, self.say, [image for image in extras if image.name not in pulled])
            self.say(f"images: adding {', '.join(image.name for image in extras)} to the node image")
            with self._builder.scratch() as work:
                entries = [self._oci_image(image, pulled, work) for image in extras]
                write_archive(work / "images.tar", entries, architecture())
                self._bake_node(ready.node, work / "images.tar", tags[source])
        images = dict(ready.images)
        for image in extras:
            tag = pulled.get(image.name)
            made = self.docker.image_id(tag) if tag else self._builder.image_key(image)
            images[image.name] = ImageRef(image.ref, "pulled" if tag else "built", made)
        return replace(ready, node=tags[source], images=images)

    def _prepare(self) -> PreparedImages:
        begun = time.monotonic()
        every = self.versions.images.values()
        wanted = [image for image in every if not image.control_plane]  # the official node image contains those
        pulled = {} if self.mode == "build" else self._pull(wanted)
        missing = [image for image in wanted if image.name not in pulled]
        if "node" not in pulled:
            missing += [image for image in every if image.control_plane]
        try:
            programs = [*([] if self._installed_kind() else ["kind"]), *([] if "node" in pulled else ["kubectl"])]
            build_missing(self._builder, self.say, missing, programs)
        except Misconfigured as error:
            raise Misconfigured(f"{error}{'' if self.mode == 'pull' else '; or use --images pull'}") from error
        source = "built" if not pulled else "mixed" if missing else "pulled"
        images = {image.name: ImageRef(image.ref, "built", self._builder.image_key(image)) for image in missing}
        for name, tag in pulled.items():
            images[name] = ImageRef(self.versions.images[name].ref, "pulled", self.docker.image_id(tag))
        self.say("images: building the node image")
        self._bake([self.versions.images[name] for name in images], pulled, source)
        record = self._record(source)
        self._link_tools(record, pulled)
        listed = {name: vars(image) for name, image in images.items()}
        (record / "images.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
        self.say(f"images: all ready after {time.monotonic() - begun:.0f} s")
        return self._prepared(source, images, cached=False)

    def _bake(self, images: Sequence[Image], pulled: Mapping[str, str], source: str) -> None:
        """Load MinIO's image and the node image, which contains all others, into the engine."""
        with self._builder.scratch() as work:
            entries = {image.name: self._oci_image(image, pulled, work) for image in images}
            self._load(entries.pop("minio"), self._tag("minio", source), work)
            node, base = entries.pop("node"), pulled.get("node") or self._tag("node-base", source)
            if "node" not in pulled:
                self._load(node, base, work)
            write_archive(work / "images.tar", entries.values(), architecture())
            self._bake_node(base, work / "images.tar", self._tag("node", source))

    def _bake_node(self, base: str, archive: Path, tag: str) -> None:
        """Build `tag` from the node image `base` and the images of `archive`, unpacked: a cluster then loads none.

        ToolFailed if a script fails; Misconfigured if the node image lacks a program that the scripts need.
        """
        docker, node = self.docker, self.versions.images["node"]
        container = f"drillproof-bake-{tag.rpartition(':')[2]}"
        docker("rm", "--force", "--volumes", container)  # of an earlier process that was killed
        start = ("--detach", "--privileged", "--network=none", f"--label={LABEL}=images", "--volume=/bake")
        docker("run", *start, "--name", container, "--entrypoint=sleep", base, "infinity")
        try:
            for program in node.programs:
                try:
                    docker("exec", container, "bash", "-c", f"command -v {program}")
                except ToolFailed as error:
                    raise Misconfigured(
                        f"the image {node.ref} has no {program}, which building the node image needs; "
                        "pin a tag that has it, or use --images build"
                    ) from error
            docker("cp", f"{self._builder.recipes / 'node'}/.", f"{container}:/bake/")
            docker("cp", archive, f"{container}:/bake/images.tar", within_s=BAKE_WITHIN_S)
            docker("exec", container, "bash", "/bake/setup.sh", self.versions.kubernetes)
            docker("exec", container, "bash", "/bake/bake.sh", "/bake/images.tar", within_s=BAKE_WITHIN_S)
            # Without our label: every node created from the image would have it.
            changes = [f"ENTRYPOINT {json.dumps(node.entrypoint)}", "CMD []", f'LABEL {LABEL}=""']
            docker("commit", *(f"--change={change}" for change in changes), container, tag, within_s=BAKE_WITHIN_S)
        finally:
            docker("rm", "--force", "--volumes", container)

    def _oci_image(self, image: Image, pulled: Mapping[str, str], work: Path) -> OciImage:
        if image.name not in pulled:
            oci = self._builder.oci_image(image)
        elif image.name == "node":
            return OciImage((), ())  # used unchanged, and checked when it runs
        else:
            oci = self._flattened(image, pulled[image.name], work)
        check_programs(image, oci)
        return oci

    def _flattened(self, image: Image, tag: str, into: Path) -> OciImage:
        """A pulled image as an archive's entry, flattened to one layer below the folder `into`.

        One layer has no deletions of lower layers' files, which could not be kept inside another image.
        """
        config = json.loads(self.docker("image", "inspect", "--format", "{{json .Config}}", tag))
        path = into / f"{image.name}.tar"
        with self.docker.container_of(tag) as container:
            self.docker("export", "--output", path, container, within_s=600)
        return OciImage((image.ref, *image.also), (Layer(path, digest_of(path)),), config)

    def _load(self, oci: OciImage, tag: str, work: Path) -> None:
        write_archive(work / "load.tar", [replace(oci, names=(tag,))], architecture())
        self.docker("load", "--quiet", "--input", work / "load.tar", within_s=600)

    def _pull(self, wanted: Sequence[Image]) -> dict[str, str]:
        """Every image that could be pulled, by name, with our tag of it."""
        tags = {image.name: self._tag(image.name, "official") for image in wanted}
        missing = [image for image in wanted if not self.docker.image_id(tags[image.name])]
        where = self.mirror or "the official registries"
        if missing and not registry_answers(self.docker, self.mirror or missing[0].ref):
            if self.mode == "pull":
                raise Misconfigured(
                    f"{where} cannot be reached; name a registry that mirrors them with --mirror HOST, or build the "
                    "images with --images auto"
                )
            self.say(f"images: {where} cannot be reached; building images locally (once, about 15 minutes)")
            return {}

        def pull(image: Image) -> bool:
            address = f"{self.mirror}/{image.ref.partition('/')[2]}" if self.mirror else image.ref
            try:
                self.docker("pull", "--quiet", address, within_s=PULL_WITHIN_S)
                self.docker("tag", address, tags[image.name])
                if self.mirror:
                    self.docker("rmi", address)
            except HarnessError as error:
                if self.mode == "pull":
                    raise Misconfigured(f"cannot pull {image.ref} from {where}: {error}") from error
                self.say(f"images: cannot pull {image.name}, building it: {error}")
                return False
            self.say(f"images: pulled {image.ref}")
            return True

        failed = {image.name for image, done in zip(missing, for_each(missing, pull), strict=True) if not done}
        return {name: tag for name, tag in tags.items() if name not in failed}

    def sources(self, names: Iterable[str]) -> dict[str, str]:
        """By these names: whether a drill gets the image pulled or built, as far as is known before; does neither."""
        found = self._found()
        known = {name: image.source for name, image in found.images.items()} if found else {}
        if missing := [name for name in names if name not in known]:
            pulls = self.mode == "pull" or (
                self.mode == "auto" and registry_answers(self.docker, self.mirror or self.versions.images["node"].ref)
            )
            known |= dict.fromkeys(missing, "pulled" if pulls else "built")
        return known

    def _link_tools(self, record: Path, pulled: Mapping[str, str]) -> None:
        """Put the host's programs into a record: links to those that were compiled, copies of those in images."""
        shutil.rmtree(record, ignore_errors=True)
        record.mkdir(parents=True)
        (record / "kind").symlink_to(self._installed_kind() or self._builder.program("kind"))
        velero = f"velero-{self.versions.lane}/velero"
        for program, image, inside in (("kubectl", "node", "/usr/bin/kubectl"), (velero, "velero", "/velero")):
            tool = record / inside.rpartition("/")[2]
            if image in pulled:
                self._copy_tool(pulled[image], inside, tool)
            else:
                tool.symlink_to(self._builder.program(program))

    def _velero(self, lane: str, prepared: PreparedImages, record: Path) -> Path:
        """The program of a lane that is not the default one: compiled, or copied from its image into the record."""
        extra = self.versions.velero_image(lane)
        if (image := prepared.images[extra.name]).source == "built":
            program = f"{extra.name}/velero"
            self._builder.compile(self.versions.build_of(program))
            return self._builder.program(program)
        tool = record / f"{extra.name}-{self._extra(extra)}"
        if not tool.exists():
            self._copy_tool(image.id, "/velero", new := tool.with_suffix(".new"))
            new.replace(tool)
        return tool

    def _copy_tool(self, image: str, inside: str, to: Path) -> None:
        with self.docker.container_of(image) as container:
            self.docker("cp", "--follow-link", f"{container}:{inside}", to)
        run([to, "--help"], within_s=30)  # it must run on this machine

    def _installed_kind(self) -> Path | None:
        """The user's kind, if it has the pinned version; it is in no image, so otherwise it is compiled."""
        installed = shutil.which("kind")
        pinned = self.versions.go["kind"].pins["sigs.k8s.io/kind"]
        if installed and pinned in run([installed, "version"], check=False).stdout.split():
            return Path(installed)
        return None


def registry_answers(docker: Docker, ref: str) -> bool:
    """Whether the registry of the image `ref` can be reached; takes seconds."""
    if docker("info", "--format", "{{.HTTPProxy}}{{.HTTPSProxy}}"):
        return True  # the engine uses a proxy, so only a pull shows it
    host, _, port = ref.partition("/")[0].partition(":")
    try:
        with socket.create_connection((host, int(port or 443)), ANSWER_WITHIN_S):
            return True
    except OSError:
        return False


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
