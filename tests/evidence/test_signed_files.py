"""What a bundle may hold, and which keys are taken, on both sides of each bound."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from harness.core.errors import Misconfigured, Unreadable
from harness.evidence.signing import files, keys
from harness.evidence.signing.files import Bundle, Directory, clean, digest


def bundle(folder: Path, content: bytes, *, packed: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", packed) as file:
        file.writestr("run/x", content)
    return path


@pytest.mark.parametrize(("size", "holds"), [(999, True), (1000, True), (1001, False)])
def test_a_small_file_may_be_packed_by_any_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, *, holds: bool
) -> None:
    monkeypatch.setattr(files, "PLENTY", 1000)
    monkeypatch.setattr(files, "RATIO", 2)
    path = bundle(tmp_path, bytes(size))
    if holds:
        assert Bundle(path).names() == {"x"}
        return
    with pytest.raises(Unreadable, match=f"unpacks to {size} bytes"):
        Bundle(path)


@pytest.mark.parametrize(("ratio", "holds"), [(1, True), (0, False)])
def test_a_large_file_may_be_as_large_as_its_ratio_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: int, *, holds: bool
) -> None:
    monkeypatch.setattr(files, "PLENTY", 10)
    monkeypatch.setattr(files, "RATIO", ratio)
    path = bundle(tmp_path, bytes(1001), packed=zipfile.ZIP_STORED)
    if holds:
        assert digest(Bundle(path), "x") == digest(Bundle(path), "x")
        return
    with pytest.raises(Unreadable, match="unpacks to 1001 bytes"):
        Bundle(path)


@pytest.mark.parametrize("name", ["", "/x", "../x", "a/../x", "a//x", "./x", "a/", "a\\x", "a\0x", ".."])
def test_a_name_that_leads_elsewhere_is_not_clean(name: str) -> None:
    assert not clean(name)
    assert clean("a/x")


def test_only_what_is_neither_a_file_nor_a_folder_is_odd(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "link").symlink_to("folder/file")
    assert Directory(tmp_path).names() == {"folder/file"}
    assert Directory(tmp_path).odd() == {"link"}


def test_a_key_is_made_once_told_once_and_its_public_half_is_never_replaced() -> None:
    said: list[str] = []
    made = keys.signer(say=said.append)
    public = keys.folder() / "own.pub"
    assert len(said) == 1
    public.write_bytes(b"mine")
    assert keys.signer(say=said.append).public_key.keyid == made.public_key.keyid
    assert (public.read_bytes(), len(said)) == (b"mine", 1)
    public.unlink()
    keys.signer(say=said.append)
    assert (public.read_bytes(), len(said)) == (keys.pem(made.public_key), 1)


def test_no_other_key_than_the_own_is_made(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot read the private key"):
        keys.signer(tmp_path / "none.key")
    assert not keys.folder().exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601])
def test_a_private_key_that_others_may_use_is_refused(mode: int) -> None:
    keys.signer()
    (keys.folder() / "own.key").chmod(mode)
    with pytest.raises(Misconfigured, match="others may read"):
        keys.signer()
