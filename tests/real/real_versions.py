"""Our layers against a real server of each supported version: everything is read, and each mutation noticed.

    make test-versions

It needs npm, which brings the servers of PostgreSQL, and Debian's packages, which bring those of MariaDB; no cluster.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import mariadb_server
import postgres_server
import psycopg2
import pytest

from harness.core import resources
from harness.core.model import Operation, Part
from harness.core.ports import Refused
from harness.core.wait import NotYet, until
from harness.selftest import catalogue
from harness.selftest.mutation import Act, Mutation
from harness.workloads.dataset import dataset
from harness.workloads.mariadb.adapter import MariaDB
from harness.workloads.postgres import adapter, catalog
from harness.workloads.postgres.adapter import Postgres

SERVERS = Path(__file__).parents[1] / "versions" / "node_modules"
VERSIONS = range(adapter.OLDEST, 19)
PRIMARY = Postgres.server.members[0]
LOGGED = ("wal_level=logical", "shared_preload_libraries=", "max_prepared_transactions=10")
WORDS = {15: ("FOR TABLES IN SCHEMA gateway", "FOR ALL TABLES"), 16: (", INHERIT FALSE", "")}
"""What servers before a version do not understand, and what they are told instead."""
ADDED_IN = {"a publication of another schema": 15}
"""The first version that has what a mutation changes."""


class Local(Postgres):
    """One server on this machine, without standbys."""

    server = replace(Postgres.server, members=(PRIMARY,))
    members = (PRIMARY,)

    def __init__(self, port: int, version: int) -> None:
        super().__init__(self, "", dict.fromkeys(self.secret_keys, ""))  # type: ignore[arg-type] # it needs forward only
        self._port, self.version = port, version

    def forward(self, *_: object) -> AbstractContextManager[tuple[str, int]]:
        return nullcontext(("127.0.0.1", self._port))

    @cached_property
    def before(self) -> Mapping[str, Part]:
        return self.parts()

    def parts(self) -> Mapping[str, Part]:
        return self.digest(PRIMARY).parts


@pytest.fixture(scope="module", params=VERSIONS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    programs = SERVERS / f"postgres-{request.param}" / "native" / "bin"
    with postgres_server.running(programs, *LOGGED) as port:
        server = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")
        server.autocommit = True
        with server.cursor() as sql:
            sql.execute("CREATE ROLE replication LOGIN REPLICATION PASSWORD 'x'")
            sql.execute("CREATE DATABASE keycloak")
        server.close()
        with pytest.MonkeyPatch.context() as older:
            fixtures = shutil.copytree(resources.fixtures(), tmp_path_factory.mktemp("fixtures"), dirs_exist_ok=True)
            for file in (fixtures / "postgres").glob("*.sql"):
                file.write_text(understood(file.read_text(), request.param))
            older.setattr(adapter, "fixtures", lambda: fixtures)
            local = Local(port, request.param)
            local.seed(dataset.load(fixtures, 1, "small"))
        yield local


def understood(text: str, version: int) -> str:
    for first, (new, old) in WORDS.items():
        text = text.replace(new, old) if version < first else text
    return text


def by_statements(mutation: Mutation) -> bool:
    """Whether one server suffices, and no shell of its container."""
    acts = (*mutation.mutate, *mutation.revert)
    return all(act.member == PRIMARY and not act.text.startswith("$ ") for act in acts)


MUTATIONS = {
    each.name: each
    for each in catalogue.mutations("postgres")
    if each.finding.check == "data-equal" and by_statements(each) and not each.writes and not each.restarts
}


def test_most_mutations_need_no_more_than_one_server() -> None:
    assert len(MUTATIONS) > 70


def test_the_digest_equals_itself_and_reads_what_the_other_digest_reads(store: Local) -> None:
    parts = store.parts()
    assert parts == store.parts()
    assert set(store.reference_digest(PRIMARY)) <= parts.keys()
    assert store.indexes(PRIMARY).wrong == {}


def test_no_statement_of_the_catalog_is_refused(store: Local) -> None:
    with store.session(PRIMARY) as sql:
        queries = catalog.of_version(store.version)
        for query in (*queries.database, *queries.server, *queries.own):
            sql.execute(query)


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_mutation_changes_the_part_that_it_should(store: Local, name: str) -> None:
    if store.version < ADDED_IN.get(name, 0):
        pytest.skip(f"PostgreSQL {store.version} has nothing of the kind")
    mutation, before = MUTATIONS[name], store.before

    def do(acts: tuple[Act, ...]) -> None:
        for act in acts:
            store.execute(act.member, understood(act.text, store.version))

    do(mutation.mutate)
    try:
        after = store.parts()
    finally:
        do(mutation.revert)
    changed = {part for part in before.keys() | after.keys() if before.get(part) != after.get(part)}
    assert changed
    assert set(mutation.finding.objects) <= changed
    assert store.parts() == before


# --- MariaDB: a primary and a replica

MEMBERS = MariaDB.server.members[:2]
SETTINGS = ("--log-bin=binlog", "--max-allowed-packet=1G", "--local-infile=OFF")
FOLLOW = """CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'replication',
    MASTER_PASSWORD = '{}', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START REPLICA"""


class Pair(MariaDB):
    """Two servers on this machine; the second follows the first."""

    server = replace(MariaDB.server, members=MEMBERS)
    members = MEMBERS

    def __init__(self, *ports: int) -> None:
        super().__init__(self, "", dict.fromkeys(self.secret_keys, mariadb_server.ROOT_PASSWORD))  # type: ignore[arg-type] # it needs forward only
        self._ports = dict(zip(MEMBERS, ports, strict=True))

    def forward(self, _: str, member: str, __: int) -> AbstractContextManager[tuple[str, int]]:
        return nullcontext(("127.0.0.1", self._ports[member]))

    def all_healthy(self) -> None:
        if unhealthy := [each for each in map(self.health, self.members) if not each.ok]:
            raise NotYet(str(unhealthy))

    @cached_property
    def before(self) -> Mapping[str, Part]:
        return self.parts()

    def parts(self) -> Mapping[str, Part]:
        return self.digest(MEMBERS[0]).parts


@pytest.fixture(scope="module", params=mariadb_server.LAYERS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with (
        mariadb_server.running(request.param, *SETTINGS, "--server-id=100") as source,
        mariadb_server.running(request.param, *SETTINGS, "--server-id=200", "--read-only=ON") as replica,
    ):
        found = Pair(source, replica)
        found.execute(MEMBERS[1], FOLLOW.format(source, mariadb_server.ROOT_PASSWORD))
        until(found.all_healthy, waited_for="the replica", within_s=30)
        found.seed(dataset.load(resources.fixtures(), 1, "small"))
        yield found


OF_MARIADB = {
    each.name: each
    for each in catalogue.mutations("mariadb")
    if each.finding.check in ("data-equal", "members-healthy") and not each.writes
}


def test_mariadb_has_a_mutation_of_each_kind() -> None:
    assert len(OF_MARIADB) >= 25


def test_both_members_of_mariadb_read_the_same_and_have_sound_indexes(pair: Pair) -> None:
    first, second = (pair.digest(member).parts for member in MEMBERS)
    assert pair.parts() == first
    assert set(pair.reference_digest(MEMBERS[0])) <= first.keys()
    assert {
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name) and name[:4] != "own "
    } == set()
    assert pair.indexes(MEMBERS[0]).wrong == {}


def test_a_write_to_mariadb_is_whole_or_refused(pair: Pair) -> None:
    writer = pair.writer()
    try:
        for n, verb in enumerate(("put", "update", "delete"), 1):
            writer.apply(Operation(n, verb, "key-1", f"{n}-value"))
        with pytest.raises(Refused):
            writer.apply(Operation(4, "delete", "key-1", ""))
    finally:
        writer.close()
        pair.forget_writes()


@pytest.mark.parametrize("name", OF_MARIADB)
def test_each_mutation_of_mariadb_is_noticed(pair: Pair, name: str) -> None:
    mutation, before = OF_MARIADB[name], pair.before

    def do(acts: tuple[Act, ...]) -> None:
        for act in acts:
            pair.execute(act.member, act.text)

    do(mutation.mutate)
    try:
        if mutation.finding.check == "members-healthy":
            seen = pair.health(mutation.finding.member)
            assert {*seen.reasons} & {*mutation.finding.reasons}
            assert {*mutation.finding.objects} <= {*seen.objects}
        else:
            after = pair.parts()
            changed = {part for part in before.keys() | after.keys() if before.get(part) != after.get(part)}
            assert {*mutation.finding.objects} <= changed
    finally:
        do(mutation.revert)
        until(pair.all_healthy, waited_for="the replica", within_s=30)
    assert pair.parts() == before
