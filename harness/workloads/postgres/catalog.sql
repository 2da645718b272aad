{#
Lists everything of a PostgreSQL database that is not rows, as lines from its catalogs. A Jinja template, which
catalog.py reads.

Each query, but that of `relations`, returns (part, line). Lines have the names of objects and roles, never oids, which
a logical restore changes. The objects of an extension are represented by its version, those of initdb by one hash of
all its functions. `row(...)::text` keeps the boundaries of values unambiguous.

Catalogs of the rarer kinds (operators, publications, foreign servers, ...) are compared column by column, whatever
columns a version has: see `statements`. catalogs.toml in this package lists them, and what is not compared.
#}
{# What servers before `first` do not have. #}
{% macro since(first, column) -%}
    {{ column if version >= first else "NULL" }}
{%- endmacro %}
{% set first_own_oid = 16384 %}{# lower ones are of initdb, as PostgreSQL's headers define #}
{% set lasting = "coalesce(i.schema, i.identity) !~ '^pg_(toast_)?temp'" %}
{# Not by the schema's name: a superuser can add a function to pg_catalog, where it is found first. #}
{% macro of_users(object) -%}
    {{ object }}.oid >= {{ first_own_oid }} AND n.nspname !~ '^(pg_(toast|temp)|information_schema$)'
{%- endmacro %}
{% macro ours(class, object) -%}
    {{ of_users(object) }} AND NOT EXISTS (
        SELECT FROM pg_depend e
        WHERE e.classid = '{{ class }}'::regclass AND e.objid = {{ object }}.oid AND e.deptype = 'e')
{%- endmacro %}
{# As `sql_store.part_name`. #}
{% macro name(text) -%}
    CASE WHEN {{ text }} ~ '[."]' THEN '"' || replace({{ text }}, '"', '""') || '"' ELSE {{ text }} END
{%- endmacro %}
{% macro full(text) -%}
    {{ name("n.nspname") }} || '.' || {{ name(text) }}
{%- endmacro %}
{% macro role(oid) -%}
    CASE {{ oid }} WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid({{ oid }}) END
{%- endmacro %}
{% macro grants(acl) -%}
    {%- set line -%}
        row({{ role("e.grantee") }}, e.privilege_type, e.is_grantable, {{ role("e.grantor") }})::text
    {%- endset -%}
    (SELECT array_agg({{ line }} ORDER BY {{ line }}) FROM aclexplode({{ acl }}) e)
{%- endmacro %}

-- section: relations
-- (schema, name, kind, unlogged, values) of tables and views with rows (r, m) and of sequences (S), as far as this
-- member can read them. `values` are the columns as the text that their types print; a cast would lose blanks.

SELECT n.nspname, c.relname, c.relkind, c.relpersistence = 'u', ARRAY(
    SELECT CASE WHEN t.typoutput IN ('textout'::regproc, 'varcharout'::regproc) THEN format('%I::text', a.attname)
        ELSE format('textin(%s(%I))', t.typoutput, a.attname) END
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ of_users("c") }} AND c.relkind IN ('r', 'm', 'S') AND (c.relkind <> 'm' OR c.relispopulated)
    AND (c.relpersistence = 'p' OR c.relpersistence = 'u' AND NOT pg_is_in_recovery())
ORDER BY 1, 2;

-- section: statements
-- (shared, statement): a query for each catalog of which every column is compared. A column that refers to another object
-- shows its type and name; an expression is printed.

SELECT c.relisshared, format(
    $$SELECT %L, row(%L, %s)::text FROM %I o, LATERAL pg_identify_object(%L::regclass, o.%I, 0) i
      WHERE o.%I::oid >= {{ first_own_oid }} AND {{ lasting }}$$,
    d.part, c.relname, string_agg(CASE
        WHEN a.atttypid = 'int2vector'::regtype THEN format(  -- numbers of columns, with gaps of dropped ones
            $$(SELECT array_agg(a.attname ORDER BY n) FROM unnest(o.%I) WITH ORDINALITY u(num, n)
               JOIN pg_attribute a ON a.attrelid = o.%I AND a.attnum = num)$$, a.attname, x.attname)
        WHEN a.atttypid = 'text[]'::regtype THEN format('ARRAY(SELECT unnest(o.%I) ORDER BY 1)', a.attname)
        WHEN f.is_array THEN format(
            $$(SELECT array_agg(coalesce(i.type || ' ' || i.identity, id::text) ORDER BY n)
               FROM unnest(o.%I) WITH ORDINALITY u(id, n), LATERAL pg_identify_object(%L::regclass, id, 0) i)$$,
            a.attname, f.pktable)
        WHEN f.pktable IS NOT NULL THEN format(
            $$(SELECT coalesce(i.type || ' ' || i.identity, o.%1$I::oid::text)
               FROM pg_identify_object(%2$L::regclass, o.%1$I, 0) i)$$, a.attname, f.pktable)
        WHEN a.atttypid = 'pg_node_tree'::regtype THEN format('pg_get_expr(o.%I, o.%I)', a.attname, x.attname)
        ELSE format('o.%I', a.attname) END, ', ' ORDER BY a.attname),
    c.relname, coalesce(h.pktable, c.oid::regclass), coalesce(h.fkcols[1], 'oid'), coalesce(h.fkcols[1], 'oid'))
FROM (VALUES {{ compared }}) d(catalog, part) JOIN pg_class c ON c.oid = to_regclass(d.catalog)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND NOT c.relname || '.' || a.attname LIKE ANY (ARRAY[{{ excluded }}])
LEFT JOIN pg_get_catalog_foreign_keys() f
    ON f.fktable = c.oid AND f.fkcols = ARRAY[a.attname::text]
LEFT JOIN LATERAL (  -- the table whose columns it has numbers or expressions of
    SELECT y.attname FROM pg_get_catalog_foreign_keys() r
    JOIN pg_attribute y ON y.attrelid = c.oid AND y.attname = r.fkcols[1]
    WHERE r.fktable = c.oid AND r.pktable = 'pg_class'::regclass ORDER BY y.attnum LIMIT 1) x ON true
LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attname = 'oid'
LEFT JOIN pg_get_catalog_foreign_keys() h  -- a row without an oid of its own is of the object that its first column names
    ON k.attrelid IS NULL AND h.fktable = c.oid AND cardinality(h.fkcols) = 1
    AND h.fkcols[1] = (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1)
GROUP BY c.oid, c.relname, c.relisshared, d.part, h.pktable, h.fkcols
ORDER BY c.relname;

-- section: database
-- Run in every database.

SELECT 'columns ' || {{ full("c.relname") }}, row('table', c.relkind, c.relpersistence, c.reloptions,
    (SELECT t.reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid),
    c.relreplident, c.relrowsecurity, c.relforcerowsecurity, c.relispopulated, m.amname, t.spcname,
    pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), c.reloftype::regtype,
    (SELECT array_agg(row(i.inhparent::regclass, i.inhdetachpending)::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
WHERE {{ ours("pg_class", "c") }} AND c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f');

SELECT 'columns ' || {{ full("c.relname") }}, row(
    row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, l.collname, a.attstorage,
    a.attcompression, a.attstattarget, ARRAY(SELECT unnest(a.attfdwoptions) ORDER BY 1), a.attislocal, a.attinhcount,
    ARRAY(SELECT o FROM unnest(a.attoptions) o
          WHERE o !~ '^({{ excluded_options }})=[0-9]+$'))::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE {{ ours("pg_class", "c") }} AND c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f')
    AND a.attnum > 0 AND NOT a.attisdropped;

SELECT 'indexes ' || {{ full("c.relname") }}, row(pg_get_indexdef(i.indexrelid), i.indisunique, i.indisprimary,
    i.indisvalid, i.indisready, i.indislive, i.indisclustered, i.indisreplident, i.indimmediate, t.spcname,
    (SELECT array_agg(row(a.attnum, a.attstattarget) ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = i.indexrelid AND a.attstattarget IS NOT NULL)::text)::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_tablespace t ON t.oid = x.reltablespace
WHERE {{ ours("pg_class", "c") }};

-- The internal triggers of a foreign key enforce it, and can be disabled.
SELECT 'constraints ' || {{ full("c.relname") }}, row(o.conname, pg_get_constraintdef(o.oid), o.convalidated,
    o.condeferrable, o.condeferred, o.conislocal, o.connoinherit,
    (SELECT array_agg(DISTINCT g.tgenabled ORDER BY g.tgenabled) FROM pg_trigger g WHERE g.tgconstraint = o.oid))::text
FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }};

SELECT 'view ' || {{ full("c.relname") }}, pg_get_viewdef(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }} AND c.relkind IN ('v', 'm');

SELECT 'triggers ' || {{ full("c.relname") }}, row(pg_get_triggerdef(g.oid), g.tgenabled)::text
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }} AND NOT g.tgisinternal
UNION ALL
SELECT 'rules ' || {{ full("c.relname") }}, row(pg_get_ruledef(r.oid), r.ev_enabled)::text
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }} AND r.rulename <> '_RETURN';

