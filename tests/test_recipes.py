"""Keys, and what is kept and what is not when things are made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import Misconfigured, ToolFailed
from harness.images import recipes
from harness.images.builder import Builder
from harness.images.recipes import Kitchen
from harness.images.versions import GoBuild, Image, LayerRecipe, Versions


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    (tmp_path / "images/tool").mkdir(parents=True)
    (tmp_path / "images/tool/go.mod").write_text("module tool\n\ngo 1.25.3\n")
    build = GoBuild("tool", "tool", {}, {"tool": "./cmd/tool"})
    layer = LayerRecipe("top", programs={"/usr/bin/tool": "tool"})
    image = Image("tool", "docker.io/tool:1", ("top",), command=("tool",))
    versions = Versions("v1", {"tool": build}, {"top": layer}, {"tool": image})
    return Kitchen(versions, tmp_path / "images", tmp_path / "cache")


def compiled(kitchen: Kitchen) -> None:
    program = kitchen.program("tool")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"program")


def test_a_changed_module_changes_every_key_above_it(kitchen: Kitchen) -> None:
    image, layer = kitchen.versions.images["tool"], kitchen.versions.layers["top"]
    before = (kitchen.image_key(image), kitchen.layer_key(layer))
    assert (kitchen.image_key(image), kitchen.layer_key(layer)) == before
    (kitchen.recipes / "tool/go.sum").write_text("sum")
    assert kitchen.image_key(image) != before[0]
    assert kitchen.layer_key(layer) != before[1]


def test_a_program_that_is_in_no_image_changes_no_image(kitchen: Kitchen) -> None:
    checker = GoBuild("checker", "tool", {}, {"checker": "./cmd/checker"})
    kitchen = replace(kitchen, versions=replace(kitchen.versions, go={**kitchen.versions.go, "checker": checker}))
    image, before = kitchen.versions.images["tool"], kitchen.build_key(checker)
    key = kitchen.image_key(image)
    for name in ("checker", "tool"):
        (kitchen.recipes / "tool/cmd" / name).mkdir(parents=True)
    (kitchen.recipes / "tool/cmd/checker/main.go").write_text("package main")
    assert (kitchen.image_key(image), kitchen.build_key(checker) == before) == (key, False)
    (kitchen.recipes / "tool/cmd/tool/main.go").write_text("package main")
    assert kitchen.image_key(image) != key


def test_a_changed_recipe_changes_its_key(kitchen: Kitchen) -> None:
    image, layer = kitchen.versions.images["tool"], kitchen.versions.layers["top"]
    assert kitchen.layer_key(replace(layer, links={"/a": "b"})) != kitchen.layer_key(layer)
    assert kitchen.image_key(replace(image, command=("other",))) != kitchen.image_key(image)


def test_a_finished_layer_is_found_again_and_an_unfinished_one_is_not(kitchen: Kitchen) -> None:
    layer = kitchen.versions.layers["top"]
    with pytest.raises(FileNotFoundError):  # its program is missing: interrupted half way
        kitchen.assemble(layer)
    assert kitchen.layer(layer) is None
    assert not list((kitchen.cache / "work").iterdir())
    compiled(kitchen)
    assert kitchen.assemble(layer) == kitchen.layer(layer)


def test_a_built_image_says_so_in_its_labels(kitchen: Kitchen) -> None:
    compiled(kitchen)
    image = kitchen.versions.images["tool"]
    picture = kitchen.picture(image)
    assert picture.names == ("docker.io/tool:1",)
    assert picture.config["Labels"] == {
        "drillproof.key": kitchen.image_key(image),
        "drillproof.source": "built",
    }


@pytest.mark.parametrize("found", ["go1.25.2", "go1.9", "go1.24"])
def test_an_old_go_is_refused_with_what_is_needed(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: str
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {found}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Misconfigured, match=r"too old: building needs Go 1\.25\.3"):
        recipes.ensure_go(kitchen.recipes / "tool/go.mod")


def test_a_missing_go_is_said_at_once(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Misconfigured, match="no Go here"):
        kitchen.compile(kitchen.versions.go["tool"])


def test_what_is_built_already_is_not_built_again(kitchen: Kitchen) -> None:
    compiled(kitchen)
    lines: list[str] = []
    Builder(kitchen, lines.append).build([kitchen.versions.images["tool"]])
    assert lines == []


def test_one_failure_stops_what_has_not_begun(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def compile_(_: Kitchen, build: GoBuild) -> None:
        begun.append(build.name)
        raise ToolFailed(["go", "build"], 1, "no")

    first = kitchen.versions.go["tool"]
    second = replace(first, name="second", programs={"second": "./cmd/second"})
    versions = replace(kitchen.versions, go={"tool": first, "second": second})
    monkeypatch.setattr(Kitchen, "compile", compile_)
    monkeypatch.setattr(Kitchen, "download", lambda *_: None)
    with pytest.raises(ToolFailed):
        Builder(replace(kitchen, versions=versions), print).build([], tools=("tool", "second"))
    assert begun == ["tool"]
