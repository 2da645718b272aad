"""Ways to spoil a MySQL primary and its replicas.

Most are done to one replica alone, as a bad restore of it would leave it: what is done to the primary passes on to
all, and is no harder to notice. Names are those of fixtures/mysql; what is read from rows holds for any seed and size.
"""

# ruff: noqa: S608 # statements are built from the constants of this module alone

from __future__ import annotations

from harness.core.reason import Reason
from harness.selftest.mutation import Act, Sabotage, Why

_PRIMARY, _REPLICA, _OTHER = "mysql-primary-0", "mysql-secondary-0", "mysql-secondary-1"
_OPEN = "SET GLOBAL super_read_only = OFF; SET SESSION sql_log_bin = 0, foreign_key_checks = 0"
_SHUT = "SET GLOBAL super_read_only = ON"
# A container's restarts come later and later, so this heals only what nothing else can, and once in a catalogue.
# Without a data directory start.sh removes this folder, and clones the primary. A server whose files are gone, and not
# just moved, does not end.
_CLONE = (Act(_REPLICA, "$ mv --no-target-directory /data/mysql /data/mysql.scratch && kill 1"),)
_CLIENT = "MYSQL_PWD=$MYSQL_ROOT_PASSWORD {} --defaults-file=/scripts/my.cnf --user=root"


def _alone(*statements: str) -> tuple[Act, ...]:
    """Done to one replica, without a trace in its binary log."""
    return (Act(_REPLICA, "; ".join((_OPEN, *statements, _SHUT))),)


def _unlogged(*statements: str) -> tuple[Act, ...]:
    """Done to the primary, and passed on to nobody."""
    return (Act(_PRIMARY, "; ".join(("SET SESSION sql_log_bin = 0", *statements))),)


def _replica(*statements: str) -> tuple[Act, ...]:
    return (Act(_REPLICA, "; ".join(statements)),)


def _shell(line: str) -> tuple[Act, ...]:
    return (Act(_REPLICA, f"$ {line}"),)


def _data(name: str, why: Why, spoil: tuple[Act, ...], heal: tuple[Act, ...]) -> Sabotage:
    """What only the digest of the one member that was touched may show."""
    return Sabotage(
        name=name,
        check="data-equal",
        why=why,
        spoil=spoil,
        heal=heal,
        member=spoil[0].member,
    )


def _rows(name: str, table: str, spoil: str, heal: str, reason: Reason = Reason.RowsDiffer) -> Sabotage:
    return _data(name, Why(reason, f"table {table}"), _alone(spoil), _alone(heal))


def _settings(name: str, why: Why, spoil: str, heal: str, member: str = _REPLICA) -> Sabotage:
    return _data(name, why, (Act(member, spoil),), (Act(member, heal),))


def _replication(name: str, why: Why, spoil: tuple[str, ...], heal: tuple[Act, ...], *also: str) -> Sabotage:
    return Sabotage(
        name=name,
        check="members-healthy",
        why=why,
        spoil=_replica(*spoil),
        heal=heal,
        member=_REPLICA,
        also=also,
    )


def _ledger(name: str, check: str, why: Why, spoil: str, heal: str) -> Sabotage:
    return Sabotage(
        name=name,
        check=check,
        why=why,
        spoil=_alone(spoil),
        heal=_alone(heal),
        member=_REPLICA,
    )


_KEYLESS = "core_logging.delivery_attempt"
_KEYLESS_TABLE = """CREATE TABLE delivery_attempt (
  log_event_id BIGINT NOT NULL,
  answer SMALLINT NULL,
  took_s FLOAT NOT NULL
) ENGINE=InnoDB COMMENT='has no key at all: a row may be there twice'"""
_KEYLESS_ROWS = f"""INSERT INTO {_KEYLESS} (log_event_id, answer, took_s) VALUES
  (1, 250, 0.1), (1, 250, 0.1), (2, NULL, 30.0), (3, 0, 0.25), (4, 421, 0.5)"""

_USERS = "core_user_profile.user_profile"
_SWAP = (
    f"SELECT id, email_address INTO @i, @a FROM {_USERS} ORDER BY id LIMIT 1;"
    f"SELECT id, email_address INTO @j, @b FROM {_USERS} ORDER BY id DESC LIMIT 1;"
    f"UPDATE {_USERS} SET email_address = IF(id = @i, @b, @a) WHERE id IN (@i, @j)"
)
_FLIP = (
    "UPDATE core_resource_secret.secret SET sealed = INSERT(sealed, 9, 1, CHAR(ORD(SUBSTR(sealed, 9, 1)) ^ 1))"
    " WHERE LENGTH(sealed) > 9 ORDER BY id LIMIT 1"
)

