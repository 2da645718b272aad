"""Keys, and what is kept and what is not when things are made."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters.images import builder as building
from harness.clusters.images.builder import ImageBuilder, build_missing
from harness.clusters.images.layers import digest_of
from harness.clusters.images.versions import GoBuild, Image, LayerRecipe, Versions
from harness.core.errors import Misconfigured, ToolFailed


@pytest.fixture
def builder(tmp_path: Path) -> ImageBuilder:
    (tmp_path / "images/tool").mkdir(parents=True)
    (tmp_path / "images/tool/go.mod").write_text("module tool\n\ngo 1.25.3\n")
    build = GoBuild("tool", "tool", {}, {"tool": "./cmd/tool"})
    layer = LayerRecipe("top", programs={"/usr/bin/tool": "tool"})
    image = Image("tool", "docker.io/tool:1", ("top",), command=("tool",))
    versions = Versions("v1", {"tool": build}, {"top": layer}, {"tool": image})
    return ImageBuilder(versions, tmp_path / "images", tmp_path / "cache")


def compiled(builder: ImageBuilder) -> None:
    program = builder.program("tool")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"program")


def test_a_changed_module_changes_every_key_above_it(builder: ImageBuilder) -> None:
    image, layer = builder.versions.images["tool"], builder.versions.layers["top"]
    before = (builder.image_key(image), builder.layer_key(layer))
    assert (builder.image_key(image), builder.layer_key(layer)) == before
    (builder.recipes / "tool/go.sum").write_text("sum")
    assert builder.image_key(image) != before[0]
    assert builder.layer_key(layer) != before[1]


def test_a_program_of_several_builds_is_named_with_its_build(builder: ImageBuilder) -> None:
    other = GoBuild("other", "tool", {}, {"tool": "./cmd/other"})
    builder = replace(builder, versions=replace(builder.versions, go={**builder.versions.go, "other": other}))
    assert builder.program("tool/tool") == builder.program("tool")
    assert builder.program("other/tool") == builder.cache / "bin" / builder.build_key(other) / "tool"
    layer = replace(builder.versions.layers["top"], programs={"/usr/bin/tool": "other/tool"})
    assert builder.layer_key(layer) != builder.layer_key(builder.versions.layers["top"])


def test_a_changed_recipe_changes_its_key(builder: ImageBuilder) -> None:
    image, layer = builder.versions.images["tool"], builder.versions.layers["top"]
    assert builder.layer_key(replace(layer, links={"/a": "b"})) != builder.layer_key(layer)
    assert builder.image_key(replace(image, command=("other",))) != builder.image_key(image)


def test_a_finished_layer_is_found_again_and_an_unfinished_one_is_not(builder: ImageBuilder) -> None:
    layer = builder.versions.layers["top"]
    with pytest.raises(FileNotFoundError):  # its program is missing: interrupted half way
        builder.assemble(layer)
    assert builder.layer(layer) is None
    assert not list((builder.cache / "work").iterdir())
    compiled(builder)
    assert builder.assemble(layer) == builder.layer(layer)


def test_a_built_image_says_so_in_its_labels(builder: ImageBuilder) -> None:
    compiled(builder)
    image = builder.versions.images["tool"]
    picture = builder.oci_image(image)
    assert picture.names == ("docker.io/tool:1",)
    assert picture.config["Labels"] == {
        "drillproof.key": builder.image_key(image),
        "drillproof.source": "built",
    }


@pytest.mark.parametrize("found", ["go1.25.2", "go1.9", "go1.24"])
def test_an_old_go_is_refused_with_what_is_needed(
    builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {found}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Misconfigured, match=r"too old: building needs Go 1\.25\.3"):
        building.ensure_go(builder.recipes / "tool/go.mod")


def test_a_missing_go_is_said_at_once(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Misconfigured, match=r"go\.dev/dl"):
        builder.compile(builder.versions.go["tool"])


def packed(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch, sha256: str) -> LayerRecipe:
    """A layer of an archive that a stand-in for Maven's client fetches."""
    client = builder.cache.parent / "client/mvn"
    client.parent.mkdir()
    with tarfile.open(client.parent / "thing.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("thing-1/bin/run.sh"))
    client.write_text(f'#!/bin/sh\nmkdir "${{4#*=}}" && cp {client.parent}/thing.tar.gz "${{4#*=}}"\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=":")
    module = {"maven": "org:thing:1:tar.gz", "from": "thing-1", "run": "touch built", "to": "/opt", "owner": "root"}
    return LayerRecipe("thing", module={**module, "sha256": sha256 or digest_of(client.parent / "thing.tar.gz")})


def test_an_archive_of_mavens_becomes_a_layer_if_it_is_the_pinned_one(
    builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = builder.assemble(packed(builder, monkeypatch, ""))
    with tarfile.open(layer.path) as tar:
        assert tar.getnames() == ["opt", "opt/bin", "opt/bin/run.sh", "opt/built"]


def test_another_archive_than_the_pinned_one_is_refused(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = packed(builder, monkeypatch, "0" * 64)
    with pytest.raises(Misconfigured, match="org:thing:1"):
        builder.assemble(recipe)
    assert builder.layer(recipe) is None


def of_module(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch, download: str) -> LayerRecipe:
    """A layer of a Go module's files; `download` is what a stand-in for go does for it."""
    client = builder.cache.parent / "client/go"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\n[ "$1" = env ] && echo go1.99 && exit\n{download}\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=":")
    return LayerRecipe("files", module={"go": "tool", "path": "org/thing", "from": "config", "executable": "bin/*"})


def test_a_modules_files_become_a_layer(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "module/config").mkdir(parents=True)
    (tmp_path / "module/config/a.yaml").write_text("a")
    recipe = of_module(builder, monkeypatch, f"""echo '{{"Path": "org/thing", "Dir": "{tmp_path}/module"}}'""")
    with tarfile.open(builder.assemble(recipe).path) as tar:
        assert tar.getnames() == ["a.yaml"]


@pytest.mark.parametrize("download", ["exit 1", """echo '{"Path": "org/thing", "Dir": "/nowhere"}'"""])
def test_a_module_that_is_not_there_becomes_no_empty_layer(
    builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch, download: str
) -> None:
    recipe = of_module(builder, monkeypatch, download)
    with pytest.raises((ToolFailed, Misconfigured)):
        builder.assemble(recipe)
    assert builder.layer(recipe) is None


def test_a_missing_maven_is_said_at_once(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = packed(builder, monkeypatch, "")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Misconfigured, match="apt-get install maven"):
        builder.assemble(recipe)


def test_what_is_built_already_is_not_built_again(builder: ImageBuilder) -> None:
    compiled(builder)
    lines: list[str] = []
    build_missing(builder, lines.append, [builder.versions.images["tool"]])
    assert lines == []


def test_one_failure_stops_what_has_not_begun(builder: ImageBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def compile_(_: ImageBuilder, build: GoBuild) -> None:
        begun.append(build.name)
        raise ToolFailed(["go", "build"], 1, "no")

    first = builder.versions.go["tool"]
    second = replace(first, name="second", programs={"second": "./cmd/second"})
    versions = replace(builder.versions, go={"tool": first, "second": second})
    monkeypatch.setattr(ImageBuilder, "compile", compile_)
    monkeypatch.setattr(ImageBuilder, "download", lambda *_: None)
    with pytest.raises(ToolFailed):
        build_missing(replace(builder, versions=versions), print, [], tools=("tool", "second"))
    assert begun == ["tool"]
