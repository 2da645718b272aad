{#
What drillproof asks a MySQL server, besides its rows and catalogs. A Jinja template, which catalog.py reads.
#}
{# Schemas whose rows are not compared, except `system_rows`. #}
{% set of_server = "('information_schema', 'mysql', 'performance_schema', 'sys')" %}
{# As `sql_store.part_name`. #}
{% macro part(name) -%}
    IF({{ name }} REGEXP '[."]', CONCAT('"', REPLACE({{ name }}, '"', '""'), '"'), {{ name }})
{%- endmacro %}
{% macro named(schema, table) -%}
    CONCAT({{ part(schema) }}, '.', {{ part(table) }})
{%- endmacro %}
{# The errors of a replica's replication; empty if there are none. #}
{% set errors %}
(SELECT COALESCE(GROUP_CONCAT(NULLIF(last_error_message, '') SEPARATOR '; '), '') FROM (
    SELECT last_error_message FROM performance_schema.replication_connection_status UNION ALL
    SELECT last_error_message FROM performance_schema.replication_applier_status_by_coordinator UNION ALL
    SELECT last_error_message FROM performance_schema.replication_applier_status_by_worker) e)
{% endset %}
{% set channels = "(SELECT COUNT(*) FROM performance_schema.replication_connection_configuration)" %}
{% set filters %}
(SELECT COALESCE(GROUP_CONCAT(filter_name, ' ', filter_rule SEPARATOR '; '), '') FROM (
    SELECT filter_name, filter_rule FROM performance_schema.replication_applier_filters UNION
    SELECT filter_name, filter_rule FROM performance_schema.replication_applier_global_filters) f
WHERE filter_rule <> '')
{% endset %}

-- section: session
{# Otherwise AUTO_INCREMENT and a table's size can be a day old. #}
SET SESSION information_schema_stats_expiry = 0

-- section: unhide_indexes
SET SESSION optimizer_switch = 'use_invisible_indexes=on'

-- section: xor
{# Of all rows' hashes; the half that is kept. #}
LOWER(HEX(LEFT(BIT_XOR(UNHEX(%s)), 16)))

-- section: user_tables
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {{ of_server }}

-- section: tables
{# column_key is PRI also for another unique key where there is no primary key. Of a partitioned table, finding the
middle takes long. #}
SELECT {{ named("t.table_schema", "t.table_name") }}, c.column_name, c.data_type, c.is_nullable,
    COALESCE(c.character_set_name, ''), c.column_key = 'PRI',
    IF(t.table_rows + t.data_length / 1024 >= {{ halved_from }} AND t.create_options NOT LIKE '%partitioned%',
        t.table_rows, 0),
    EXISTS (SELECT * FROM information_schema.statistics s
        WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.index_name = 'PRIMARY'
        AND s.seq_in_index = 1 AND s.column_name = c.column_name), ''
FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN {{ of_server }}
    OR (t.table_schema, t.table_name) IN {{ system_rows }}
ORDER BY t.data_length DESC, t.table_schema, t.table_name, c.ordinal_position

-- section: indexes
SELECT {{ named("s.table_schema", "s.table_name") }}, s.index_name, c.column_name, c.data_type, c.is_nullable,
    COALESCE(c.character_set_name, ''), s.sub_part IS NULL
FROM information_schema.statistics s
LEFT JOIN information_schema.columns c USING (table_schema, table_name, column_name)
WHERE s.table_schema NOT IN {{ of_server }} AND s.index_type = 'BTREE'
    AND COALESCE(s.expression NOT LIKE '% array)', TRUE)
ORDER BY s.index_name <> 'PRIMARY', s.table_schema, s.table_name, s.index_name, s.seq_in_index

-- section: indexed_tables
SELECT {{ named("table_schema", "table_name") }} FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {{ of_server }} ORDER BY table_schema, table_name

-- section: converted_columns
{# Those with another character set than the file of known data: JSON, and text that is neither UTF-8 nor binary. #}
SELECT column_name FROM information_schema.columns WHERE CONCAT(table_schema, '.', table_name) = %s
AND (data_type = 'json' OR character_set_name <> 'utf8mb4')

-- section: has_relation
SELECT 1 FROM information_schema.tables WHERE LOWER(CONCAT(table_schema, '.', table_name)) = %s

-- section: missing_transactions
SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed), {{ errors }}

-- section: primary_health
{# The last: prepared XA transactions without a session, which keep their locks until somebody ends them. #}
SELECT @@server_uuid, @@GLOBAL.read_only OR @@GLOBAL.super_read_only, {{ channels }}, {{ filters }},
    (SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0)

-- section: replica_health
SELECT @@server_uuid, @@GLOBAL.super_read_only, @@GLOBAL.gtid_executed,
    COALESCE((SELECT MAX(service_state) FROM performance_schema.replication_connection_status), 'absent'),
    COALESCE((SELECT MAX(service_state) FROM performance_schema.replication_applier_status), 'absent'),
    COALESCE((SELECT MAX(source_uuid) FROM performance_schema.replication_connection_status), ''),
    COALESCE((SELECT MAX(desired_delay) FROM performance_schema.replication_applier_configuration), 0),
    {{ channels }}, {{ filters }}, {{ errors }}
