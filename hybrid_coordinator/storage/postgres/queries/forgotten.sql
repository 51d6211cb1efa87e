-- What was deleted, and has yet to leave the index.

-- name: pending
-- An entry that was stored anew has a point of its own.
SELECT id, collection FROM forgotten
WHERE removals < 2
    AND (removals = 0 OR forgotten_at < now() - interval '1 minute')
    AND NOT EXISTS (SELECT FROM knowledge_items WHERE knowledge_items.id = forgotten.id)
ORDER BY forgotten_at, id
LIMIT $1;

-- name: removed
-- One that was stored anew meanwhile may have lost its new point: it is projected again. The
-- generation is held as for marks of what is projected.
WITH serving AS MATERIALIZED (
    SELECT number FROM index_generations WHERE state = 'serving' AND number = $2 FOR SHARE
),

anew AS (
    UPDATE knowledge_items SET projected = false, built = false
    FROM serving
    WHERE id = ANY ($1::uuid[])
),

counted AS (
    UPDATE forgotten SET removals = removals + 1
    FROM serving
    WHERE id = ANY ($1::uuid[]) AND removals < 2
)

SELECT number FROM serving;

-- name: page
SELECT id, collection FROM forgotten
WHERE ($1::uuid IS NULL OR id > $1)
    AND NOT EXISTS (SELECT FROM knowledge_items WHERE knowledge_items.id = forgotten.id)
ORDER BY id
LIMIT $2;

-- name: count_pending
SELECT count(*) FROM forgotten
WHERE removals = 0
    AND NOT EXISTS (SELECT FROM knowledge_items WHERE knowledge_items.id = forgotten.id);

-- name: expire
-- A turn's mark stays: its session file may be read again at any time.
DELETE FROM forgotten WHERE forgotten_at < $1 AND turn IS NULL AND removals = 2;