_ROWS = (
    _rows(
        "one row gone",
        _KEYLESS,
        f"DELETE FROM {_KEYLESS} WHERE log_event_id = 2",
        f"INSERT INTO {_KEYLESS} VALUES (2, NULL, 30.0)",
        Reason.RowsMissing,
    ),
    _rows(
        "a row twice, in a table without a key",
        _KEYLESS,
        f"INSERT INTO {_KEYLESS} VALUES (3, 0, 0.25)",
        f"DELETE FROM {_KEYLESS} WHERE log_event_id = 3 LIMIT 1",
        Reason.RowsUnexpected,
    ),
    _rows(
        "a pair of equal rows became another pair",
        _KEYLESS,
        f"UPDATE {_KEYLESS} SET log_event_id = 9 WHERE log_event_id = 1",
        f"UPDATE {_KEYLESS} SET log_event_id = 1 WHERE log_event_id = 9",
    ),
    _rows(
        "a deleted row is back",
        "core_logging.logging_enabled_status",
        "INSERT INTO core_logging.logging_enabled_status VALUES (1, TRUE)",
        "DELETE FROM core_logging.logging_enabled_status WHERE tenant_id = 1",
        Reason.RowsUnexpected,
    ),
    _rows("one bit of a large value flipped", "core_resource_secret.secret", _FLIP, _FLIP),
    _rows("two rows' values swapped", _USERS, _SWAP, _SWAP),
    _rows(
        "a decimal greater by 0.000001",
        "core_tenant.tenant",
        "UPDATE core_tenant.tenant SET quota = quota + 0.000001, last_modified = last_modified"
        " WHERE quota IS NOT NULL ORDER BY id LIMIT 1",
        "UPDATE core_tenant.tenant SET quota = quota - 0.000001, last_modified = last_modified"
        " WHERE quota IS NOT NULL ORDER BY id LIMIT 1",
    ),
    _rows(
        "a float's last bit, which its text does not show",
        _KEYLESS,
        f"UPDATE {_KEYLESS} SET took_s = 0.10000001 WHERE log_event_id = 1",
        f"UPDATE {_KEYLESS} SET took_s = 0.1 WHERE log_event_id = 1",
    ),
    _rows(
        "NULL became 0",
        _KEYLESS,
        f"UPDATE {_KEYLESS} SET answer = 0 WHERE log_event_id = 2",
        f"UPDATE {_KEYLESS} SET answer = NULL WHERE log_event_id = 2",
    ),
    _rows(
        "NULL became an empty text",
        _USERS,
        f"UPDATE {_USERS} SET first_name = '' WHERE first_name IS NULL ORDER BY id LIMIT 1",
        f"UPDATE {_USERS} SET first_name = NULL WHERE first_name = ''",
    ),
    _rows(
        "a blank after a text",
        _USERS,
        f"UPDATE {_USERS} SET last_name = CONCAT(last_name, ' ') ORDER BY id LIMIT 1",
        f"UPDATE {_USERS} SET last_name = LEFT(last_name, CHAR_LENGTH(last_name) - 1) ORDER BY id LIMIT 1",
    ),
    _rows(
        "capitals became small letters",
        "core_sharing.permission_type",
        "UPDATE core_sharing.permission_type SET name = LOWER(name) ORDER BY id LIMIT 1",
        "UPDATE core_sharing.permission_type SET name = UPPER(name) ORDER BY id LIMIT 1",
    ),
    _rows(
        "a time later by a microsecond",
        "core_sharing.sharing",
        "UPDATE core_sharing.sharing SET created_at = created_at + INTERVAL 1 MICROSECOND ORDER BY id LIMIT 1",
        "UPDATE core_sharing.sharing SET created_at = created_at - INTERVAL 1 MICROSECOND ORDER BY id LIMIT 1",
    ),
    _rows(
        "a member more in a JSON value",
        "core_iam.event_metadata",
        "UPDATE core_iam.event_metadata SET properties = JSON_INSERT(properties, '$.more', 1)"
        " WHERE properties IS NOT NULL ORDER BY id LIMIT 1",
        "UPDATE core_iam.event_metadata SET properties = JSON_REMOVE(properties, '$.more')"
        " WHERE properties IS NOT NULL ORDER BY id LIMIT 1",
    ),
    _rows(
        "a time zone more",
        "mysql.time_zone_name",
        "INSERT INTO mysql.time_zone_name VALUES ('Mars/Olympus', 1)",
        "DELETE FROM mysql.time_zone_name WHERE name = 'Mars/Olympus'",
        Reason.RowsUnexpected,
    ),
    _rows("table truncated", _KEYLESS, f"TRUNCATE {_KEYLESS}", _KEYLESS_ROWS, Reason.PartEmptied),
    _data(
        "table dropped",
        Why(Reason.PartMissing, "table core_logging.delivery_attempt"),
        _alone(f"DROP TABLE {_KEYLESS}"),
        _alone("USE core_logging", _KEYLESS_TABLE, _KEYLESS_ROWS),
    ),
    _data(
        "a table that was not there",
        Why(Reason.PartUnexpected, "table core_tenant.tenant_old"),
        _alone("CREATE TABLE core_tenant.tenant_old LIKE core_tenant.tenant"),
        _alone("DROP TABLE IF EXISTS core_tenant.tenant_old"),
    ),
)

