"""What can be spoilt in PostgreSQL after a restore, each with what must be said of it.

Standbys take no writes, so what is done to data is done to the primary, and shows on all members. Rows are chosen so
that any seed and size will do; what cannot be computed back is kept in a file of the primary's container meanwhile.
"""

# ruff: noqa: S608 # statements are built from the constants of this module alone

from __future__ import annotations

from harness.core.reason import Reason
from harness.selftest.mutation import Act, Sabotage, Why

_PRIMARY, _READ, _OTHER_READ = "postgres-primary-0", "postgres-read-0", "postgres-read-1"
_KEPT = "'/tmp/drillproof.kept'"  # on the primary, for the moment between spoiling and healing
_RELOAD = "SELECT pg_reload_conf()"
_SAME = r"differs \((\d+) rows before, \1 after\)"

_FIRST_CHANGE = "FROM public.databasechangelog WHERE orderexecuted = 1"
_FIRST_WRITE = "WHERE n = (SELECT min(n) FROM drillproof.ledger)"
_FIRST_LOAD = "at = (SELECT min(at) FROM gateway.usage_2023 WHERE load <> 0)"
_LABEL = """
CREATE OR REPLACE FUNCTION gateway.label(wanted gateway.state, fallback text DEFAULT 'නොදනී') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE wanted WHEN 'failed' THEN fallback ELSE {} END
"""
_OPEN_DOCUMENT = """
CREATE OR REPLACE VIEW gateway.open_document WITH (security_barrier) AS
  SELECT id, owner_id, title, gateway.label(state) AS state, share FROM gateway.document WHERE state <> '{}'
  WITH LOCAL CHECK OPTION
"""
_ON_WALRECEIVER = (
    "$ bash -c '. /scripts/cluster.sh; "
    'pid=$(sql -d postgres -c "SELECT pid FROM pg_stat_wal_receiver"); as_postgres bash -c "kill -{} $pid"\''
)
_IN_TEMPLATE = "$ bash -c '. /scripts/cluster.sh; sql -d template1 -c \"{}\"'"


def _acts(member: str, *texts: str) -> tuple[Act, ...]:
    return tuple(Act(member, text) for text in texts)


