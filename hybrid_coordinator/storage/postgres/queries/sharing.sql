-- Knowledge that goes to other machines, and comes from them.

-- name: is_known
-- Whether somebody works under this name here; what other machines said does not count.
SELECT EXISTS (SELECT FROM interactions WHERE project = $1)
    OR EXISTS (SELECT FROM knowledge_items WHERE project = $1 AND origin <> 'import')
    OR EXISTS (SELECT FROM source_files WHERE project = $1);

-- name: machine
SELECT id FROM machine;

-- name: page
-- Entries in use of a project, of a collection, changed since then; each NULL where it does not
-- matter. With what this record knows of them.
SELECT
    current_knowledge.*,
    (SELECT count(*) FROM knowledge_evidence WHERE item_id = id AND supports) AS supports,
    (SELECT count(*) FROM knowledge_evidence WHERE item_id = id AND NOT supports) AS against,
    coalesce(uses, 0) AS uses,
    coalesce(successes, 0) AS successes,
    round(coalesce(successes + failures, 0))::bigint AS judged
FROM current_knowledge
LEFT JOIN item_stats ON item_stats.item_id = current_knowledge.id
WHERE delta <> 'DEPRECATE'
    AND ($1::uuid IS NULL OR id > $1)
    AND ($2::text IS NULL OR project = $2)
    AND ($3::text IS NULL OR collection = $3)
    AND ($4::timestamptz IS NULL OR updated_at >= $4)
ORDER BY id
LIMIT $5;

-- name: elsewhere
SELECT item_id, machine, version, origin, supports, against, uses, successes, judged
FROM imported_knowledge
WHERE item_id = ANY ($1::uuid[])
ORDER BY machine;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('knowledge ' || $1, 0));

-- name: standing
-- Whether there is an entry of an id, in use or not, and the version that a machine is known to
-- have it in.
SELECT
    EXISTS (SELECT FROM knowledge_items WHERE id = $1) AS here,
    (SELECT version FROM imported_knowledge WHERE item_id = $1 AND machine = $2) AS version;

-- name: note
-- What a machine knows, unless it is known to know something newer.
INSERT INTO imported_knowledge
    (item_id, machine, version, origin, supports, against, uses, successes, judged)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (item_id, machine) DO UPDATE
SET version = excluded.version,
    origin = excluded.origin,
    supports = excluded.supports,
    against = excluded.against,
    uses = excluded.uses,
    successes = excluded.successes,
    judged = excluded.judged,
    imported_at = excluded.imported_at
WHERE imported_knowledge.version <= excluded.version;
