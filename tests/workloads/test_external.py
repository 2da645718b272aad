"""A server that somebody else's manifests run: what must be there before a drill of it proves anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from psycopg2.extensions import cursor
from pymysql.cursors import Cursor

from harness.core.errors import HarnessError, ToolFailed
from harness.core.ports import Cluster
from harness.core.reason import Reason
from harness.workflows.run_metadata import _is_indexed
from harness.workloads.consul.adapter import ExternalConsul
from harness.workloads.external import ExternalKind, Server
from harness.workloads.mariadb.adapter import MariaDB
from harness.workloads.mysql import adapter as mysql
from harness.workloads.mysql.adapter import ExternalMySQL, MySQL
from harness.workloads.mysql.catalog import MYSQL, catalog
from harness.workloads.postgres import adapter as postgres
from harness.workloads.postgres.adapter import ExternalPostgres, _primary_health, _standby_health

SERVER = Server("shop-mysql", "mysql", ("db-0", "db-1"), "server", 3307, "clerk", ("shop", "till"), ("sh", "/open.sh"))


class Answers:
    """A cursor of either driver that answers each question with the next of these, and keeps what it was asked."""

    warning_count = 0

    def __init__(self, *answers: Sequence[tuple[object, ...]]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.description = (("x",),)

    def execute(self, statement: object, parameters: object = None) -> None:
        self.asked.append(f"{statement} {parameters}")

    def fetchone(self) -> tuple[object, ...] | None:
        rows = self.answers.pop(0)
        return rows[0] if rows else None

    def fetchall(self) -> Sequence[tuple[object, ...]]:
        return self.answers.pop(0)


class Kubectl:
    """A cluster that refuses some commands at first."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.did: list[tuple[str, ...]] = []

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.did.append(args)
        if len(self.did) <= self.refuses:
            raise ToolFailed(args, 1, "no such container")
        return ""


def test_a_database_that_is_not_there_or_holds_nothing_is_no_ground_for_a_drill() -> None:
    SERVER.require_data(["shop", "till", "more"], ["shop", "till", "more", "sys"])
    with pytest.raises(HarnessError, match=r"shop-mysql .*till.*shop"):
        SERVER.require_data(["shop"], ["shop"])
    with pytest.raises(HarnessError, match=r"till of shop-mysql.*--after deploy=COMMAND"):
        SERVER.require_data(["shop"], ["shop", "till"])


def test_mysqls_databases_are_asked_for_one_row_each() -> None:
    tables = [("shop", "a"), ("shop", "b"), ("till", "c"), ("till", "d"), ("more", "`e`")]
    sql = Answers(tables, [(1,)], [], [(1,)], [])
    assert mysql._filled(cast("Cursor", sql), MYSQL) == {"shop", "till"}
    assert [statement.partition("FROM ")[2] for statement in sql.asked[1:]] == [
        "`shop`.`a` LIMIT 1 None",
        "`till`.`c` LIMIT 1 None",
        "`till`.`d` LIMIT 1 None",
        "`more`.```e``` LIMIT 1 None",
    ]


@pytest.mark.parametrize(
    ("version", "kind", "said"),
    [
        ("8.0.44", MySQL, r"MySQL 8\.0\.44.*8\.4"),
        ("5.7.1-log", MySQL, r"MySQL 5\.7\.1"),
        ("12.1.2-MariaDB-1", MySQL, 'kind = "mariadb"'),
        ("9.7.4-log", MariaDB, 'kind = "mysql"'),
        ("10.6.23-MariaDB", MariaDB, r"MariaDB 10\.6.*10\.11"),
    ],
)
def test_a_server_whose_catalogs_are_others_is_refused(version: str, kind: type[MySQL], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        mysql._require_supported(cast("Cursor", Answers([(version,)])), "shop-mysql", kind)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("8.4.0", MySQL),
        ("9.7.4-log", MySQL),
        ("10.0.1", MySQL),
        ("10.11.18-MariaDB-0+deb12u1", MariaDB),
        ("11.8.9-MariaDB-log", MariaDB),
    ],
)
def test_a_server_of_a_known_version_is_read(version: str, kind: type[MySQL]) -> None:
    mysql._require_supported(cast("Cursor", Answers([(version,)])), "shop-mysql", kind)


