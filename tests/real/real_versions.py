"""The PostgreSQL layer against a real server of each supported version: everything is read, and each mutation noticed.

    make test-versions

It needs npm, which brings the servers; no cluster.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import postgres_server
import psycopg2
import pytest

from harness.core import resources
from harness.core.model import Part
from harness.selftest import catalogue
from harness.selftest.mutation import Act, Mutation
from harness.workloads.dataset import dataset
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
