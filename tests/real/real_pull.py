"""The pull path, for real: a registry of our own with images under the official names. `make test-real` runs it.

It needs an engine, the images built once (`make drill`), and some minutes; so it is not collected by default.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters.docker import Docker
from harness.clusters.engine import ensure_engine
from harness.clusters.images import versions
from harness.clusters.images.builder import ImageBuilder, architecture
from harness.clusters.images.debian import Suite, release
from harness.clusters.images.images import ImageProvider
from harness.clusters.images.layers import write_archive
from harness.clusters.images.versions import Versions
from harness.core import paths
from harness.core.errors import Misconfigured
from harness.core.process import run, spawn
from harness.core.wait import NotYet, until


@pytest.fixture(scope="module")
def docker() -> Docker:
    return ensure_engine(paths.cache())


@pytest.fixture(scope="module")
def pins() -> Versions:
    return versions.load()


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    """Debian's docker-registry as a process, empty at first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        codename = release()["VERSION_CODENAME"]
        for deb in Suite(codename, paths.cache() / "apt" / codename).fetch(["docker-registry"], home / "debs"):
            run(["dpkg-deb", "-x", deb, home])
        config = (
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {home}/store}}}}\nhttp: {{addr: '{address}'}}\n"
        )
        (home / "config.yml").write_text(config)
        with spawn([home / "usr/bin/docker-registry", "serve", home / "config.yml"]):

            def answers() -> None:
                try:
                    socket.create_connection(("127.0.0.1", int(address.partition(":")[2])), 1).close()
                except OSError as error:
                    raise NotYet(str(error)) from error

            until(answers, waited_for="docker-registry", within_s=20)
            yield address


@pytest.fixture
def forgotten(docker: Docker) -> Iterator[None]:
    """The engine has none of the official images before, nor after."""

    def forget() -> None:
        tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "drillproof/*").split()
        pulled = [tag for tag in tags if tag.endswith(("-official", "-pulled"))]
        if pulled:
            docker("rmi", "--force", *pulled)

    forget()
    yield
    forget()


@pytest.mark.usefixtures("forgotten")
def test_official_names_are_pulled_from_a_mirror_and_become_a_node_image(
    docker: Docker, pins: Versions, mirror: str, tmp_path: Path
) -> None:
    built = ImageProvider(docker, pins, mode="build").ready
    with pytest.raises(Misconfigured, match="cannot pull"):  # the mirror is still empty
        _ = ImageProvider(docker, pins, cache=tmp_path, mode="pull", mirror=mirror).ready
    _fill(docker, pins, mirror, built.node, tmp_path)

    ready = ImageProvider(docker, pins, cache=tmp_path, mode="pull", mirror=mirror, say=print).ready

    assert {image.source for image in ready.images.values()} == {"pulled"}
    assert ready.node != built.node
    assert pins.kubernetes in run([ready.tools.kubectl, "version", "--client"]).stdout
    assert pins.lanes[pins.lane].version in run([ready.tools.velero, "version", "--client-only"]).stdout
    listed = _listed_in(docker, ready.node)
    assert {image.ref for image in pins.images.values() if image.node or image.control_plane} <= set(listed)
    assert ImageProvider(docker, pins, cache=tmp_path, mode="pull", mirror=mirror).ready.cached


@pytest.mark.usefixtures("forgotten")
def test_a_mirror_that_does_not_answer_is_said_in_one_line(docker: Docker, pins: Versions, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^127\.0\.0\.1:1 cannot be reached"):
        _ = ImageProvider(docker, pins, cache=tmp_path, mode="pull", mirror="127.0.0.1:1").ready


def _fill(docker: Docker, pins: Versions, mirror: str, node: str, work: Path) -> None:
    """Push our images as if they were the official ones; the node image with the control plane's in it."""
    kitchen = ImageBuilder(pins)
    for image in (image for image in pins.images.values() if not image.control_plane):
        name = f"{mirror}/{image.ref.partition('/')[2]}"
        if image.name == "node":
            docker("tag", node, name)
        else:
            write_archive(work / "push.tar", [replace(kitchen.oci_image(image), names=(name,))], architecture())
            docker("load", "--input", work / "push.tar", within_s=600)
        docker("push", name, within_s=900)
        docker("rmi", name)
    (work / "push.tar").unlink()


def _listed_in(docker: Docker, node: str) -> list[str]:
    script = (
        "(containerd > /dev/null 2>&1 &); until ctr version > /dev/null 2>&1; do sleep 0.2; done;"
        "ctr -n k8s.io images ls -q"
    )
    flags = ("--rm", "--privileged", "--network=none", "--volume=/var", "--entrypoint=bash")
    return docker("run", *flags, node, "-c", script).splitlines()
