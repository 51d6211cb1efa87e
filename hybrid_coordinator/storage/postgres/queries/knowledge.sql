-- Knowledge entries, as append-only versions.

-- name: lock
-- A lock for a row that may not exist yet; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('knowledge ' || $1, 0));

-- name: store
-- The next version, unless the entry says the same already. Fields are joined, new ones winning.
-- What is stated takes up an entry that was out of use, as new; what was learned leaves it there,
-- and leaves an entry that was stated as it is said.
WITH known AS (
    SELECT * FROM current_knowledge WHERE id = $1
), offered AS (
    SELECT
        $4::text AS title,
        $5::text AS content,
        CASE
            WHEN known.id IS NULL OR known.delta = 'DEPRECATE' THEN $6::jsonb
            ELSE known.fields || $6::jsonb
        END AS fields
    FROM (SELECT 1) AS always
    LEFT JOIN known ON true
)
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, origin, created_at,
     updated_at)
SELECT
    $1,
    coalesce(known.version, (SELECT version FROM forgotten WHERE id = $1), 0) + 1,
    CASE WHEN known.id IS NULL OR known.delta = 'DEPRECATE' THEN 'ADD' ELSE 'MERGE' END,
    $2,
    $3,
    offered.title,
    offered.content,
    offered.fields,
    $7,
    coalesce(known.created_at, now()),
    now()
FROM offered
LEFT JOIN known ON true
WHERE known.id IS NULL
    OR (
        ($7 = 'stated' OR (known.delta <> 'DEPRECATE' AND known.origin <> 'stated'))
        AND (
            known.delta = 'DEPRECATE'
            OR known.title <> offered.title
            OR known.content <> offered.content
            OR known.fields <> offered.fields
        )
    )
RETURNING NOT EXISTS (SELECT FROM known) AS created;

-- name: support
-- What an entry rests on; the latest word of an interaction counts.
INSERT INTO knowledge_evidence (item_id, interaction_id, supports)
SELECT $1, interaction_id, $3 FROM unnest($2::uuid[]) AS given (interaction_id)
ORDER BY interaction_id
ON CONFLICT (item_id, interaction_id) DO UPDATE SET supports = excluded.supports;

-- name: evidence
SELECT interaction_id, supports FROM knowledge_evidence
WHERE item_id = $1
ORDER BY interaction_id;

-- name: evidence_standing
-- How the interactions that an entry rests on stand now, where $2 is the value from which one speaks
-- for it. They may be thousands, so what is said of them is one row.
WITH standing AS MATERIALIZED (
    SELECT
        interaction_id, supports, outcome, value_score,
        coalesce(value_score >= $2, false) AS speaks
    FROM knowledge_evidence
    INNER JOIN interaction_facts USING (interaction_id)
    WHERE item_id = $1
)
SELECT
    avg(value_score ORDER BY interaction_id) FILTER (WHERE speaks) AS mean_value,
    coalesce(array_agg(interaction_id) FILTER (WHERE speaks AND NOT supports), '{}') AS turned_for,
    coalesce(array_agg(interaction_id) FILTER (WHERE supports AND NOT speaks), '{}')
        AS turned_against,
    ARRAY(
        SELECT interaction_id FROM standing WHERE speaks ORDER BY interaction_id DESC LIMIT $3
    ) AS latest_for,
    ARRAY(
        SELECT interaction_id FROM standing
        WHERE outcome = 'failure'
        ORDER BY interaction_id DESC
        LIMIT $3
    ) AS latest_failures
FROM standing;

-- name: change
-- An UPDATE: what is given takes the place of what was there.
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, origin, reason, created_at,
     updated_at)
SELECT
    id, version + 1, 'UPDATE', collection, project, title, coalesce($2, content),
    coalesce($3::jsonb, fields), coalesce($5, origin), $4, created_at, now()
FROM current_knowledge
WHERE id = $1 AND delta <> 'DEPRECATE'
RETURNING *;

-- name: deprecate
-- A tombstone: the entry as it was, out of use.
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, origin, reason, created_at,
     updated_at)
SELECT
    id, version + 1, 'DEPRECATE', collection, project, title, content, fields, origin, $2,
    created_at, now()
FROM current_knowledge
WHERE id = $1 AND delta <> 'DEPRECATE'
RETURNING version;

-- name: restore
-- Into use again, as it was.
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, origin, reason, created_at,
     updated_at)
SELECT
    id, version + 1, 'ADD', collection, project, title, content, fields, origin, $2, created_at,
    now()
FROM current_knowledge
WHERE id = $1 AND delta = 'DEPRECATE'
RETURNING version;

-- name: learned
SELECT * FROM current_knowledge
WHERE collection = $1 AND project = $2 AND origin = $3 AND delta <> 'DEPRECATE'
ORDER BY id;

-- name: resting_on
SELECT item_id FROM knowledge_evidence
WHERE interaction_id = $1
    AND EXISTS (SELECT FROM knowledge_items WHERE id = item_id AND origin = $2)
ORDER BY item_id;

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
-- Not waited for on disk: what a crash takes back is projected once more. The generation is held as
-- in interactions.
WITH serving AS MATERIALIZED (
    SELECT number FROM index_generations WHERE state = 'serving' AND number = $3 FOR SHARE
),

marked AS (
    UPDATE knowledge_items
    SET projected = true
    FROM
        serving,
        unnest($1::uuid[], $2::integer[]) AS mark (id, version),
        set_config('synchronous_commit', 'off', true)
    WHERE knowledge_items.id = mark.id
        AND knowledge_items.version <= mark.version
        AND NOT knowledge_items.projected
)

SELECT number FROM serving;

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
SELECT * FROM current_knowledge
WHERE delta <> 'DEPRECATE' AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2;
