"""What differs between MariaDB and MySQL, without a server: tests/real/real_versions.py has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from pymysql.cursors import Cursor

from harness.core.model import Health
from harness.core.reason import Reason
from harness.workloads.mariadb.catalog import MARIADB
from harness.workloads.mariadb.health import lacking, primary_health, replica_health
from harness.workloads.mysql.catalog import MYSQL
from harness.workloads.mysql.digest import total_of

STATUS = {
    "Connection_name": "", "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Master_Server_Id": 100,
    "SQL_Delay": 0, "Replicate_Ignore_DB": "", "Replicate_Do_Table": "", "Last_IO_Error": "", "Last_SQL_Error": "",
}  # fmt: skip


class Member:
    """A server that answers by a word in the statement."""

    def __init__(self, *channels: dict[str, object], **answers: Sequence[tuple[object, ...]]) -> None:
        self.channels, self.answers = channels, answers
        self.statement = ""
        self.description = [(name,) for name in STATUS]

    def execute(self, statement: str, _: object = None) -> None:
        self.statement = statement

    def fetchall(self) -> Sequence[tuple[object, ...]]:
        if "ALL REPLICAS STATUS" in self.statement:
            return [tuple(each.values()) for each in self.channels]
        return next((answer for word, answer in self.answers.items() if word in self.statement), [])

    def fetchone(self) -> tuple[object, ...]:
        return self.fetchall()[0]


def primary(**answers: Sequence[tuple[object, ...]]) -> Member:
    member: Sequence[tuple[object, ...]] = [(100, 0, "0-100-50")]
    return Member(
        **{"gtid_current_pos": [(100, "0-100-50")], "gtid_binlog_state": member, "innodb_trx": [(0,)], **answers}
    )


def replica(
    *more: dict[str, object],
    number: int = 200,
    closed: int = 1,
    at: str = "0-100-50",
    waited: int = 0,
    **status: object,
) -> Health:
    member = Member({**STATUS, **status}, *more, MASTER_GTID_WAIT=[(waited,)], gtid_binlog_state=[(number, closed, at)])
    return replica_health(cast("Cursor", member), cast("Cursor", primary()))


def test_a_replica_that_follows_is_healthy() -> None:
    found = replica()
    assert (found.ok, found.role, found.identity) == (True, "replica", "200")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (replica(closed=0), Reason.OpenToWrites),
        (replica(STATUS), Reason.ExtraChannels),
        (replica(Slave_IO_Running="Connecting"), Reason.ReplicationStopped),
        (replica(Slave_SQL_Running="No"), Reason.ReplicationStopped),
        (replica(Master_Server_Id=201), Reason.FollowsAnother),
        (replica(number=100), Reason.DuplicateServerIdentity),
        (replica(SQL_Delay=60), Reason.ReplicationDelayed),
        (replica(Replicate_Ignore_DB="shop"), Reason.ReplicationFiltered),
        (replica(waited=-1), Reason.ReplicationLagging),
        (replica(at="0-100-50,0-200-51"), Reason.AheadOfPrimary),
        (replica(Last_SQL_Error="Duplicate entry"), Reason.ReplicationFailed),
    ],
)
def test_one_thing_wrong_makes_a_replica_unhealthy(found: Health, reason: Reason) -> None:
    assert (found.ok, found.reasons) == (False, (reason,))


def test_a_primary_that_takes_writes_is_healthy() -> None:
    assert primary_health(cast("Cursor", primary())).ok


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (primary(gtid_binlog_state=[(100, 1, "")]), Reason.ClosedToWrites),
        (primary(innodb_trx=[(1,)]), Reason.TransactionLeftOpen),
        (primary(BINLOG=[("b.1", 4, "", "shop")]), Reason.ReplicationFiltered),
        (primary(SLAVESIDE_DISABLED=[("purge",)]), Reason.EventDisabled),
    ],
)
def test_one_thing_wrong_makes_a_primary_unhealthy(member: Member, reason: Reason) -> None:
    found = primary_health(cast("Cursor", member))
    assert (found.ok, found.reasons) == (False, (reason,))


@pytest.mark.parametrize(
    ("executed", "known", "missing"),
    [
        ("0-100-50", "0-100-50", []),
        ("0-100-50", "0-100-50,1-100-7", []),
        ("0-100-51", "0-100-50", ["0-100-51"]),
        ("0-200-3,0-100-50", "0-100-50", ["0-200-3"]),  # written on the replica itself
        ("1-100-1", "0-100-50", ["1-100-1"]),  # another domain
        ("0-100-9,\n0-100-12", "0-100-9, 0-100-12", []),
        ("", "", []),
    ],
)
def test_positions_are_compared_by_domain_and_server(executed: str, known: str, missing: list[str]) -> None:
    assert lacking(executed, known) == missing


def test_rows_are_xored_as_numbers_since_mariadb_takes_the_number_that_bytes_begin_with() -> None:
    assert "UNHEX" in total_of("x", MYSQL, keyed=True)
    assert "UNHEX" not in total_of("x", MARIADB, keyed=True)
