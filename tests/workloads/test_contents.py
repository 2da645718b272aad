"""What makes two applications the same: their objects and stores, and nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import shop

from harness.evidence.run_directory import changed_manifests
from harness.workloads.manifests.load import load


def contents(folder: Path, *swaps: tuple[str, str], **files: str) -> dict[str, str]:
    folder.mkdir()
    texts = {"file": shop.FILE, "secret": shop.SECRET, "database": shop.DATABASE, **files}
    for old, new in swaps:
        assert any(old in text for text in texts.values())
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    application = load(shop.write(folder, **texts)).by_manifests
    assert application
    return dict(application.contents)


@pytest.mark.parametrize(
    ("swap", "changed"),
    [
        (("image: mysql:9.7", "image: mysql:9.6"), ("StatefulSet db",)),
        (("databases = ", 'recover = ["/x"]\ndatabases = '), ("store shop-mysql",)),
        (("user: till-clerk", "user: till-other"), ()),  # the value of a Secret
        (("user: till-clerk", "clerk: till-clerk"), ("Secret db",)),
        (("value: shop}", "value: shop}\n            - {name: X_PASSWORD, value: aaaaaaaa}"), ("StatefulSet db",)),
        (("      annotations:", "      annotations:\n        checksum/secret: a1b2"), ()),
    ],
)
def test_what_changed_is_named(tmp_path: Path, swap: tuple[str, str], changed: tuple[str, ...]) -> None:
    assert changed_manifests(contents(tmp_path / "a"), contents(tmp_path / "b", swap)) == changed


def test_no_digest_tells_a_password(tmp_path: Path) -> None:
    variable = "value: shop}}\n            - {{name: X_PASSWORD, value: {0}}}"
    one, other = (
        contents(tmp_path / word, ("value: shop}", variable.format(word))) for word in ("first-word", "other-word")
    )
    assert one == other
