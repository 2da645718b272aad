"""What the MySQL probe says of tables by their engine, and how it logs in; with a stand-in for the server's client."""

from __future__ import annotations

from pathlib import Path

import pytest
from probe_scripts import ask

from harness.checks.tool_messages import causes
from harness.core.errors import ToolFailed
from harness.core.reason import Reason
from harness.workloads.database_probe import IntegrityCheck, integrity_of, lines

CLIENT = r"""#!/bin/sh
[ "${MYSQL_PWD:-}" = "${NEEDS:-}" ] ||
    { echo "ERROR 1045 (28000): Access denied for user 'root'@'127.0.0.1'" >&2; exit 1; }
case "$*" in
*--host=127.0.0.1*) [ -z "${SOCKET_ONLY:-}" ] || { echo "ERROR 2003 (HY000): Can't connect (111)" >&2; exit 1; } ;;
esac
case "$*" in
*"DO 1"*) ;;
*"CHECK TABLE"*) echo "$*" | grep -q "'MEMORY', 'BLACKHOLE', 'FEDERATED'" && echo "CHECK TABLE x;" ;;
*) printf '%b' "$CHECKED" ;;
esac
"""
OPEN = r"shop.log\tcheck\twarning\t1 client is using or hasn't closed the table properly\n"
CRASHED = r"shop.log\tcheck\twarning\tTable is marked as crashed\n"


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The folder of a client."""
    program = tmp_path / "mysql"
    program.write_text(CLIENT)
    program.chmod(0o755)
    return tmp_path


def check(client: Path, said: str) -> IntegrityCheck:
    return integrity_of(lines(ask(client, "check", script="mysql", CHECKED=said)))


def test_a_table_of_myisam_that_was_open_when_it_was_copied_is_named_and_sound(client: Path) -> None:
    for said in (OPEN, CRASHED):
        found = check(client, said + r"shop.log\tcheck\tstatus\tOK\n")
        assert (found.sound, found.damaged, found.unchecked) == (1, (), ())
        assert found.notes == ("shop.log was open when it was copied",)


def test_a_table_that_is_only_marked_as_crashed_and_can_be_repaired_is_no_damage(client: Path) -> None:
    said = r"shop.log\tcheck\terror\tTable './shop/log' is marked as crashed and should be repaired\n"
    found = check(client, said + r"shop.log\tcheck\tstatus\tOperation failed\n")
    assert (found.sound, found.damaged) == (0, ())
    assert "repair it (REPAIR TABLE)" in found.unchecked[0]


@pytest.mark.parametrize("open_too", ["", OPEN, CRASHED])
def test_what_is_wrong_with_a_table_is_damage(client: Path, open_too: str) -> None:
    said = r"shop.log\tcheck\terror\tFound 5 keys of 6\nshop.log\tcheck\terror\tCorrupt\n"
    found = check(client, open_too + said)
    assert found.sound == 0
    assert found.damaged[0] == "shop.log: Found 5 keys of 6"


def test_root_may_need_no_password(client: Path) -> None:
    assert lines(ask(client, "ready", script="mysql", NEEDS="x", MYSQL_ROOT_PASSWORD="x")) == ()  # noqa: S106 # of nothing
    assert lines(ask(client, "ready", script="mysql", NEEDS="x", MARIADB_MASTER_ROOT_PASSWORD="x")) == ()  # noqa: S106 # of nothing
    assert lines(ask(client, "ready", script="mysql", MYSQL_ROOT_PASSWORD="of another user")) == ()  # noqa: S106 # of nothing


def test_a_refused_login_is_told_from_a_server_that_does_not_answer(client: Path) -> None:
    with pytest.raises(ToolFailed) as refused:
        ask(client, "ready", script="mysql", NEEDS="another", MYSQL_ROOT_PASSWORD="x")  # noqa: S106 # of nothing
    assert Reason.CredentialsRejected in causes(refused.value.tail)
    with pytest.raises(ToolFailed) as down:
        ask(client, "ready", script="mysql", SOCKET_ONLY="yes")
    assert Reason.CredentialsRejected not in causes(down.value.tail)