def _texts(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts


def _spoilt(
    name: str,
    why: Why,
    spoil: str | tuple[str, ...],
    heal: str | tuple[str, ...],
    *,
    check: str = "data-equal",
    on: str = _PRIMARY,
    also: tuple[str, ...] = (),
) -> Sabotage:
    """Something done to one member: by default to the primary, so that every member shows it."""
    return Sabotage(
        name=name,
        check=check,
        why=why,
        spoil=_acts(on, *_texts(spoil)),
        heal=_acts(on, *_texts(heal)),
        member="" if on == _PRIMARY else on,
        also=also,
    )


def _undone_by_itself(name: str, why: Why, text: str, *, check: str = "data-equal") -> Sabotage:
    """A statement that, done twice, has changed nothing."""
    return _spoilt(name, why, text, text, check=check)


_ROWS = (
    _spoilt(
        "one row gone",
        Why(Reason.RowsMissing, "table public.databasechangelog"),
        (f"COPY (SELECT * {_FIRST_CHANGE}) TO {_KEPT}", f"DELETE {_FIRST_CHANGE}"),
        f"COPY public.databasechangelog FROM {_KEPT}",
    ),
    _spoilt(
        "a row twice",
        Why(Reason.RowsUnexpected, "table public.databasechangelog"),
        f"INSERT INTO public.databasechangelog SELECT * {_FIRST_CHANGE}",
        f"DELETE FROM public.databasechangelog WHERE ctid = (SELECT max(ctid) {_FIRST_CHANGE})",
    ),
    _undone_by_itself(
        "one bit of a text changed, its length kept",
        Why(Reason.RowsDiffer, "table public.realm"),
        "UPDATE public.realm SET name = overlay(name PLACING chr(ascii(name) # 1) FROM 1 FOR 1) "
        "WHERE id = (SELECT min(id) FROM public.realm)",
    ),
    _undone_by_itself(
        "the values of two rows swapped",
        Why(Reason.RowsDiffer, "table public.databasechangelog"),
        "UPDATE public.databasechangelog t SET md5sum = o.md5sum FROM public.databasechangelog o "
        "WHERE (t.orderexecuted, o.orderexecuted) IN ((1, 2), (2, 1))",
    ),
    _undone_by_itself(
        "the values of two columns of a row swapped",
        Why(Reason.RowsDiffer, "table public.user_entity"),
        "UPDATE public.user_entity SET first_name = last_name, last_name = first_name "
        "WHERE id = (SELECT min(id) FROM public.user_entity WHERE first_name <> last_name)",
    ),
    _spoilt(
        "an empty text in the place of NULL",
        Why(Reason.RowsDiffer, "table public.databasechangeloglock"),
        "UPDATE public.databasechangeloglock SET lockedby = ''",
        "UPDATE public.databasechangeloglock SET lockedby = NULL",
    ),
    _spoilt(
        "a blank at the end of a text",
        Why(Reason.RowsDiffer, "table public.databasechangelog"),
        "UPDATE public.databasechangelog SET author = author || ' ' WHERE orderexecuted = 1",
        "UPDATE public.databasechangelog SET author = rtrim(author) WHERE orderexecuted = 1",
    ),
    _spoilt(
        "the case of a text changed",
        Why(Reason.RowsDiffer, "table public.databasechangelog"),
        "UPDATE public.databasechangelog SET author = upper(author) WHERE orderexecuted = 1",
        "UPDATE public.databasechangelog SET author = lower(author) WHERE orderexecuted = 1",
    ),
    _undone_by_itself(
        "the case of a text that compares without case changed",
        Why(Reason.RowsDiffer, "table gateway.usage_2024"),
        "UPDATE gateway.usage_2024 SET login = translate(login::text, 'aeiouAEIOU', 'AEIOUaeiou') "
        "WHERE at = (SELECT min(at) FROM gateway.usage_2024)",
    ),
    _spoilt(
        "the last digit of a decimal changed",
        Why(Reason.RowsDiffer, "table gateway.document"),
        "UPDATE gateway.document SET share = share + 0.0001 "
        "WHERE id = (SELECT min(id) FROM gateway.document WHERE share IS NOT NULL)",
        "UPDATE gateway.document SET share = share - 0.0001 "
        "WHERE id = (SELECT min(id) FROM gateway.document WHERE share IS NOT NULL)",
    ),
    _spoilt(
        "the last bit of a floating point number changed",
        Why(Reason.RowsDiffer, "table gateway.usage_2023"),
        (
            f"COPY (SELECT * FROM gateway.usage_2023 WHERE {_FIRST_LOAD}) TO {_KEPT}",
            f"UPDATE gateway.usage_2023 SET load = load * (1 + 2.3e-16::float8) WHERE {_FIRST_LOAD}",
        ),
        (f"DELETE FROM gateway.usage_2023 WHERE {_FIRST_LOAD}", f"COPY gateway.usage_2023 FROM {_KEPT}"),
    ),
    _spoilt(
        "a table empty",
        Why(Reason.PartEmptied, "table public.identity_provider_config"),
        (
            f"COPY public.identity_provider_config TO {_KEPT}",
            "TRUNCATE public.identity_provider_config",
        ),
        f"COPY public.identity_provider_config FROM {_KEPT}",
    ),
    _spoilt(
        "a table gone",
        Why(Reason.PartMissing, "table public.databasechangeloglock"),
        (f"COPY public.databasechangeloglock TO {_KEPT}", "DROP TABLE public.databasechangeloglock"),
        (
            (
                "CREATE TABLE public.databasechangeloglock (id integer PRIMARY KEY, locked boolean NOT NULL, "
                "lockgranted timestamp, lockedby varchar(255))"
            ),
            "ALTER TABLE public.databasechangeloglock OWNER TO keycloak",
            f"COPY public.databasechangeloglock FROM {_KEPT}",
        ),
    ),
    _spoilt(
        "a table that nobody made",
        Why(Reason.PartUnexpected, "table public.stranger"),
        "CREATE TABLE public.stranger (id integer)",
        "DROP TABLE public.stranger",
    ),
    _spoilt(
        "a materialized view without its rows",
        Why(Reason.PartMissing, "table gateway.realm_usage"),
        "REFRESH MATERIALIZED VIEW gateway.realm_usage WITH NO DATA",
        "REFRESH MATERIALIZED VIEW gateway.realm_usage",
    ),
    _spoilt(
        "one byte of a large object changed",
        Why(Reason.RowsDiffer, "large objects"),
        r"SELECT lo_put(700002, 0, '\xff')",
        r"SELECT lo_put(700002, 0, '\x00')",
    ),
    _spoilt(
        "a large object gone",
        Why(Reason.RowsMissing, "large objects"),
        "SELECT lo_unlink(700003)",
        "SELECT lo_from_bytea(700003, '')",
    ),
    _spoilt(
        "a sequence set back",
        Why(Reason.DefinitionDiffers, "sequence value gateway.ticket"),
        "SELECT setval('gateway.ticket', 1007)",
        "SELECT setval('gateway.ticket', 500045)",
    ),
    _spoilt(
        "a sequence ahead",
        Why(Reason.DefinitionDiffers, "sequence value public.hibernate_sequence"),
        "SELECT nextval('public.hibernate_sequence')",
        "SELECT setval('public.hibernate_sequence', 4951)",
    ),
)

_DEFINITIONS = (
    _spoilt(
        "a schema that nobody made",
        Why(Reason.DefinitionDiffers, "objects"),
        "CREATE SCHEMA stranger",
        "DROP SCHEMA stranger",
    ),
    _spoilt(
        "a database that nobody made",
        Why(Reason.PartUnexpected, "database stranger", "database stranger: large objects"),
        "CREATE DATABASE stranger TEMPLATE template0",
        "DROP DATABASE stranger",
    ),
    _spoilt(
        "something in the template of new databases",
        Why(Reason.PartUnexpected, "database template1: columns public.stranger"),
        _IN_TEMPLATE.format("CREATE TABLE public.stranger (id integer)"),
        _IN_TEMPLATE.format("DROP TABLE public.stranger"),
    ),
    _spoilt(
        "an index gone",
        Why((Reason.PartMissing, Reason.DefinitionDiffers), "indexes public.user_attribute"),
        "DROP INDEX public.idx_user_attribute",
        "CREATE INDEX idx_user_attribute ON public.user_attribute (user_id)",
    ),
    _spoilt(
        "an index no longer unique",
        Why(Reason.DefinitionDiffers, "indexes public.keycloak_role"),
        (
            "DROP INDEX public.keycloak_role_once",
            (
                "CREATE INDEX keycloak_role_once ON public.keycloak_role (name, client_realm_constraint) "
                "INCLUDE (client_role)"
            ),
        ),
        (
            "DROP INDEX public.keycloak_role_once",
            (
                "CREATE UNIQUE INDEX keycloak_role_once ON public.keycloak_role (name, client_realm_constraint) "
                "INCLUDE (client_role)"
            ),
        ),
    ),
    _spoilt(
        "an index invalid",
        Why(Reason.DefinitionDiffers, "indexes public.user_entity"),
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.idx_user_email'::regclass",
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'public.idx_user_email'::regclass",
    ),
    _spoilt(
        "an index that lacks a row of its table",
        Why(Reason.IndexDamaged, "index public.idx_event_time", causes=(Reason.IndexIncomplete,)),
        (
            "UPDATE pg_index SET indisready = false WHERE indexrelid = 'public.idx_event_time'::regclass",
            (
                "WITH gone AS (DELETE FROM public.event_entity WHERE id = (SELECT min(id) FROM public.event_entity) "
                "RETURNING *) INSERT INTO public.event_entity SELECT * FROM gone"
            ),
            "UPDATE pg_index SET indisready = true WHERE indexrelid = 'public.idx_event_time'::regclass",
        ),
        "REINDEX INDEX public.idx_event_time",
        check="indexes-hold",
    ),
    _spoilt(
        "a column's default changed",
        Why(Reason.DefinitionDiffers, "columns public.realm"),
        "ALTER TABLE public.realm ALTER ssl_required SET DEFAULT 'none'",
        "ALTER TABLE public.realm ALTER ssl_required SET DEFAULT 'external'",
    ),
    _spoilt(
        "a column's option for the planner set",
        Why(Reason.DefinitionDiffers, "columns public.client"),
        "ALTER TABLE public.client ALTER client_id SET (n_distinct = 7)",
        "ALTER TABLE public.client ALTER client_id RESET (n_distinct)",
    ),
    _spoilt(
        "a column's collation changed",
        Why(Reason.DefinitionDiffers, "columns public.keycloak_group"),
        'ALTER TABLE public.keycloak_group ALTER name TYPE varchar(255) COLLATE "POSIX"',
        'ALTER TABLE public.keycloak_group ALTER name TYPE varchar(255) COLLATE "C"',
    ),
    _spoilt(
        "NOT NULL gone",
        Why(Reason.DefinitionDiffers, "columns public.client"),
        "ALTER TABLE public.client ALTER client_id DROP NOT NULL",
        "ALTER TABLE public.client ALTER client_id SET NOT NULL",
    ),
    _spoilt(
        "a table no longer kept through a crash",
        Why(Reason.PartMissing, "table public.databasechangelog"),
        "ALTER TABLE public.databasechangelog SET UNLOGGED",
        "ALTER TABLE public.databasechangelog SET LOGGED",
    ),
    _spoilt(
        "a check constraint gone",
        Why(Reason.DefinitionDiffers, "constraints gateway.document"),
        "ALTER TABLE gateway.document DROP CONSTRAINT document_due",
        "ALTER TABLE gateway.document ADD CONSTRAINT document_due CHECK (due IS NULL OR due > '1900-01-01')",
    ),
    _spoilt(
        "a check constraint never checked",
        Why(Reason.DefinitionDiffers, "constraints gateway.document"),
        (
            "ALTER TABLE gateway.document DROP CONSTRAINT document_due",
            (
                "ALTER TABLE gateway.document ADD CONSTRAINT document_due CHECK (due IS NULL OR due > '1900-01-01') "
                "NOT VALID"
            ),
        ),
        "ALTER TABLE gateway.document VALIDATE CONSTRAINT document_due",
    ),
    _spoilt(
        "a foreign key gone",
        Why(Reason.DefinitionDiffers, "constraints public.client_attributes"),
        "ALTER TABLE public.client_attributes DROP CONSTRAINT client_attributes_client_id_fkey",
        "ALTER TABLE public.client_attributes ADD CONSTRAINT client_attributes_client_id_fkey "
        "FOREIGN KEY (client_id) REFERENCES public.client",
    ),
    _spoilt(
        "a foreign key there and switched off",
        Why(Reason.DefinitionDiffers, "constraints public.composite_role"),
        "ALTER TABLE public.composite_role DISABLE TRIGGER ALL",
        "ALTER TABLE public.composite_role ENABLE TRIGGER ALL",
    ),
    _spoilt(
        "a trigger gone",
        Why(Reason.DefinitionDiffers, "triggers gateway.document"),
        "DROP TRIGGER document_touch ON gateway.document",
        "CREATE TRIGGER document_touch BEFORE UPDATE OF state ON gateway.document "
        "FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION gateway.touch()",
    ),
    _spoilt(
        "a trigger switched off",
        Why(Reason.DefinitionDiffers, "triggers gateway.document"),
        "ALTER TABLE gateway.document DISABLE TRIGGER document_touch",
        "ALTER TABLE gateway.document ENABLE TRIGGER document_touch",
    ),
    _spoilt(
        "a rule switched off",
        Why(Reason.DefinitionDiffers, "rules gateway.usage"),
        "ALTER TABLE gateway.usage DISABLE RULE usage_is_kept",
        "ALTER TABLE gateway.usage ENABLE RULE usage_is_kept",
    ),
    _spoilt(
        "a function's body changed",
        Why(Reason.DefinitionDiffers, "function gateway.label(wanted gateway.state, fallback text)"),
        _LABEL.format("wanted::text"),
        _LABEL.format("initcap(wanted::text)"),
    ),
    _spoilt(
        "a function that stands before the system's own",
        Why(Reason.PartUnexpected, "function pg_catalog.lower(character varying)"),
        "CREATE FUNCTION pg_catalog.lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1::text",
        "DROP FUNCTION pg_catalog.lower(varchar)",
    ),
    _spoilt(
        "a view changed",
        Why(Reason.DefinitionDiffers, "view gateway.open_document"),
        _OPEN_DOCUMENT.format("draft"),
        _OPEN_DOCUMENT.format("failed"),
    ),
    _spoilt(
        "a partition detached",
        Why(Reason.DefinitionDiffers, "columns gateway.usage_2023"),
        "ALTER TABLE gateway.usage DETACH PARTITION gateway.usage_2023",
        "ALTER TABLE gateway.usage ATTACH PARTITION gateway.usage_2023 "
        "FOR VALUES FROM ('2023-01-01+00') TO ('2024-01-01+00')",
    ),
    _spoilt(
        "a sequence that no longer begins anew",
        Why(Reason.DefinitionDiffers, "sequence gateway.ticket"),
        "ALTER SEQUENCE gateway.ticket NO CYCLE",
        "ALTER SEQUENCE gateway.ticket CYCLE",
    ),
    _spoilt(
        "a label of a type renamed",
        Why(Reason.DefinitionDiffers, "type gateway.state"),
        "ALTER TYPE gateway.state RENAME VALUE 'submitted' TO 'sbumitted'",
        "ALTER TYPE gateway.state RENAME VALUE 'sbumitted' TO 'submitted'",
    ),
    _spoilt(
        "a domain's default changed",
        Why(Reason.DefinitionDiffers, "type gateway.share"),
        "ALTER DOMAIN gateway.share SET DEFAULT 1",
        "ALTER DOMAIN gateway.share SET DEFAULT 0",
    ),
    _spoilt(
        "a cast that works otherwise",
        Why(Reason.DefinitionDiffers, "casts"),
        (
            "DROP CAST (text AS gateway.state)",
            "CREATE CAST (text AS gateway.state) WITH INOUT AS IMPLICIT",
        ),
        (
            "DROP CAST (text AS gateway.state)",
            "CREATE CAST (text AS gateway.state) WITH INOUT AS ASSIGNMENT",
        ),
    ),
    _spoilt(
        "a comment changed",
        Why(Reason.DefinitionDiffers, "comments"),
        "COMMENT ON TABLE public.user_entity IS 'people'",
        "COMMENT ON TABLE public.user_entity IS 'people; පරිශීලකයන්'",
    ),
    _spoilt(
        "an extension gone, and what stood on it",
        Why(Reason.PartMissing, "extension pg_trgm"),
        "DROP EXTENSION pg_trgm CASCADE",
        (
            "CREATE EXTENSION pg_trgm",
            "CREATE INDEX idx_user_name_like ON public.user_entity USING gin (username gin_trgm_ops)",
        ),
    ),
    _spoilt(
        "a publication that nobody made",
        Why(Reason.PartUnexpected, "publications"),
        "CREATE PUBLICATION stranger FOR TABLE public.realm",
        "DROP PUBLICATION stranger",
    ),
)

_RIGHTS = (
    _spoilt(
        "a policy gone",
        Why(Reason.DefinitionDiffers, "policies gateway.document"),
        "DROP POLICY document_never ON gateway.document",
        "CREATE POLICY document_never ON gateway.document AS RESTRICTIVE FOR DELETE TO PUBLIC USING (false)",
    ),
    _spoilt(
        "row security off",
        Why(Reason.DefinitionDiffers, "columns gateway.document"),
        "ALTER TABLE gateway.document DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE gateway.document ENABLE ROW LEVEL SECURITY",
    ),
    _spoilt(
        "a role gone",
        Why(Reason.PartMissing, "role gateway_auditor"),
        "ALTER ROLE gateway_auditor RENAME TO stranger",
        "ALTER ROLE stranger RENAME TO gateway_auditor",
    ),
    _undone_by_itself(
        "a role's password changed",
        Why(Reason.DefinitionDiffers, "role gateway_app"),
        "UPDATE pg_authid SET rolpassword = translate(rolpassword, 'uvwxyzUVWXYZ', 'UVWXYZuvwxyz') "
        "WHERE rolname = 'gateway_app'",
    ),
    _spoilt(
        "a role made superuser",
        Why(Reason.DefinitionDiffers, "role gateway_app"),
        "ALTER ROLE gateway_app SUPERUSER",
        "ALTER ROLE gateway_app NOSUPERUSER",
    ),
    _spoilt(
        "a membership gone",
        Why(Reason.DefinitionDiffers, "memberships"),
        "REVOKE gateway_read FROM gateway_auditor",
        "GRANT gateway_read TO gateway_auditor",
    ),
    _spoilt(
        "a grant gone",
        Why(Reason.DefinitionDiffers, "grants table public.realm"),
        "REVOKE SELECT ON public.realm FROM gateway",
        "GRANT SELECT ON public.realm TO gateway",
    ),
    _spoilt(
        "a grant on a column gone",
        Why(Reason.PartMissing, "grants table column public.user_entity.email"),
        "REVOKE UPDATE (email) ON public.user_entity FROM gateway_app",
        "GRANT UPDATE (email) ON public.user_entity TO gateway_app",
    ),
    _spoilt(
        "a grant that nobody gave",
        Why(Reason.DefinitionDiffers, "grants table public.credential"),
        "GRANT SELECT ON public.credential TO PUBLIC",
        "REVOKE SELECT ON public.credential FROM PUBLIC",
    ),
    _spoilt(
        "an owner changed",
        Why(Reason.DefinitionDiffers, "grants table public.component"),
        "ALTER TABLE public.component OWNER TO gateway",
        "ALTER TABLE public.component OWNER TO keycloak",
    ),
    _spoilt(
        "default privileges gone",
        Why(Reason.DefinitionDiffers, "default grants"),
        "ALTER DEFAULT PRIVILEGES FOR ROLE gateway IN SCHEMA gateway REVOKE SELECT ON TABLES FROM gateway_read",
        "ALTER DEFAULT PRIVILEGES FOR ROLE gateway IN SCHEMA gateway GRANT SELECT ON TABLES TO gateway_read",
    ),
)

_SETTINGS = (
    _spoilt(
        "a database's setting changed",
        Why(Reason.DefinitionDiffers, "settings of roles and databases"),
        "ALTER DATABASE keycloak SET default_statistics_target = 151",
        "ALTER DATABASE keycloak SET default_statistics_target = 150",
    ),
    _spoilt(
        "a role's setting gone",
        Why(Reason.DefinitionDiffers, "settings of roles and databases"),
        "ALTER ROLE gateway_app RESET statement_timeout",
        "ALTER ROLE gateway_app SET statement_timeout = '45s'",
    ),
    _spoilt(
        "the primary no longer writes to disk",
        Why(Reason.DefinitionDiffers, "own setting fsync"),
        ("ALTER SYSTEM SET fsync = off", _RELOAD),
        ("ALTER SYSTEM RESET fsync", _RELOAD),
    ),
    _spoilt(
        "the primary waits for no standby",
        Why(Reason.DefinitionDiffers, "own setting synchronous_standby_names"),
        ("ALTER SYSTEM SET synchronous_standby_names = ''", _RELOAD),
        ("ALTER SYSTEM RESET synchronous_standby_names", _RELOAD),
    ),
    _spoilt(
        "a setting that waits for the next start",
        Why(Reason.DefinitionDiffers, "own settings in files"),
        "ALTER SYSTEM SET wal_level = minimal",
        "ALTER SYSTEM RESET wal_level",
    ),
    _spoilt(
        "the primary closed to writes",
        Why(Reason.ClosedToWrites),
        ("ALTER SYSTEM SET default_transaction_read_only = on", _RELOAD),
        ("ALTER SYSTEM RESET default_transaction_read_only", _RELOAD),
        check="members-healthy",
        also=("data-equal",),
    ),
    _spoilt(
        "a replication slot that nobody uses",
        Why(Reason.DefinitionDiffers, "own replication slots"),
        "SELECT pg_create_physical_replication_slot('stranger', true)",
        "SELECT pg_drop_replication_slot('stranger')",
    ),
)

_REPLICATION = (
    _spoilt(
        "a standby's replay paused",
        Why(Reason.ReplicationPaused),
        "SELECT pg_wal_replay_pause()",
        "SELECT pg_wal_replay_resume()",
        check="members-healthy",
        on=_READ,
    ),
    _spoilt(
        "a standby that stays an hour behind",
        Why(Reason.PartUnexpected, "own setting recovery_min_apply_delay"),
        ("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", _RELOAD),
        ("ALTER SYSTEM RESET recovery_min_apply_delay", _RELOAD),
        on=_OTHER_READ,
    ),
    _spoilt(
        "a standby that would start as a primary",
        Why(Reason.PartMissing, "own signal files"),
        "$ mv /data/pg/standby.signal /data/drillproof.kept",
        "$ mv /data/drillproof.kept /data/pg/standby.signal",
        on=_READ,
    ),
    Sabotage(
        name="a standby that runs and takes nothing more",
        check="new-write",
        why=Why(Reason.WriteNotCommitted),
        spoil=_acts(_READ, _ON_WALRECEIVER.format("STOP")),
        heal=_acts(_READ, _ON_WALRECEIVER.format("CONT")),
        also=("members-healthy", "ledger-kept", "transfers-whole"),
        writes=True,
    ),
    Sabotage(
        name="a standby without its replication slot",
        check="members-healthy",
        why=Why(Reason.ReplicationStopped, "postgres-read-1"),
        spoil=(  # held still meanwhile, for it would be back at once
            *_acts(_OTHER_READ, _ON_WALRECEIVER.format("STOP")),
            *_acts(
                _PRIMARY,
                "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots "
                "WHERE slot_name = 'postgres_read_1'",
                "SELECT pg_drop_replication_slot('postgres_read_1')",
            ),
            *_acts(_OTHER_READ, _ON_WALRECEIVER.format("CONT")),
        ),
        heal=_acts(_PRIMARY, "SELECT pg_create_physical_replication_slot('postgres_read_1')"),
        also=("data-equal",),
        member=_PRIMARY,
    ),
)

_LEDGER = (
    _spoilt(
        "a write of the ledger gone",
        Why(Reason.AcknowledgedWriteLost),
        (
            f"COPY (SELECT * FROM drillproof.ledger {_FIRST_WRITE}) TO {_KEPT}",
            f"DELETE FROM drillproof.ledger {_FIRST_WRITE}",
        ),
        f"COPY drillproof.ledger FROM {_KEPT}",
        check="ledger-kept",
    ),
    _undone_by_itself(
        "a write of the ledger altered",
        Why(Reason.WriteAltered),
        "UPDATE drillproof.ledger SET v = left(v, -1) || translate(right(v, 1), '0123456789abcdef', "
        f"'1032547698badcfe') {_FIRST_WRITE}",
        check="ledger-kept",
    ),
    _spoilt(
        "a write of the ledger twice",
        Why(Reason.WriteDuplicated),
        f"INSERT INTO drillproof.ledger (n, k, v) SELECT n, k, v FROM drillproof.ledger {_FIRST_WRITE}",
        f"DELETE FROM drillproof.ledger WHERE id = (SELECT max(id) FROM drillproof.ledger {_FIRST_WRITE})",
        check="ledger-kept",
    ),
    _spoilt(
        "a row of the ledger from nowhere",
        Why(Reason.WriteUnexpected),
        "INSERT INTO drillproof.ledger (n, k, v) VALUES (1, 'stranger', '1-stranger')",
        "DELETE FROM drillproof.ledger WHERE k = 'stranger'",
        check="ledger-kept",
    ),
    _spoilt(
        "an account's balance changed",
        Why(Reason.BalanceSumDiffers, "account savings/3"),
        "UPDATE drillproof.savings SET balance = balance + 1 WHERE id = 3",
        "UPDATE drillproof.savings SET balance = balance - 1 WHERE id = 3",
        check="transfers-whole",
    ),
    _spoilt(
        "half of a transfer taken back",
        Why(Reason.BalanceSumDiffers, "account checking/0"),
        "UPDATE drillproof.checking SET balance = balance + 50 WHERE id = 0",
        "UPDATE drillproof.checking SET balance = balance - 50 WHERE id = 0",
        check="transfers-whole",
    ),
    _spoilt(
        "money moved that no write moved",
        Why(Reason.BalanceDiffers, "account checking/0", "account savings/0"),
        (
            "UPDATE drillproof.checking SET balance = balance - 7 WHERE id = 0",
            "UPDATE drillproof.savings SET balance = balance + 7 WHERE id = 0",
        ),
        (
            "UPDATE drillproof.checking SET balance = balance + 7 WHERE id = 0",
            "UPDATE drillproof.savings SET balance = balance - 7 WHERE id = 0",
        ),
        check="transfers-whole",
    ),
    _spoilt(
        "an account gone",
        Why(Reason.AccountMissing, "account savings/7"),
        (
            f"COPY (SELECT * FROM drillproof.savings WHERE id = 7) TO {_KEPT}",
            "DELETE FROM drillproof.savings WHERE id = 7",
        ),
        f"COPY drillproof.savings FROM {_KEPT}",
        check="transfers-whole",
    ),
)

_FILE = (
    "bash -c '. /scripts/cluster.sh; file=$PGDATA/$(sql -d keycloak -c "
    '"SELECT pg_relation_filepath(\\$\\$public.{}\\$\\$)"); {}\''
)
# Within the first page, where its first row ends; of an index, within the second, since a planner reads its first one.
_CHANGE = 'dd if=$file bs=1 skip={at} count=1 | tr "{}" "{}" | dd of=$file bs=1 seek={at} conv=notrunc'
_ROW, _ENTRY = 8100, 8192 + 8100


def _below(name: str, why: Why, spoil: str, heal: str, check: str = "data-equal", *also: str) -> Sabotage:
    """Something done to the files below a standby, once it has them all on disk; a server that runs need not look."""
    return Sabotage(
        name=name,
        check=check,
        why=why,
        also=also,
        spoil=(*_acts(_PRIMARY, "CHECKPOINT"), *_acts(_READ, "CHECKPOINT", f"$ {spoil}")),
        heal=_acts(_READ, f"$ {heal}"),
        member=_READ,
        restarts=True,
    )


_FILES = (
    _below(
        "a byte of a table's file changed below a standby",
        Why(Reason.DataCorrupted, "database keycloak", causes=(Reason.PageCorrupted,)),
        _FILE.format("realm", _CHANGE.format(r"\000-\377", r"\001-\377\000", at=_ROW)),
        _FILE.format("realm", _CHANGE.format(r"\001-\377\000", r"\000-\377", at=_ROW)),
        "data-equal",
        "indexes-hold",  # an index is held against what is in that page
    ),
    *(
        _below(
            f"a byte of {kind} index's file changed below a standby",
            Why(Reason.IndexDamaged, f"index public.{name}", causes=(Reason.PageCorrupted,)),
            _FILE.format(name, _CHANGE.format(r"\000-\377", r"\001-\377\000", at=_ENTRY)),
            _FILE.format(name, _CHANGE.format(r"\001-\377\000", r"\000-\377", at=_ENTRY)),
            "indexes-hold",
        )
        for kind, name in (("a B-tree", "idx_event_time"), ("a GIN", "idx_user_name_like"), ("a BRIN", "idx_event_day"))
    ),
    _below(
        "a table's file gone below a standby",
        Why(Reason.DataCorrupted, "database keycloak", causes=(Reason.FileMissing,)),
        _FILE.format("component_config", "mv $file /data/drillproof.kept"),
        _FILE.format("component_config", "mv /data/drillproof.kept $file"),
        "data-equal",
        "indexes-hold",
    ),
)

CATALOGUE: tuple[Sabotage, ...] = (
    *_ROWS,
    *_DEFINITIONS,
    *_RIGHTS,
    *_SETTINGS,
    *_REPLICATION,
    *_LEDGER,
    *_FILES,
)
"""Every kind, the slowest last."""
