{#
What drillproof asks a PostgreSQL server, besides its catalogs. A Jinja template, which catalog.py reads. Words in braces
are for psycopg2's `SQL.format`.
#}

-- section: host
SELECT trim(E'\n' FROM pg_read_file('/etc/hostname'))

-- section: databases
{# Those that accept connections: -2 marks a database whose DROP was interrupted. #}
SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname

-- section: session
{# All settings that influence printing. The lock timeout limits the wait for a table that somebody keeps locked. #}
SELECT set_config(name, value, false) FROM (VALUES
    ('search_path', 'pg_catalog'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'),
    ('bytea_output', 'hex'), ('extra_float_digits', '1'), ('lc_monetary', 'C'), ('quote_all_identifiers', 'off'),
    ('row_security', 'off'), ('jit', 'off'), ('statement_timeout', '0'), ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'), ('lock_timeout', '60s')) settings (name, value)
WHERE name <> 'transaction_timeout' OR current_setting('server_version_num')::int >= 170000

-- section: rows
SELECT count(*), coalesce(sum({hash}), 0)::text FROM ONLY {table}

-- section: large_objects
SELECT count(*), coalesce(sum(hashtextextended(oid || ':' || encode(lo_get(oid), 'hex') COLLATE "C", 1)), 0)::text
FROM pg_largeobject_metadata

-- section: sequence
SELECT {part}, last_value || ' ' || is_called FROM {sequence}

-- section: settle
SELECT setval({name}, last_value, is_called) FROM {sequence}

-- section: extensions
SELECT x.extname, n.nspname FROM pg_catalog.pg_extension x
JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname IN ('amcheck', 'pg_prewarm')

-- section: indexes
{# All that are in use, the system's included. #}
SELECT i.indexrelid, n.nspname || '.' || c.relname, a.amname = 'btree'
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am a ON a.oid = c.relam JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'i' AND i.indisvalid AND i.indisready AND c.relpersistence = 'p' ORDER BY 2

-- section: who
SELECT current_setting('server_version_num')::int / 10000, rolsuper FROM pg_roles WHERE rolname = current_user

-- section: identity
SELECT system_identifier, timeline_id, CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn() END::text
FROM pg_control_system(), pg_control_checkpoint()

-- section: primary_health
SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
    ARRAY(SELECT application_name FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1)::text[]

-- section: standby_health
SELECT pg_is_in_recovery(), pg_is_in_recovery() AND pg_get_wal_replay_pause_state() <> 'not paused',
    coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false),
    pg_last_wal_replay_lsn(), r.status, r.received_tli::text, r.sender_host, c.system_identifier::text
FROM pg_control_system() c LEFT JOIN pg_stat_wal_receiver r ON true

-- section: ahead
SELECT %s::pg_lsn > pg_current_wal_flush_lsn(), pg_current_wal_flush_lsn()

-- section: replayed
SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_last_wal_replay_lsn()
