"""Images that only some drills need: which are pulled, which are built, and the node image that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import RememberedDocker

from harness.clusters import local
from harness.clusters.csi_driver import files_of
from harness.clusters.images import images as module
from harness.clusters.images.builder import ImageBuilder
from harness.clusters.images.images import ImageProvider, PreparedImages, Tools
from harness.clusters.images.layers import OciImage
from harness.clusters.images.versions import GoBuild, Image, LayerRecipe, Versions, load
from harness.core.errors import Misconfigured, ToolFailed

OFFICIAL = Image("sidecar", "registry.example.org/sidecar:1", ("top",))
OURS = Image("driver", "drillproof.invalid/driver:1", ("top",))
OTHER = Image("other", "registry.example.org/other:1", ("top",))
READY = PreparedImages("drillproof/node:0123456789abcdef-built", "minio", {}, Tools(*[Path("tool")] * 3), cached=True)


@dataclass(frozen=True)
class Engine(RememberedDocker):
    """Has the images of `here`."""

    here: set[str] = field(default_factory=set)

    def image_id(self, image: str) -> str:
        return f"id of {image}" if image in self.here else ""

    def __call__(self, *args: str | Path, within_s: float = 120, secrets: Mapping[str, str] | None = None) -> str:
        if args[0] == "tag":
            self.here.add(str(args[2]))
        return super().__call__(*args, within_s=within_s, secrets=secrets)


@dataclass
class Made:
    provider: ImageProvider
    engine: Engine
    built: list[str]
    baked: list[str]


Prepare = Callable[..., Made]


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    (tmp_path / "images/tool").mkdir(parents=True)
    built: list[str] = []
    baked: list[str] = []
    monkeypatch.setattr(module, "build_missing", lambda _, __, images: built.extend(image.name for image in images))
    monkeypatch.setattr(module, "registry_answers", lambda *_: True)
    monkeypatch.setattr(ImageProvider, "_oci_image", lambda *_: OciImage((), ()))

    def bake(provider: ImageProvider, _base: str, _archive: Path, tag: str) -> None:
        baked.append(tag)
        engine = provider.docker
        assert isinstance(engine, Engine)
        engine.here.add(tag)

    monkeypatch.setattr(ImageProvider, "_bake_node", bake)

    def made(mode: str = "auto", refuses: Sequence[str] = ()) -> Made:
        extras = {image.name: image for image in (OFFICIAL, OURS, OTHER)}
        layer = LayerRecipe("top", links={"/a": "b"})
        versions = Versions(
            "v1", {"kubectl": GoBuild("kubectl", "tool", {}, {"kubectl": "."})}, {"top": layer}, {}, extras
        )
        engine = Engine(refuses={f"pull --quiet {ref}": "no such image" for ref in refuses})
        provider = ImageProvider(engine, versions, mode, cache=tmp_path / "cache")
        vars(provider)["ready"] = READY
        return Made(provider, engine, built, baked)

    return made


def test_no_extras_change_nothing(prepare: Prepare) -> None:
    assert prepare().provider.with_extras([]) is READY


def test_all_are_put_into_one_node_image_at_once_and_found_again(prepare: Prepare) -> None:
    made = prepare()
    first = made.provider.with_extras(["sidecar", "driver"])
    again = made.provider.with_extras(["driver", "sidecar", "driver"])
    assert made.baked == [first.node]
    assert first == again
    assert {name: image.source for name, image in first.images.items()} == {"driver": "built", "sidecar": "pulled"}
    assert first.node.startswith(READY.node)


def test_an_image_that_no_registry_has_is_never_pulled(prepare: Prepare) -> None:
    made = prepare("pull")
    made.provider.with_extras(["driver"])
    made.provider.with_extras(["driver", "sidecar"])
    assert [call for call in made.engine.calls if call.startswith("pull")] == [f"pull --quiet {OFFICIAL.ref}"]
    assert made.built == ["driver", "driver"]
    assert [tag.rpartition("-")[2] for tag in made.baked] == ["built", "pulled"]


def test_what_cannot_be_pulled_is_built_or_an_error(prepare: Prepare) -> None:
    made = prepare("auto", [OTHER.ref])
    ready = made.provider.with_extras(["sidecar", "other"])
    assert {name: image.source for name, image in ready.images.items()} == {"other": "built", "sidecar": "pulled"}
    assert made.built == ["other"]
    assert ready.node.endswith("-mixed")
    assert made.provider.with_extras(["sidecar", "other"]).images == ready.images
    with pytest.raises(Misconfigured, match=OTHER.ref):
        prepare("pull", [OTHER.ref]).provider.with_extras(["sidecar", "other"])


@pytest.mark.parametrize("mode", ["pull", "build"])
def test_the_velero_of_another_lane_is_an_extra_whose_program_is_taken_along(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    made = prepare(mode)
    extra = Image("velero-2", "registry.example.org/velero:v2", ("top",))
    build = GoBuild("velero-2", "tool", {}, {"velero": "."})
    pinned = replace(
        made.provider.versions,
        extras={"velero-2": extra},
        lane="1",
        go={**made.provider.versions.go, "velero-2": build},
    )
    provider = replace(made.provider, versions=pinned)
    vars(provider)["ready"] = READY
    compiled: list[str] = []
    monkeypatch.setattr(ImageBuilder, "compile", lambda _, each: compiled.append(each.name))
    monkeypatch.setattr(ImageProvider, "_copy_tool", lambda _, image, inside, to: to.write_text(f"{image}{inside}"))
    record = provider.cache / "record"
    record.mkdir(parents=True)
    vars(provider)["ready"] = replace(READY, tools=Tools(*[record / "tool"] * 3))

    assert provider.with_extras([], "1").tools == provider.ready.tools
    found = provider.with_extras([], "2")

    assert found.images["velero-2"].ref == extra.ref
    assert (found.tools.kubectl, found.tools.velero != found.tools.kubectl) == (record / "tool", True)
    assert compiled == (["velero-2"] if mode == "build" else [])
    if mode == "pull":
        assert found.tools.velero.read_text().endswith("/velero")
        assert provider.with_extras([], "2").tools == found.tools


def test_a_failed_build_leaves_no_node_image(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise ToolFailed(["go", "build"], 1, "no")

    monkeypatch.setattr(module, "build_missing", failing)
    made = prepare("build")
    with pytest.raises(ToolFailed):
        made.provider.with_extras(["driver"])
    assert made.baked == []


def test_a_tag_has_room_for_all_extras_that_there_are() -> None:
    extras = load().extras
    provider = ImageProvider(Engine(), load())
    tag = (
        "_".join(["0123456789abcdef-pulled", *map(provider._extra, extras.values())]) + "-pulled"
    )  # the shape of a tag
    assert len(tag) <= 128


def test_prune_keeps_node_images_of_this_recipe_and_removes_those_of_others(prepare: Prepare) -> None:
    made = prepare("build")
    key = made.provider._key  # part of the tags
    node = f"drillproof/node:{key}-built"
    vars(made.provider)["ready"] = replace(READY, node=node)
    kept = [made.provider.with_extras(names).node for names in (["driver"], ["driver", "sidecar"])]
    old = [f"{node}_00000000-built", f"{kept[0].rpartition('-')[0]}_00000000-built", "drillproof/node:old-built"]
    made.engine.answers["images"] = "\n".join([node, *kept, *old])
    assert list(made.provider.prune()) == old


def test_the_files_of_a_layer_that_is_in_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    layer = LayerRecipe("files", directories={"/folder": "root:0755"}, accounts={"one": 1})
    found = files_of(Versions("v1", {}, {"files": layer}, {}), "files")
    assert sorted(found) == ["/etc/group", "/etc/passwd"]
    assert b"one:x:1:1:" in found["/etc/passwd"]


def test_an_image_of_an_application_that_is_one_of_the_extras_is_prepared_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, asked = Engine(here={"registry.example.org/shop:1"}), list[Sequence[str]]()
    monkeypatch.setattr(local, "ensure_engine", lambda _: engine)
    monkeypatch.setattr(local, "require_disk_space", lambda *_: None)

    def with_extras(_: ImageProvider, names: Sequence[str], __: str) -> PreparedImages:
        asked.append(names)
        return READY

    monkeypatch.setattr(ImageProvider, "with_extras", with_extras)
    wanted = {"docker.io/library/postgres:15": "db-0", "docker.io/library/postgres:17": "db-1"}
    found = local.prepare("build", None, print, wanted={**wanted, "registry.example.org/shop:1": "web-0"})
    assert asked == [("postgres-15",)]
    assert found.extra_images == ("registry.example.org/shop:1",)