_LOWER = """CREATE DEFINER = root@localhost TRIGGER user_profile_lower BEFORE INSERT ON user_profile FOR EACH ROW
BEGIN
  SET NEW.username = LOWER(NEW.username);
END"""
_INITIALS = """CREATE DEFINER = root@localhost FUNCTION initials(name VARCHAR(511)) RETURNS VARCHAR(8) CHARSET utf8mb4 \
DETERMINISTIC SQL SECURITY INVOKER
BEGIN
  RETURN CONCAT(LEFT(name, 1), LEFT(SUBSTRING_INDEX(name, ' ', -1), 1));
END"""
_PURGE = """CREATE DEFINER = root@localhost EVENT purge_log_events
  ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 03:00:00'
  ON COMPLETION PRESERVE
  DISABLE
  COMMENT 'keeps ninety days'
  DO BEGIN
    DELETE FROM core_logging.log_events WHERE created_at < NOW() - INTERVAL 90 DAY;
  END"""
_ACTIVE = """CREATE DEFINER = root@localhost VIEW active_tenant AS
  SELECT id, name, domain, status, created_at FROM tenant WHERE status = 'ACTIVE'
  WITH CASCADED CHECK OPTION"""
FROM_FIXTURES = (_KEYLESS_TABLE, _KEYLESS_ROWS, _LOWER, _INITIALS, _PURGE, _ACTIVE)
"""Statements that must stand in fixtures/mysql word for word."""

_AS_SEEDED = "SET NAMES utf8mb4"
_ALTER_PURGE = "ALTER DEFINER = root@localhost EVENT core_logging.purge_log_events"  # or its definer were who alters it
_OLD_YEARS = "PARTITION y2022 VALUES LESS THAN ('2023-01-01'), PARTITION y2023 VALUES LESS THAN ('2024-01-01')"


def _schema(name: str, why: Why, spoil: str, heal: str) -> Sabotage:
    return _data(name, why, _alone(spoil), _alone(heal))