def test_a_catalog_that_an_older_server_has_not_is_passed_over_and_no_other() -> None:
    class Older(Answers):
        def fetchall(self) -> Sequence[tuple[object, ...]]:
            return []

    older = Older()
    catalog(cast("Cursor", older), primary=True)
    assert not any("FROM information_schema.libraries " in statement for statement in older.asked)
    assert any("FROM information_schema.views " in statement for statement in older.asked)


def test_postgres_is_read_by_a_superuser_of_a_known_version_only() -> None:
    postgres._require_supported(cast("cursor", Answers([(14, True)])), "shop-postgres", "clerk")
    with pytest.raises(HarnessError, match=r"PostgreSQL 13.*14"):
        postgres._require_supported(cast("cursor", Answers([(13, True)])), "shop-postgres", "clerk")
    with pytest.raises(HarnessError, match=r"clerk .*superuser of shop-postgres"):
        postgres._require_supported(cast("cursor", Answers([(17, False)])), "shop-postgres", "clerk")


def test_standbys_of_any_name_count_and_one_too_few_is_told() -> None:
    def health(*streaming: str) -> tuple[bool, tuple[Reason, ...], tuple[str, ...]]:
        asked = cast("cursor", Answers([(False, False, list(streaming))]))
        told = _primary_health(asked, "7", ["db-1", "db-2"], by_name=False)
        return told.ok, told.reasons, told.objects

    assert health("walreceiver", "walreceiver")[0]
    assert health("walreceiver") == (False, (Reason.ReplicationStopped,), ("db-2",))
    alone = _primary_health(cast("cursor", Answers([(False, False, [])])), "7", [], by_name=False)
    assert (alone.ok, alone.reasons) == (True, ())


def test_a_standby_may_reach_its_primary_by_any_name() -> None:
    row = (True, False, True, "0/1", "streaming", "1", "db.example", "7")
    for sender, ok in (("", True), ("postgres-primary-0", False)):
        sql, primary = cast("cursor", Answers([row])), cast("cursor", Answers([(False, "0/1")]))
        assert _standby_health(sql, primary, ("7", "1", "0/1"), sender).ok is ok


def test_a_datastore_is_of_the_server_that_the_file_names() -> None:
    kind = ExternalKind(ExternalMySQL, SERVER)
    store = kind(cast("Cluster", Kubectl()), "shop", {"password": "p"})
    assert isinstance(store, ExternalMySQL)
    assert (kind.name, kind.members) == (store.name, store.members) == ("shop-mysql", ("db-0", "db-1"))
    assert store.server is SERVER
    other = ExternalPostgres(cast("Cluster", Kubectl()), "shop", SERVER, {"password": "p"})
    assert (other.main, other.server, other.sender) == ("shop", SERVER, "")


def test_its_indexes_are_held_where_it_has_any() -> None:
    assert _is_indexed(ExternalKind(ExternalMySQL, SERVER))
    assert _is_indexed(ExternalKind(ExternalPostgres, SERVER))
    assert not _is_indexed(ExternalKind(ExternalConsul, SERVER))


def test_its_own_command_is_run_once_its_container_runs_and_none_where_it_has_none() -> None:
    cluster = Kubectl(refuses=1)
    SERVER.run_recover_command(cast("Cluster", cluster), "shop")
    where = ("exec", "-n", "shop", "db-0", "-c", "server", "--")
    assert cluster.did == [(*where, "true"), (*where, "true"), (*where, "sh", "/open.sh")]
    silent = Kubectl()
    Server("s", "mysql", ("db-0",), "server", 3306, "root", ()).run_recover_command(cast("Cluster", silent), "shop")
    assert silent.did == []
