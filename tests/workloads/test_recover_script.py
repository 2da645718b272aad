"""The last step of PostgreSQL's restore, with a stand-in for the primary."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core import process, resources
from harness.core.errors import ToolFailed

SCRIPT = resources.fixtures() / "postgres" / "base" / "scripts" / "recover.sh"
PRIMARY = r"""
closed=$FOLDER/closed.conf
say() { echo "recover.sh: $*" >&2; }
refuse() { say "$*"; exit 1; }
sql() {
  case "$*" in
  *count*) echo "2 postgres-read-0 streaming 0/9264E38, postgres-read-1 streaming 0/9264E38" ;;
  *string_agg*) echo "$AHEAD" ;;
  *SHOW*) echo off ;;
  *) echo 0/9264E38 ;;
  esac
}
"""


def recover(folder: Path, ahead: str) -> process.Output:
    (folder / "cluster.sh").write_text(PRIMARY)
    (folder / "closed.conf").touch()
    text = SCRIPT.read_text().replace("/scripts/", f"{folder}/").replace("/data", str(folder))
    env = {"FOLDER": str(folder), "AHEAD": ahead, "RECOVER_WITHIN_S": "5", "STANDBYS": "2"}
    return process.run(["bash", "-s"], stdin=text, env=env)


def test_it_opens_where_both_standbys_have_everything(tmp_path: Path) -> None:
    assert "open to writes" in recover(tmp_path, "").stderr
    assert not (tmp_path / "closed.conf").exists()


def test_a_standby_that_is_ahead_of_its_primary_is_named_and_nothing_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"ahead of the primary, empty its volume .*: postgres-read-0 has 0/926A760"):
        recover(tmp_path, "postgres-read-0 has 0/926A760, the primary 0/9264E38")
    assert (tmp_path / "closed.conf").exists()