SELECT 'policies ' || {{ full("c.relname") }}, row(p.polname, p.polcmd, p.polpermissive,
    (SELECT array_agg(name ORDER BY name) FROM unnest(p.polroles) r, LATERAL (SELECT {{ role("r") }} AS name) x),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }};

SELECT 'sequence ' || {{ full("c.relname") }}, row(format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
    s.seqmax, s.seqmin, s.seqcache, s.seqcycle, c.relpersistence,
    (SELECT array_agg(row(d.deptype, d.refobjid::regclass, a.attname)::text)
     FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
       AND d.deptype IN ('a', 'i')))::text
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {{ ours("pg_class", "c") }};

SELECT 'function ' || {{ full("p.proname") }} || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE p.prokind WHEN 'a' THEN row(pg_get_function_result(p.oid), p.proparallel)::text
    ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {{ ours("pg_proc", "p") }};

SELECT 'type ' || {{ full("t.typname") }}, row(t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull,
    t.typdefault, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim,
    t.typsubscript, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout,
    t.typanalyze, t.typelem::regtype, l.collname,
    (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
    (SELECT array_agg(row(o.conname, pg_get_constraintdef(o.oid), o.convalidated)::text ORDER BY o.conname)
        FROM pg_constraint o WHERE o.contypid = t.oid))::text
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_collation l ON l.oid = t.typcollation
WHERE {{ ours("pg_type", "t") }} AND t.typtype IN ('e', 'd', 'r', 'b')
    AND t.typsubscript <> 'array_subscript_handler'::regproc;

SELECT 'extension ' || x.extname, row(x.extversion, n.nspname, x.extrelocatable, x.extconfig::regclass[],
    x.extcondition)::text
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace;

SELECT 'comments', row(i.type, i.identity, d.description)::text
FROM pg_description d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.objoid >= {{ first_own_oid }} OR i.identity = 'public'
UNION ALL
SELECT 'security labels', row(i.type, i.identity, s.provider, s.label)::text
FROM pg_seclabel s, LATERAL pg_identify_object(s.classoid, s.objoid, s.objsubid) i;

SELECT 'default grants', row({{ role("d.defaclrole") }}, n.nspname, d.defaclobjtype, {{ role("a.grantee") }},
    a.privilege_type, a.is_grantable)::text
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, LATERAL aclexplode(d.defaclacl) a;

-- An ACL that was never changed is NULL, and means the default. Grants of initdb are excluded unless they changed
-- since.
SELECT CASE WHEN g.oid < {{ first_own_oid }} AND i.identity <> 'public' THEN 'grants system'
    ELSE coalesce('grants extension ' || x.extname, 'grants ' || i.type || ' ' || i.identity) END,
    row(i.type, i.identity, line)::text
FROM (
    SELECT a.*, {{ grants("coalesce(a.acl, acldefault(a.kind, a.owner))") }} AS now,
        {{ grants("coalesce(p.initprivs, acldefault(a.kind, a.owner))") }} AS first
    FROM (
    SELECT 'pg_class'::regclass AS class, c.oid, 0 AS sub, c.relacl AS acl, c.relowner AS owner,
        (CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char" AS kind
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, c.relowner, 'c'
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspacl, nspowner, 'n' FROM pg_namespace
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proacl, proowner, 'f' FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, typacl, typowner, 'T' FROM pg_type
        WHERE typelem = 0 AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))
    UNION ALL SELECT 'pg_language'::regclass, oid, 0, lanacl, lanowner, 'l' FROM pg_language
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvacl, srvowner, 'S' FROM pg_foreign_server
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwacl, fdwowner, 'F' FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, lomacl, lomowner, 'L' FROM pg_largeobject_metadata
) a LEFT JOIN pg_init_privs p ON p.classoid = a.class AND p.objoid = a.oid AND p.objsubid = a.sub
) g CROSS JOIN LATERAL pg_identify_object(g.class, g.oid, g.sub) i
CROSS JOIN LATERAL unnest(g.now || ('owner ' || pg_get_userbyid(g.owner))) line
LEFT JOIN (pg_depend d JOIN pg_extension x ON x.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass)
    ON d.classid = g.class AND d.objid = g.oid AND d.deptype = 'e'
