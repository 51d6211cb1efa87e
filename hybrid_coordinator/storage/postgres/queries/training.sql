-- What training data is made of.

-- name: lock
-- One export at a time: each goes on from the splits that the one before it gave. Released at the
-- end of the transaction.
SELECT pg_advisory_xact_lock(7305021510);
-- The places are empty when the first export is planned, and fill while it reads on: looked through
-- from end to end for each row, they would take most of its time.
SET LOCAL enable_seqscan = off;

-- name: assigned
SELECT training_groups.*, session_id
FROM training_groups
JOIN interactions ON id = interaction_id
ORDER BY interaction_id;

-- name: assign
INSERT INTO training_groups (interaction_id, split, task_group, signature)
SELECT id, split, task_group, signature
FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[])
    AS given (id, split, task_group, signature)
-- What was deleted meanwhile is gone.
WHERE EXISTS (SELECT FROM interactions WHERE interactions.id = given.id)
ORDER BY id
ON CONFLICT (interaction_id) DO NOTHING;

-- name: candidates
-- Of project $3, or of all where it is NULL.
SELECT
    interactions.id, interactions.project, session_id, query, response, model_used,
    interactions.created_at,
    latest.outcome, latest.user_feedback, latest.evidence, latest.source, latest.confidence,
    latest.value_score, training_groups.split, training_groups.task_group,
    (
        SELECT jsonb_agg(to_jsonb(actions) ORDER BY position)
        FROM actions
        WHERE interaction_id = interactions.id
    ) AS actions,
    (
        SELECT strpos(reason, $2) > 0
        FROM route_attempts
        WHERE interaction_id = interactions.id AND model = model_used
        ORDER BY route_attempts.id DESC
        LIMIT 1
    ) AS cut
FROM interactions
CROSS JOIN LATERAL (
    SELECT *
    FROM outcomes
    WHERE interaction_id = interactions.id
    ORDER BY id DESC
    LIMIT 1
) AS latest
LEFT JOIN training_groups ON training_groups.interaction_id = interactions.id
WHERE latest.outcome IN ('success', 'unknown') AND latest.value_score >= $1
    AND ($3::text IS NULL OR interactions.project = $3)
ORDER BY interactions.created_at, interactions.id;

-- name: failures
SELECT interactions.id, session_id, query, interactions.created_at
FROM interactions
CROSS JOIN LATERAL (
    SELECT outcome, confidence
    FROM outcomes
    WHERE interaction_id = interactions.id
    ORDER BY id DESC
    LIMIT 1
) AS latest
WHERE latest.outcome = 'failure' AND latest.confidence >= $1
    AND ($2::text IS NULL OR interactions.project = $2)
ORDER BY interactions.created_at, interactions.id;

-- name: answers
SELECT
    id, response, model_used,
    (
        SELECT jsonb_agg(to_jsonb(actions) ORDER BY position)
        FROM actions
        WHERE interaction_id = interactions.id
    ) AS actions
FROM interactions
WHERE id = ANY ($1::uuid[]);

-- name: count_new
-- Interactions of which a verified success of this value was told since the latest dataset of all
-- projects.
SELECT count(DISTINCT interaction_id)
FROM outcomes
WHERE outcome = 'success' AND value_score >= $1 AND confidence >= $2
    AND created_at > coalesce(
        (SELECT max(created_at) FROM datasets WHERE manifest ->> 'project' IS NULL), '-infinity'
    );
