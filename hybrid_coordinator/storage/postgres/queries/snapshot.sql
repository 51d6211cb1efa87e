-- The whole record, table by table, and what is needed to load it elsewhere.

-- name: settle
-- So that a value has one text, on every server and under every default.
SELECT
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO', true),
    set_config('IntervalStyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true);

-- name: is_there
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: migrations
SELECT name, checksum FROM schema_migrations ORDER BY name;

-- name: tables
-- Which tables there are, with those that each refers to.
SELECT
    tables.relname AS name,
    array_agg(DISTINCT others.relname) FILTER (WHERE others.oid <> tables.oid) AS refers_to,
    (
        SELECT array_agg(attname::text ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = tables.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ) AS columns
FROM pg_class AS tables
LEFT JOIN pg_constraint AS keys ON keys.conrelid = tables.oid AND keys.contype = 'f'
LEFT JOIN pg_class AS others ON others.oid = keys.confrelid
WHERE tables.relnamespace = current_schema()::regnamespace
    AND tables.relkind = 'r'
    AND tables.relname <> 'schema_migrations'
GROUP BY tables.oid, tables.relname
ORDER BY tables.relname;

-- name: sequences
-- Read after the rows: they only grow.
SELECT sequencename AS name, last_value AS value
FROM pg_sequences
WHERE schemaname = current_schema() AND last_value IS NOT NULL
ORDER BY sequencename;

-- name: advance
SELECT setval(quote_ident($1)::regclass, $2);

-- name: others
-- Connections of coordinators to this database, but for those of these processes of the server.
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database()
    AND application_name = 'hybrid-coordinator'
    AND pid <> pg_backend_pid()
    AND pid <> ALL ($1::integer[]);

-- name: size
SELECT pg_database_size(current_database());

-- name: renew_generation
-- An index of its own, in place of those of the record that this is a copy of. Where those lie is
-- not for a copy to say, or to drop.
WITH fresh AS (
    INSERT INTO index_generations (number, state)
    SELECT 1 + greatest($1::integer, max(number)), 'retired' FROM index_generations
    RETURNING number
), code AS (
    UPDATE source_files SET generation = number FROM fresh WHERE generation = serving_generation()
)
SELECT number FROM fresh;

-- name: carry_generation
-- What was built comes along under the new number.
UPDATE index_generations AS fresh
SET
    engine = serving.engine,
    embedding = serving.embedding,
    model = serving.model,
    dimension = serving.dimension,
    revision = serving.revision
FROM index_generations AS serving
WHERE fresh.number = $1 AND serving.state = 'serving';

-- name: drop_generations
DELETE FROM index_generations WHERE number <> $1;

-- name: serve_generation
UPDATE index_generations SET state = 'serving' WHERE number = $1;

-- name: serving
-- Of an engine, once something was built there.
SELECT number, embedding FROM index_generations
WHERE state = 'serving' AND engine = $1 AND model IS NOT NULL;