WHERE (g.oid >= {{ first_own_oid }} OR g.now IS DISTINCT FROM g.first) AND {{ lasting }};

-- Without those of the first superuser, for whom PostgreSQL records no dependency.
SELECT 'owners', row(i.type, i.identity, pg_get_userbyid(d.refobjid))::text
FROM pg_shdepend d, LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.deptype = 'o' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND {{ lasting }};

SELECT 'system functions', sum(hashtextextended(row(oid, proname, pronamespace, prolang, prokind, prosecdef,
    proleakproof, proisstrict, provolatile, prorettype, proargtypes, prosrc, probin, proconfig)::text COLLATE "C", 1))
FROM pg_proc WHERE oid < {{ first_own_oid }};

-- At the start of a session: the result of configuration, database and role.
SELECT 'settings', name || ' = ' || reset_val FROM pg_settings WHERE name IN ('server_encoding', 'client_encoding',
    'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'TimeZone', 'DateStyle', 'IntervalStyle', 'bytea_output',
    'default_transaction_isolation', 'default_text_search_config', 'standard_conforming_strings', 'search_path',
    'data_checksums', 'password_encryption', 'row_security', 'session_replication_role', 'check_function_bodies');

-- section: server
-- Run once for the server.

SELECT 'role ' || rolname, row(rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolbypassrls, rolconnlimit, rolvaliduntil, rolpassword)::text
FROM pg_authid WHERE rolname !~ '^pg_';