_SCHEMA = (
    _schema(
        "index gone",
        Why(Reason.DefinitionDiffers, "indexes core_sharing.sharing"),
        "DROP INDEX sharing_with ON core_sharing.sharing",
        "CREATE INDEX sharing_with ON core_sharing.sharing (associating_id, associating_id_type)",
    ),
    _schema(
        "unique index made a plain one",
        Why(Reason.DefinitionDiffers, "indexes core_user_profile.group_entity"),
        "ALTER TABLE core_user_profile.group_entity"
        " DROP INDEX group_entity_external, ADD INDEX group_entity_external (external_id)",
        "ALTER TABLE core_user_profile.group_entity"
        " DROP INDEX group_entity_external, ADD UNIQUE INDEX group_entity_external (external_id)",
    ),
    _schema(
        "index made invisible",
        Why(Reason.DefinitionDiffers, "indexes core_sharing.entity"),
        "ALTER TABLE core_sharing.entity ALTER INDEX entity_owner INVISIBLE",
        "ALTER TABLE core_sharing.entity ALTER INDEX entity_owner VISIBLE",
    ),
    _schema(
        "a column's default",
        Why(Reason.DefinitionDiffers, "columns core_credential_store.custos_credentials"),
        "ALTER TABLE core_credential_store.custos_credentials ALTER COLUMN issued_at SET DEFAULT 1",
        "ALTER TABLE core_credential_store.custos_credentials ALTER COLUMN issued_at SET DEFAULT 0",
    ),
    _schema(
        "a column's collation",
        Why(Reason.DefinitionDiffers, "columns core_agent_profile.agent_attribute"),
        "ALTER TABLE core_agent_profile.agent_attribute MODIFY attribute_key VARCHAR(255) COLLATE utf8mb4_bin NOT NULL",
        "ALTER TABLE core_agent_profile.agent_attribute MODIFY attribute_key VARCHAR(255) NOT NULL",
    ),
    _schema(
        "a database's collation",
        Why(Reason.DefinitionDiffers, "database core_sharing"),
        "ALTER DATABASE core_sharing COLLATE utf8mb4_0900_ai_ci",
        "ALTER DATABASE core_sharing COLLATE utf8mb4_0900_as_cs",
    ),
    _schema(
        "a database made read only",
        Why(Reason.DefinitionDiffers, "database core_messaging"),
        "ALTER DATABASE core_messaging READ ONLY = 1",
        "ALTER DATABASE core_messaging READ ONLY = 0",
    ),
    _data(
        "a database that was not there",
        Why(Reason.PartUnexpected, "database core_old"),
        _alone("CREATE DATABASE core_old"),
        _alone("DROP DATABASE IF EXISTS core_old"),
    ),
    _data(
        "check constraint gone",
        Why(Reason.PartMissing, "check core_credential_store.custos_credentials_issued"),
        _alone("ALTER TABLE core_credential_store.custos_credentials DROP CHECK custos_credentials_issued"),
        _alone(
            "ALTER TABLE core_credential_store.custos_credentials"
            " ADD CONSTRAINT custos_credentials_issued CHECK (issued_at >= 0)"
        ),
    ),
    _schema(
        "check constraint no longer enforced",
        Why(Reason.DefinitionDiffers, "constraints core_tenant.tenant"),
        "ALTER TABLE core_tenant.tenant ALTER CHECK tenant_has_domain NOT ENFORCED",
        "ALTER TABLE core_tenant.tenant ALTER CHECK tenant_has_domain ENFORCED",
    ),
    _schema(
        "foreign key gone",
        Why(Reason.DefinitionDiffers, "constraints core_messaging.email_receivers"),
        "ALTER TABLE core_messaging.email_receivers DROP FOREIGN KEY email_receivers_template",
        "ALTER TABLE core_messaging.email_receivers ADD CONSTRAINT email_receivers_template"
        " FOREIGN KEY (email_template_id) REFERENCES core_messaging.email_template (id) ON DELETE CASCADE",
    ),
    _schema(
        "AUTO_INCREMENT set back",
        Why(Reason.DefinitionDiffers, "sequence core_sharing.sharing"),
        "ALTER TABLE core_sharing.sharing AUTO_INCREMENT = 1",
        "ALTER TABLE core_sharing.sharing AUTO_INCREMENT = 20000000",
    ),
    _schema(
        "partition gone",
        Why(Reason.DefinitionDiffers, "partitions core_logging.log_events"),
        "ALTER TABLE core_logging.log_events REORGANIZE PARTITION y2022, y2023"
        " INTO (PARTITION y2023 VALUES LESS THAN ('2024-01-01'))",
        f"ALTER TABLE core_logging.log_events REORGANIZE PARTITION y2023 INTO ({_OLD_YEARS})",
    ),
    _data(
        "trigger gone",
        Why(Reason.PartMissing, "trigger core_user_profile.user_profile_lower"),
        _alone("DROP TRIGGER core_user_profile.user_profile_lower"),
        _alone(_AS_SEEDED, "USE core_user_profile", _LOWER),
    ),
    _schema(
        "function changed",
        Why(Reason.DefinitionDiffers, "routine core_tenant.initials"),
        f"DROP FUNCTION core_tenant.initials; {_AS_SEEDED}; USE core_tenant; {_INITIALS.replace('-1', '1')}",
        f"DROP FUNCTION IF EXISTS core_tenant.initials; {_AS_SEEDED}; USE core_tenant; {_INITIALS}",
    ),
    _schema(
        "procedure with its definer's rights",
        Why(Reason.DefinitionDiffers, "routine core_tenant.deactivate_tenant"),
        "ALTER PROCEDURE core_tenant.deactivate_tenant SQL SECURITY INVOKER",
        "ALTER PROCEDURE core_tenant.deactivate_tenant SQL SECURITY DEFINER",
    ),
    _data(
        "a procedure hidden among the server's own",
        Why(Reason.PartUnexpected, "routine mysql"),
        _alone("CREATE PROCEDURE mysql.later() BEGIN END"),
        _alone("DROP PROCEDURE IF EXISTS mysql.later"),
    ),
    _schema(
        "view changed",
        Why(Reason.DefinitionDiffers, "view core_tenant.active_tenant"),
        f"{_AS_SEEDED}; USE core_tenant; DROP VIEW active_tenant; {_ACTIVE.replace('CASCADED', 'LOCAL')}",
        f"{_AS_SEEDED}; USE core_tenant; DROP VIEW IF EXISTS active_tenant; {_ACTIVE}",
    ),
    _data(
        "event gone",
        Why(Reason.PartMissing, "event core_logging.purge_log_events"),
        _unlogged("DROP EVENT core_logging.purge_log_events"),
        _unlogged(_AS_SEEDED, "USE core_logging", _PURGE),
    ),
    _data(
        "event woken up",
        Why(Reason.DefinitionDiffers, "own event core_logging.purge_log_events"),
        _unlogged(f"{_ALTER_PURGE} ENABLE"),
        _unlogged(f"{_ALTER_PURGE} DISABLE"),
    ),
)

