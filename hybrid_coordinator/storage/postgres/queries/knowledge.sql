-- Knowledge entries, as append-only versions.

-- name: lock
-- A lock for a row that may not exist yet; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('knowledge ' || $1, 0));

-- name: store
-- The next version, unless the entry says the same already. Fields are joined, new ones winning.
WITH known AS (
    SELECT * FROM current_knowledge WHERE id = $1
), offered AS (
    SELECT $4::text AS title, $5::text AS content, $6::jsonb AS fields
)
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, created_at, updated_at)
SELECT
    $1,
    coalesce(known.version, 0) + 1,
    CASE WHEN known.id IS NULL THEN 'ADD' ELSE 'MERGE' END,
    $2,
    $3,
    offered.title,
    offered.content,
    coalesce(known.fields, '{}') || offered.fields,
    coalesce(known.created_at, now()),
    now()
FROM offered
LEFT JOIN known ON true
WHERE known.id IS NULL
    OR known.title <> offered.title
    OR known.content <> offered.content
    OR known.fields <> known.fields || offered.fields
RETURNING version;

-- name: get_many
SELECT * FROM current_knowledge WHERE id = ANY ($1::uuid[]);

-- name: unprojected
-- An older version that was never projected is passed over: the newest one says it all.
SELECT * FROM knowledge_items
WHERE NOT projected
    AND version = (
        SELECT max(every.version) FROM knowledge_items AS every WHERE every.id = knowledge_items.id
    )
ORDER BY updated_at, id
LIMIT $1;

-- name: count_unprojected
SELECT count(DISTINCT id) FROM knowledge_items WHERE NOT projected;

-- name: mark_projected
UPDATE knowledge_items
SET projected = true
FROM unnest($1::uuid[], $2::integer[]) AS mark (id, version)
WHERE knowledge_items.id = mark.id
    AND knowledge_items.version <= mark.version
    AND NOT knowledge_items.projected;

-- name: mark_all_unprojected
UPDATE knowledge_items
SET projected = false
FROM current_knowledge
WHERE knowledge_items.id = current_knowledge.id
    AND knowledge_items.version = current_knowledge.version
    AND knowledge_items.projected;

-- name: unbuilt
SELECT * FROM current_knowledge
WHERE NOT built AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2;

-- name: mark_built
UPDATE knowledge_items
SET built = true
FROM unnest($1::uuid[], $2::integer[]) AS mark (id, version)
WHERE knowledge_items.id = mark.id
    AND knowledge_items.version <= mark.version
    AND NOT knowledge_items.built;

-- name: page
SELECT * FROM current_knowledge WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2;
