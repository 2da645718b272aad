{#
What drillproof asks a MariaDB server, besides its rows and catalogs: see mysql/queries.sql.
#}
{% set of_server = "('information_schema', 'mysql', 'performance_schema', 'sys')" %}
{# As `sql_store.part_name`. #}
{% macro part(name) -%}
    IF({{ name }} REGEXP '[."]', CONCAT('"', REPLACE({{ name }}, '"', '""'), '"'), {{ name }})
{%- endmacro %}
{% macro named(schema, table) -%}
    CONCAT({{ part(schema) }}, '.', {{ part(table) }})
{%- endmacro %}

-- section: session
{# The server's own mode may change what CONCAT and quotes mean, and its limit may end a scan. #}
SET SESSION sql_mode = '', max_statement_time = 0

-- section: unhide_indexes
DO 0

-- section: xor
{# BIT_XOR takes numbers only: of bytes it takes the number that they begin with, and says nothing. #}
LPAD(LOWER(HEX(BIT_XOR(CAST(CONV(LEFT(%s, 16), 16, 10) AS UNSIGNED)))), 32, '0')

-- section: user_tables
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_schema NOT IN {{ of_server }}

-- section: tables
{# A sequence is a table of one row. What rows of a versioned table once were is read, too, with the times in the columns
that it has unless it names some. Numbers of transactions there (BIGINT) are those of this member. A key does not make
such rows different. #}
SELECT {{ named("t.table_schema", "t.table_name") }}, c.column_name, c.data_type, c.is_nullable,
    COALESCE(c.character_set_name, ''), c.column_key = 'PRI' AND t.table_type = 'BASE TABLE',
    IF(t.table_rows + t.data_length / 1024 >= {{ halved_from }} AND t.create_options NOT LIKE '%partitioned%'
        AND t.table_type = 'BASE TABLE', t.table_rows, 0),
    EXISTS (SELECT * FROM information_schema.statistics s
        WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.index_name = 'PRIMARY'
        AND s.seq_in_index = 1 AND s.column_name = c.column_name),
    IF(t.table_type = 'SYSTEM VERSIONED', 'FOR SYSTEM_TIME ALL ', '')
FROM information_schema.tables t JOIN (
    SELECT table_schema, table_name, column_name, data_type, is_nullable, character_set_name, column_key, ordinal_position
    FROM information_schema.columns
    WHERE NOT (data_type = 'bigint' AND COALESCE(generation_expression, '') IN ('ROW START', 'ROW END'))
    UNION ALL
    SELECT table_schema, table_name, p.column_name, 'timestamp', 'NO', NULL, '', p.at
    FROM information_schema.tables v JOIN (SELECT 'row_start' AS column_name, 9998 AS at UNION SELECT 'row_end', 9999) p
    WHERE v.table_type = 'SYSTEM VERSIONED' AND NOT EXISTS (SELECT * FROM information_schema.columns o
        WHERE o.table_schema = v.table_schema AND o.table_name = v.table_name AND o.generation_expression = 'ROW START')
) c USING (table_schema, table_name)
WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND t.table_schema NOT IN {{ of_server }}
    OR (t.table_schema, t.table_name) IN {{ system_rows }}
ORDER BY t.data_length DESC, t.table_schema, t.table_name, c.ordinal_position

-- section: indexes
{# Those with a prefix of a column are never read alone. #}
SELECT {{ named("s.table_schema", "s.table_name") }}, s.index_name, c.column_name, c.data_type, c.is_nullable,
    COALESCE(c.character_set_name, ''), s.sub_part IS NULL
FROM information_schema.statistics s JOIN information_schema.tables t USING (table_schema, table_name)
LEFT JOIN information_schema.columns c USING (table_schema, table_name, column_name)
WHERE s.table_schema NOT IN {{ of_server }} AND s.index_type = 'BTREE' AND s.ignored = 'NO'
    AND t.engine = 'InnoDB' AND t.table_type = 'BASE TABLE'
    AND (s.index_name = 'PRIMARY' OR NOT EXISTS (SELECT * FROM information_schema.statistics p
        WHERE p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.index_name = s.index_name
        AND p.sub_part IS NOT NULL))
ORDER BY s.index_name <> 'PRIMARY', s.table_schema, s.table_name, s.index_name, s.seq_in_index

-- section: indexed_tables
SELECT {{ named("table_schema", "table_name") }} FROM information_schema.tables
WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_schema NOT IN {{ of_server }}
ORDER BY table_schema, table_name

-- section: converted_columns
{# Those that do not take the bytes of known data: text that is not UTF-8, and types that take bytes as their own form. #}
SELECT column_name FROM information_schema.columns WHERE CONCAT(table_schema, '.', table_name) = %s
AND (data_type IN ('uuid', 'inet4', 'inet6') OR character_set_name <> 'utf8mb4')

-- section: has_relation
SELECT 1 FROM information_schema.tables WHERE LOWER(CONCAT(table_schema, '.', table_name)) = %s

-- section: member
{# `read_only` is a word since 12.0. #}
SELECT @@server_id, CONCAT(@@GLOBAL.read_only) NOT IN ('0', 'OFF'),
    CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_binlog_state, ''), NULLIF(@@GLOBAL.gtid_slave_pos, ''))

-- section: left_open
{# Prepared XA transactions without a session, which keep their locks until somebody ends them. #}
SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0