# Reversed, a password's hash is one of no password; and reversed again it is as it was, to the byte.
_OTHER_HASH = (
    "UPDATE mysql.user SET authentication_string = REVERSE(authentication_string) WHERE user = 'custos_secrets';"
    "FLUSH NO_WRITE_TO_BINLOG PRIVILEGES"
)
_ACCOUNTS = (
    _data(
        "account gone",
        Why(Reason.PartMissing, "user custos_retired@localhost"),
        _alone("RENAME USER custos_retired@localhost TO custos_lost@localhost"),
        _alone("RENAME USER custos_lost@localhost TO custos_retired@localhost"),
    ),
    _schema("password changed", Why(Reason.DefinitionDiffers, "user custos_secrets@%"), _OTHER_HASH, _OTHER_HASH),
    _schema(
        "account unlocked",
        Why(Reason.DefinitionDiffers, "user custos_retired@localhost"),
        "ALTER USER custos_retired@localhost ACCOUNT UNLOCK",
        "ALTER USER custos_retired@localhost ACCOUNT LOCK",
    ),
    _schema(
        "grant gone",
        Why(Reason.DefinitionDiffers, "grants custos_service@%"),
        "REVOKE SELECT ON core_sharing.* FROM custos_service@'%'",
        "GRANT SELECT ON core_sharing.* TO custos_service@'%'",
    ),
    _schema(
        "grant that was not there",
        Why(Reason.DefinitionDiffers, "grants custos_auditor@10.%"),
        "GRANT DELETE ON core_logging.* TO custos_auditor@'10.%'",
        "REVOKE DELETE ON core_logging.* FROM custos_auditor@'10.%'",
    ),
    _schema(
        "default role gone",
        Why(Reason.DefinitionDiffers, "grants custos_service@%"),
        "SET DEFAULT ROLE NONE TO custos_service@'%'",
        "SET DEFAULT ROLE custos_write TO custos_service@'%'",
    ),
)

_SETTINGS = (
    _settings(
        "commits no longer flushed",
        Why(Reason.DefinitionDiffers, "own setting innodb_flush_log_at_trx_commit"),
        "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
        "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
    ),
    _settings(
        "sql_mode made lax on the primary",
        Why(Reason.DefinitionDiffers, "own setting sql_mode"),
        "SET GLOBAL sql_mode = ''",
        "SET GLOBAL sql_mode = DEFAULT",
        _PRIMARY,
    ),
    _settings(
        "a setting persisted for the next start",
        Why(Reason.PartUnexpected, "own persisted setting sync_binlog"),
        "SET PERSIST_ONLY sync_binlog = 0",
        "RESET PERSIST IF EXISTS sync_binlog",
    ),
    _settings(
        "redo log switched off",
        Why(Reason.DefinitionDiffers, "own setting Innodb_redo_log_enabled"),
        "ALTER INSTANCE DISABLE INNODB REDO_LOG",
        "ALTER INSTANCE ENABLE INNODB REDO_LOG",
    ),
)

_SOURCE = (
    "SET @source = (SELECT source_uuid FROM performance_schema.replication_connection_status)",
    "SET @newest = REGEXP_SUBSTR(REGEXP_SUBSTR(@@GLOBAL.gtid_executed, CONCAT(@source, ':[-:0-9]+')), '[0-9]+$')",
)
# The transaction that comes next from the primary is marked as done before it comes.
_SKIP_NEXT = (
    *_SOURCE,
    "SET SESSION gtid_next = CONCAT(@source, ':', @newest + 1)",
    "COMMIT",
    "SET SESSION gtid_next = AUTOMATIC",
)


def _forget(transactions: str) -> tuple[str, ...]:
    """What was never there: the replica then fetches it, if the primary has it."""
    return (
        "STOP REPLICA",
        "RESET REPLICA",  # or what was received once is not asked for again
        "SET GLOBAL super_read_only = OFF",
        f"SET @true = GTID_SUBTRACT(@@GLOBAL.gtid_executed, {transactions})",
        "RESET BINARY LOGS AND GTIDS",
        "SET GLOBAL gtid_purged = @true",
        _SHUT,
        "START REPLICA",
    )


def _applier(change: str) -> tuple[str, ...]:
    return "STOP REPLICA SQL_THREAD", change, "START REPLICA SQL_THREAD"


def _source(host: str) -> tuple[str, ...]:
    return "STOP REPLICA", f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}'", "START REPLICA"


# As start.sh does it.
_FOLLOW = (
    _CLIENT.format("mysql")
    + f" --execute=\"CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1, SOURCE_HOST = '{_PRIMARY}.mysql-primary',"
    + " SOURCE_USER = 'replication', SOURCE_PASSWORD = '$MYSQL_REPLICATION_PASSWORD', GET_SOURCE_PUBLIC_KEY = 1,"
    + ' SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 0, SOURCE_HEARTBEAT_PERIOD = 2; START REPLICA"'
)