SELECT 'memberships', row(pg_get_userbyid(roleid), pg_get_userbyid(member), pg_get_userbyid(grantor), admin_option,
    {{ since(16, "inherit_option") }}, {{ since(16, "set_option") }})::text
FROM pg_auth_members;

SELECT 'database ' || datname, row(pg_encoding_to_char(encoding), {{ since(15, "datlocprovider") }}, datcollate, datctype,
    {{ since(15, "datlocale" if version >= 17 else "daticulocale") }}, {{ since(16, "daticurules") }}, datistemplate, datallowconn, datconnlimit, t.spcname, pg_get_userbyid(datdba))::text
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
UNION ALL
SELECT 'grants database ' || datname, line
FROM pg_database, LATERAL unnest({{ grants("coalesce(datacl, acldefault('d', datdba))") }}) line
UNION ALL
SELECT 'tablespaces', row(spcname, pg_get_userbyid(spcowner), spcoptions, spcacl)::text FROM pg_tablespace
{% if version >= 15 %}
UNION ALL
SELECT 'grants parameters', row(parname, line)::text FROM pg_parameter_acl, LATERAL unnest({{ grants("paracl") }}) line
{% endif %}
;

SELECT 'settings of roles and databases', row(coalesce(d.datname, '*'), {{ role("s.setrole") }}, line)::text
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, LATERAL unnest(s.setconfig) line;

SELECT 'comments of roles and databases', row(i.type, i.identity, d.description)::text
FROM pg_shdescription d, LATERAL pg_identify_object(d.classoid, d.objoid, 0) i
UNION ALL
SELECT 'security labels of roles and databases', row(i.type, i.identity, s.provider, s.label)::text
FROM pg_shseclabel s, LATERAL pg_identify_object(s.classoid, s.objoid, 0) i;

-- section: own
-- Specific to a member. Run these before any SET in the session.

-- Those that somebody set. What the server computes itself (source: default) can depend on the node; settings of the
-- client and the transaction are drillproof's own.
SELECT '{{ own }}setting ' || name, row(setting, source, sourcefile, pending_restart)::text FROM pg_settings
WHERE (source <> 'default' OR pending_restart) AND source <> 'client' AND name !~ '^transaction_';

-- The files as they are now, which the next start or reload would read.
SELECT '{{ own }}settings in files', row(f.name, f.setting, f.sourcefile, f.applied, f.error)::text
FROM pg_file_settings f
UNION ALL
SELECT '{{ own }}hba', row(r.*)::text FROM pg_hba_file_rules r
{% if version >= 15 %}
UNION ALL
SELECT '{{ own }}ident', row(r.*)::text FROM pg_ident_file_mappings r
{% endif %}
UNION ALL
SELECT '{{ own }}signal files', name FROM pg_ls_dir('.') name WHERE name LIKE '%.signal';

-- Without whether a slot is in use: `health` checks the standbys.
SELECT '{{ own }}replication slots', row(slot_name, slot_type, plugin, database, wal_status = 'lost', two_phase,
    {{ since(17, "failover") }})::text
FROM pg_replication_slots WHERE NOT temporary;
