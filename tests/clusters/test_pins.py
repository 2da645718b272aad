"""The file of pins: what it says is what is built, and what is wrong in it is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.clusters.images.versions import Versions, load
from harness.core import resources
from harness.core.errors import Misconfigured

FILE = resources.clusters() / "versions.toml"


@pytest.fixture(scope="module")
def versions() -> Versions:
    return load(FILE)


def test_pins_are_what_the_go_modules_say(versions: Versions) -> None:
    for build in versions.go.values():
        text = (resources.clusters() / "images" / build.module / "go.mod").read_text()
        for module, version in build.pins.items():
            replaced = re.search(rf"^(?:replace|\s*) ?{re.escape(module)} => \S+ (\S+)", text, re.MULTILINE)
            required = re.search(rf"^(?:require|\s*) ?{re.escape(module)} (v\S+)", text, re.MULTILINE)
            found = replaced or required
            assert found, f"{build.module}/go.mod does not require {module}"
            assert found[1] == version, f"{module} in {build.module}/go.mod"


def test_official_tags_agree_with_the_pins(versions: Versions) -> None:
    for name in ("node", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        assert versions.images[name].ref.endswith(f":{versions.kubernetes}")
    pins = {module: version for build in versions.go.values() for module, version in build.pins.items()}
    assert pins["k8s.io/kubernetes"] == versions.kubernetes
    assert versions.images["consul"].ref.endswith(f":{pins['github.com/hashicorp/consul'].removeprefix('v')}")


def test_every_lane_of_velero_is_a_module_an_image_and_a_layer_of_its_own(versions: Versions) -> None:
    assert versions.lanes
    for name, lane in versions.lanes.items():
        image, build = versions.velero_image(name), versions.go[f"velero-{name}"]
        assert lane.version.startswith(f"v{name}.")
        assert image.ref == f"docker.io/velero/velero:{lane.version}"
        assert build.set["github.com/vmware-tanzu/velero/pkg/buildinfo.Version"] == lane.version
        assert set(versions.layers[image.layers[-1]].programs.values()) == {
            f"{build.name}/{each}" for each in build.programs
        }
        assert ("restic" in image.layers) is ("restic" in lane.restores)
        assert set(lane.backs_up) <= set(lane.restores)
        others = [each.module for each in versions.go.values() if each is not build]
        assert build.module not in others  # with another program's requirements its log would name wrong versions
    assert "velero" in versions.images
    assert {f"velero-{name}" for name in versions.lanes} - {*versions.extras} == {f"velero-{versions.lane}"}


def test_kopia_check_has_the_library_of_the_newest_lane(versions: Versions) -> None:
    newest = max(versions.lanes, key=lambda name: tuple(map(int, name.split("."))))
    assert versions.go["kopia-check"].pins["github.com/kopia/kopia"] == versions.lanes[newest].kopia


def test_an_archive_of_mavens_is_of_the_tags_version(versions: Versions) -> None:
    extra, module = versions.extras["keycloak"], versions.layers["keycloak"].module
    version = extra.ref.rpartition(":")[2]
    assert module["maven"].split(":")[2] == version
    assert module["from"] == f"keycloak-{version}"


def test_every_image_that_pods_use_says_what_must_be_in_it(versions: Versions) -> None:
    assert all(image.programs for image in versions.images.values() if image.node)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("format = 1", "format = 2", "`format`"),
        ("format = 1", "format = 1\nsurprise = 1", "`surprise`"),
        ('layers = ["mysql"]', 'layers = ["mysqld"]', "images.mysql"),
        ('ref = "docker.io/library/mysql:9.7"', 'ref = "mysql"', "images.mysql"),
        ('ref = "docker.io/library/mysql:9.7"', "", "`ref`"),
        ('ref = "docker.io/library/mysql:9.7"', "ref = 9.7", "`ref`"),
        ("accounts = { mysql = 999 }", 'accounts = { mysql = "999" }', "accounts.mysql"),
        ('"/var/lib/mysql" = "mysql:0750"', '"/var/lib/mysql" = "mysql"', "directories./var/lib/mysql"),
        ('programs = { "/usr/bin/consul" = "consul" }', 'programs = { "/usr/bin/consul" = "console" }', "console"),
        ('suite = "sid"', "", "layers.mysql"),
        ('owner = "keycloak"', "", "layers.keycloak"),
        ('layers = ["java", "keycloak"]', 'layers = ["coffee"]', "extras.keycloak"),
        ("docker.io/library/mysql:9.7", "drillproof.invalid/mysql:9.7", "images.mysql"),
        ("format = 1", "format = = 1", "line"),
        ('default = "1.16"', 'default = "1.15"', "`default`"),
        ('backs_up = ["kopia"]', "", "velero: lanes.1.17"),
        ('version = "v1.18.3"', 'versions = "v1.18.3"', "velero: lanes.1.18"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, old: str, new: str, named: str) -> None:
    text = FILE.read_text()
    assert old in text
    wrong = tmp_path / "versions.toml"
    wrong.write_text(text.replace(old, new, 1))
    with pytest.raises(Misconfigured) as error:
        load(wrong)
    assert str(wrong) in str(error.value)
    assert named in str(error.value)


def test_a_missing_file_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"versions\.toml"):
        load(tmp_path / "versions.toml")
