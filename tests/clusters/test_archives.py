"""Layers and archives as tar files, and what is looked for in them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from harness.clusters.images.layers import Layer, LayerWriter, OciImage, check_programs, digest_of, write_archive
from harness.clusters.images.versions import Image
from harness.core.errors import Misconfigured


def layer(path: Path, *programs: str) -> Layer:
    with LayerWriter(path, {"mysql": 999}) as writer:
        writer.merge_usr()
        writer.directory("/var/lib/mysql", "mysql", 0o750)
        for program in programs:
            writer.text(program, b"program", 0o755)
    return Layer(path, digest_of(path))


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    assert layer(tmp_path / "a", "/usr/bin/x").digest == layer(tmp_path / "b", "/usr/bin/x").digest
    assert layer(tmp_path / "a", "/usr/bin/x").digest != layer(tmp_path / "c", "/usr/bin/y").digest


def test_what_packages_put_below_the_old_folders_comes_below_usr(tmp_path: Path) -> None:
    made = layer(tmp_path / "a", "/bin/sh", "/lib64/ld.so", "/binary")
    with tarfile.open(made.path) as tar:
        assert {"usr/bin/sh", "usr/lib64/ld.so", "binary", "bin"} <= set(tar.getnames())
        assert tar.getmember("bin").linkname == "usr/bin"


def test_of_two_things_by_one_name_the_first_stays(tmp_path: Path) -> None:
    with LayerWriter(tmp_path / "a", {}) as writer:
        writer.text("/etc/x", b"first")
        writer.text("/etc/x", b"second")
    with tarfile.open(tmp_path / "a") as tar:
        assert tar.getnames() == ["etc", "etc/x"]
        content = tar.extractfile("etc/x")
        assert content
        assert content.read() == b"first"


def test_accounts_own_their_folders(tmp_path: Path) -> None:
    with tarfile.open(layer(tmp_path / "a").path) as tar:
        folder = tar.getmember("var/lib/mysql")
        assert (folder.uid, folder.gid, folder.mode) == (999, 999, 0o750)
        passwd = tar.extractfile("etc/passwd")
        assert passwd
        assert b"mysql:x:999:999:" in passwd.read()


def test_a_tree_is_its_accounts_below_its_new_folder(tmp_path: Path) -> None:
    (tmp_path / "program/bin").mkdir(parents=True)
    (tmp_path / "program/bin/run.sh").touch(0o700)
    with LayerWriter(tmp_path / "a", {"program": 1000}) as writer:
        writer.tree(tmp_path / "program", "/opt/program", "program")
    with tarfile.open(tmp_path / "a") as tar:
        made = {member.name: (member.uid, member.mode) for member in tar if member.name.startswith("opt/program/")}
    assert made == {"opt/program/bin": (1000, 0o755), "opt/program/bin/run.sh": (1000, 0o700)}


def test_an_archive_has_shared_layers_once(tmp_path: Path) -> None:
    base, top = layer(tmp_path / "base", "/bin/sh"), layer(tmp_path / "top", "/bin/top")
    pictures = [OciImage(("docker.io/a:1", "docker.io/b:1"), (base, top), {"Cmd": ["a"]}), OciImage(("c:1",), (base,))]
    write_archive(tmp_path / "archive", pictures, "amd64")
    with tarfile.open(tmp_path / "archive") as tar:
        names = tar.getnames()
        assert len(names) == len(set(names)) == 5  # two layers, two configurations, the manifest
        file = tar.extractfile("manifest.json")
        assert file
        manifest = json.load(file)
        assert manifest[0]["RepoTags"] == ["docker.io/a:1", "docker.io/b:1"]
        config = tar.extractfile(manifest[0]["Config"])
        assert config
        parsed = json.load(config)
        assert parsed["rootfs"]["diff_ids"] == [f"sha256:{base.digest}", f"sha256:{top.digest}"]
        assert parsed["config"] == {"Cmd": ["a"]}


@pytest.mark.parametrize("program", ["sh", "/bin/sh", "/usr/bin/sh"])
def test_a_program_is_found_in_path_and_by_its_place(tmp_path: Path, program: str) -> None:
    picture = OciImage(("x.io/a:1",), (layer(tmp_path / "a", "/bin/sh"),))
    check_programs(Image("a", "x.io/a:1", ("a",), programs=(program,)), picture)


@pytest.mark.parametrize("program", ["mysqld", "/sbin/sh", "/usr/local/bin/sh"])
def test_a_missing_program_is_named_with_its_image(tmp_path: Path, program: str) -> None:
    picture = OciImage(("x.io/a:1",), (layer(tmp_path / "a", "/bin/sh"),))
    with pytest.raises(Misconfigured, match=rf"x\.io/a:1 has no {program}"):
        check_programs(Image("a", "x.io/a:1", ("a",), programs=(program,)), picture)


def test_an_images_own_path_is_searched(tmp_path: Path) -> None:
    made = layer(tmp_path / "a", "/opt/bin/x")
    image = Image("a", "x.io/a:1", ("a",), programs=("x",))
    check_programs(image, OciImage(("x.io/a:1",), (made,), {"Env": ["PATH=/opt/bin"]}))
    with pytest.raises(Misconfigured):
        check_programs(image, OciImage(("x.io/a:1",), (made,)))