_REPLICATION = (
    _replication(
        "replication stopped",
        Why(Reason.ReplicationStopped, "receiver OFF"),
        ("STOP REPLICA",),
        _replica("START REPLICA"),
    ),
    _replication(
        "replication's applier stopped",
        Why(Reason.ReplicationStopped, "applier OFF"),
        ("STOP REPLICA SQL_THREAD",),
        _replica("START REPLICA"),
    ),
    _replication(
        "a filter that leaves out one database",
        Why(Reason.ReplicationFiltered, "filter REPLICATE_IGNORE_DB core_sharing"),
        _applier("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (core_sharing)"),
        _replica(*_applier("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = ()")),
    ),
    _replication(
        "a replica told to lag behind",
        Why(Reason.ReplicationDelayed, "delay 3600 s"),
        _applier("CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 3600"),
        _replica(*_applier("CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0")),
        "data-equal",  # `own channel`
    ),
    _replication(
        "a replica open to writes",
        Why(Reason.OpenToWrites),
        ("SET GLOBAL super_read_only = OFF",),
        _replica(_SHUT),
        "data-equal",  # `own setting`
    ),
    _replication(
        "a transaction that the primary lacks",
        Why(Reason.AheadOfPrimary),
        (
            "SET SESSION gtid_next = CONCAT(@@server_uuid, ':1')",
            "COMMIT",
            "SET SESSION gtid_next = AUTOMATIC",
        ),
        _replica(*_forget("CONCAT(@@server_uuid, ':1')")),
    ),
    _replication(
        "a replica that follows the other replica",
        Why(Reason.FollowsAnother),
        _source(f"{_OTHER}.mysql-secondary"),
        _replica(*_source(f"{_PRIMARY}.mysql-primary")),
        "data-equal",  # `own channel`
    ),
    _replication(
        "a replica that follows nobody",
        Why(Reason.ReplicationStopped, "receiver absent"),
        ("STOP REPLICA", "RESET REPLICA ALL"),
        _shell(_FOLLOW),
        "data-equal",  # `own channel`
    ),
    Sabotage(
        name="a prepared transaction that nobody ends",
        check="members-healthy",
        why=Why(Reason.TransactionLeftOpen),
        spoil=_unlogged(
            "XA START 'left'",
            f"UPDATE {_KEYLESS} SET answer = 1 WHERE log_event_id = 3",
            "XA END 'left'",
            "XA PREPARE 'left'",
        ),
        heal=_unlogged("XA ROLLBACK 'left'"),
        member=_PRIMARY,
    ),
    Sabotage(
        name="a replica that runs, but passed over one transaction",
        check="new-write",
        why=Why(Reason.WriteNotReplicated, "mysql-secondary-0"),
        spoil=_replica(*_SKIP_NEXT),
        heal=_replica(*_SOURCE, *_forget("CONCAT(@source, ':', @newest)")),
        also=("ledger-kept", "transfers-whole"),
        writes=True,
    ),
    Sabotage(
        name="the primary refuses writes",
        check="new-write",
        why=Why(Reason.WriteNotCommitted),
        spoil=(Act(_PRIMARY, "SET GLOBAL super_read_only = ON"),),
        heal=(Act(_PRIMARY, "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF"),),
        also=("members-healthy", "data-equal"),
        writes=True,
    ),
)

_FIRST = "ORDER BY id LIMIT 1"
_KEEP_FIRST = (
    _CLIENT.format("mysqldump")
    + f" --no-create-info --single-transaction --set-gtid-purged=OFF --where='TRUE {_FIRST}' drillproof ledger"
    + f" | (echo '{_OPEN}; USE drillproof;'; cat; echo '{_SHUT};') >/data/kept.sql"
)
_PUT_BACK = _CLIENT.format("mysql") + " </data/kept.sql && rm /data/kept.sql"

_LEDGER = (
    Sabotage(
        name="a write of the ledger gone",
        check="ledger-kept",
        why=Why(Reason.AcknowledgedWriteLost),
        spoil=(*_shell(_KEEP_FIRST), *_alone(f"DELETE FROM drillproof.ledger {_FIRST}")),
        heal=_shell(_PUT_BACK),
        member=_REPLICA,
    ),
    _ledger(
        "a write of the ledger altered",
        "ledger-kept",
        Why(Reason.WriteAltered),
        f"UPDATE drillproof.ledger SET v = CONCAT(v, 'x') {_FIRST}",
        f"UPDATE drillproof.ledger SET v = LEFT(v, CHAR_LENGTH(v) - 1) {_FIRST}",
    ),
    _ledger(
        "a write of the ledger twice",
        "ledger-kept",
        Why(Reason.WriteDuplicated),
        f"INSERT INTO drillproof.ledger (n, k, v) SELECT n, k, v FROM drillproof.ledger {_FIRST}",
        "DELETE FROM drillproof.ledger ORDER BY id DESC LIMIT 1",
    ),
    _ledger(
        "a write of nobody's",
        "ledger-kept",
        Why(Reason.WriteUnexpected),
        "INSERT INTO drillproof.ledger (n, k, v) VALUES (1, 'nobody', '1-nobody')",
        "DELETE FROM drillproof.ledger WHERE k = 'nobody'",
    ),
    _ledger(
        "an account's balance changed",
        "transfers-whole",
        Why(Reason.BalanceSumDiffers, "account checking/0"),
        "UPDATE drillproof.checking SET balance = balance + 1 WHERE id = 0",
        "UPDATE drillproof.checking SET balance = balance - 1 WHERE id = 0",
    ),
    _ledger(
        "half a transfer more, made up for elsewhere",
        "transfers-whole",
        Why(Reason.BalanceDiffers, "account checking/0", "account savings/1"),
        "UPDATE drillproof.checking SET balance = balance + 7 WHERE id = 0;"
        "UPDATE drillproof.savings SET balance = balance - 7 WHERE id = 1",
        "UPDATE drillproof.checking SET balance = balance - 7 WHERE id = 0;"
        "UPDATE drillproof.savings SET balance = balance + 7 WHERE id = 1",
    ),
)

_FILE = "/data/mysql/core_agent_profile/agent_role.ibd"
_FILES = (
    Sabotage(
        name="a table's file removed below a running server",
        check="data-equal",
        why=Why(Reason.DataCorrupted, "table core_agent_profile.agent_role"),
        spoil=_shell(f"mv {_FILE} /data/kept.ibd"),
        heal=_shell(f"mv /data/kept.ibd {_FILE}; kill 1"),
        member=_REPLICA,
        restarts=True,
    ),
    Sabotage(
        name="bytes of a table's file overwritten below a running server",
        check="data-equal",
        why=Why(Reason.DataCorrupted, causes=(Reason.PageCorrupted,)),  # InnoDB ends itself over it
        spoil=_shell(
            f"cp -p {_FILE} /data/kept.ibd;"
            f" dd if=/dev/urandom of={_FILE} bs=1024 seek=72 count=1 conv=notrunc status=none; sync {_FILE}"
        ),
        heal=_shell(f"cp -p /data/kept.ibd {_FILE}; rm /data/kept.ibd; kill 1"),
        member=_REPLICA,
        also=(
            "members-healthy",
            "ledger-kept",
            "transfers-whole",
            "indexes-hold",
            "objectives-met",
        ),  # it may be down while they are read
        restarts=True,
    ),
)

# An index of forty rows at every size: it is one page of its table's file, the one after the table's own first page.
_TYPES = "core_sharing.entity_type"
_INDEX = f"{_TYPES}.entity_type_tenant"
_INDEX_PAGE = 5
_INDEX_FILE = "/data/mysql/core_sharing/entity_type.ibd"
_KEPT_PAGE = "/data/kept.page"
_ON_DISK = (f"FLUSH TABLES {_TYPES} FOR EXPORT", "UNLOCK TABLES")  # every page of it, as it is in memory
_BUILT_ANEW = _alone(f"ALTER TABLE {_TYPES} ENGINE=InnoDB")  # from the rows alone; no page of the index is read
_NONE_TO_PURGE = "DO SLEEP(2)"  # or the page would be written once more, by what clears up after an UPDATE
_DD = "dd bs=16384 count=1 conv=notrunc status=none"
_KEEP_PAGE = _shell(f"{_DD} if={_INDEX_FILE} of={_KEPT_PAGE} skip={_INDEX_PAGE}")
_OLD_PAGE = _shell(f"{_DD} if={_KEPT_PAGE} of={_INDEX_FILE} seek={_INDEX_PAGE}; sync {_INDEX_FILE}; rm {_KEPT_PAGE}")
_TENANT = f"UPDATE {_TYPES} SET tenant_id = tenant_id {{}} 1 ORDER BY id LIMIT 1"
_STRANGER = "('stranger', 1, 'stranger', NULL)"


# The table's own first page: it says which leaf has what. Rows that grow and shrink again part leaves.
_CONTACTS = "core_tenant.contact"
_ROOT_PAGE = 4
_ROOT_FILE = "/data/mysql/core_tenant/contact.ibd"
_TRUE_PAGE = "/data/true.page"
_CONTACTS_ON_DISK = (f"FLUSH TABLES {_CONTACTS} FOR EXPORT", "UNLOCK TABLES")


def _index(name: str, why: Why, spoil: tuple[Act, ...], heal: tuple[Act, ...] = _BUILT_ANEW) -> Sabotage:
    return Sabotage(
        name=name,
        check="indexes-hold",
        why=why,
        spoil=spoil,
        heal=heal,
        member=_REPLICA,
        restarts=True,
    )


_INDEXES = (
    _index(
        "an index with the entry that a row had before its last change",
        Why(Reason.IndexStale, "index core_sharing.entity_type.entity_type_tenant"),
        (
            *_alone(_TENANT.format("+"), _NONE_TO_PURGE, *_ON_DISK),
            *_KEEP_PAGE,
            *_alone(_TENANT.format("-"), _NONE_TO_PURGE, *_ON_DISK),
            *_OLD_PAGE,
        ),
    ),
    _index(
        "an index that has an entry too many",
        Why(Reason.IndexEntryUnexpected, "index core_sharing.entity_type.entity_type_tenant"),
        (
            *_alone(f"INSERT INTO {_TYPES} VALUES {_STRANGER}", _NONE_TO_PURGE, *_ON_DISK),
            *_KEEP_PAGE,
            *_alone(f"DELETE FROM {_TYPES} WHERE id = 'stranger'", _NONE_TO_PURGE, *_ON_DISK),
            *_OLD_PAGE,
        ),
    ),
    _index(
        "an index that lacks an entry",
        Why(Reason.IndexIncomplete, "index core_sharing.entity_type.entity_type_tenant"),
        (
            *_alone(
                f"CREATE TABLE {_TYPES}_kept SELECT * FROM {_TYPES} ORDER BY id LIMIT 1",
                f"DELETE FROM {_TYPES} ORDER BY id LIMIT 1",
                _NONE_TO_PURGE,
                *_ON_DISK,
            ),
            *_KEEP_PAGE,
            *_alone(
                f"INSERT INTO {_TYPES} SELECT * FROM {_TYPES}_kept",
                f"DROP TABLE {_TYPES}_kept",
                _NONE_TO_PURGE,
                *_ON_DISK,
            ),
            *_OLD_PAGE,
        ),
    ),
    _index(
        "a page of an index overwritten",
        Why(
            Reason.DataCorrupted, "index core_sharing.entity_type.entity_type_tenant", causes=(Reason.PageCorrupted,)
        ),  # InnoDB ends itself over it
        _shell(f"{_DD} if=/dev/urandom of={_INDEX_FILE} seek={_INDEX_PAGE}; sync {_INDEX_FILE}"),
    ),
    _index(
        "a page above a table's leaves from before its last change",
        Why(
            Reason.DataCorrupted, "table core_tenant.contact", causes=(Reason.TreeCorrupted,)
        ),  # InnoDB ends itself over it
        (
            *_alone(*_CONTACTS_ON_DISK),
            *_shell(f"{_DD} if={_ROOT_FILE} of={_KEPT_PAGE} skip={_ROOT_PAGE}"),
            *_alone(
                f"UPDATE {_CONTACTS} SET contact = CONCAT(contact, REPEAT('x', 150))",
                f"UPDATE {_CONTACTS} SET contact = LEFT(contact, CHAR_LENGTH(contact) - 150)",
                _NONE_TO_PURGE,
                *_CONTACTS_ON_DISK,
            ),
            *_shell(
                f"{_DD} if={_ROOT_FILE} of={_TRUE_PAGE} skip={_ROOT_PAGE};"
                f" {_DD} if={_KEPT_PAGE} of={_ROOT_FILE} seek={_ROOT_PAGE}; sync {_ROOT_FILE}; rm {_KEPT_PAGE}"
            ),
        ),
        # To build it anew would not do: the server follows that page then.
        _shell(f"{_DD} if={_TRUE_PAGE} of={_ROOT_FILE} seek={_ROOT_PAGE}; sync {_ROOT_FILE}; kill 1"),
    ),
)

_TRUNCATIONS = (
    "SELECT CONCAT('TRUNCATE ', table_schema, '.', table_name, ';') FROM information_schema.tables"
    " WHERE table_schema LIKE 'core%' AND table_type = 'BASE TABLE'"
)
_EMPTY = (
    f'{_CLIENT.format("mysql")} --skip-column-names --execute="{_TRUNCATIONS}"'
    f" | (echo '{_OPEN};'; cat; echo '{_SHUT};') | {_CLIENT.format('mysql')}"
)
_WHOLE = (
    _data("a replica without a row", Why(Reason.PartEmptied, "table core_tenant.tenant"), _shell(_EMPTY), _CLONE),
)

CATALOGUE: tuple[Sabotage, ...] = (
    *_ROWS,
    *_SCHEMA,
    *_ACCOUNTS,
    *_SETTINGS,
    *_REPLICATION,
    *_LEDGER,
    *_FILES,
    *_INDEXES,
    *_WHOLE,
)
