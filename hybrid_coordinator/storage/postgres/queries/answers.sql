-- Answers that passed their check, by all that led to them.

-- name: take
UPDATE cached_answers SET used_at = now()
WHERE key = $1 AND created_at > $2
RETURNING answer, created_at;

-- name: family
SELECT key, prompt, vector
FROM cached_answers
WHERE family = $1 AND created_at > $2 AND vector IS NOT NULL
ORDER BY created_at DESC
LIMIT $3;

-- name: lock
-- Held until the transaction ends, so that the bound holds with several writers.
SELECT pg_advisory_xact_lock(hashtextextended('cached answers', 0));

-- name: put
INSERT INTO cached_answers (key, family, prompt, vector, answer, bytes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key) DO UPDATE
SET family = excluded.family,
    prompt = excluded.prompt,
    vector = excluded.vector,
    answer = excluded.answer,
    bytes = excluded.bytes,
    created_at = excluded.created_at,
    used_at = excluded.used_at;

-- name: expire
DELETE FROM cached_answers WHERE created_at <= $1;

-- name: shrink
-- The sum alone is quick, and mostly there is room. An array, so that the few keys are found by
-- their index.
DELETE FROM cached_answers
WHERE key = ANY (ARRAY(
    SELECT key
    FROM (
        SELECT key, sum(bytes) OVER (ORDER BY used_at DESC, key) AS up_to_here
        FROM cached_answers
        WHERE (SELECT sum(bytes) FROM cached_answers) > $1
    ) AS ranked
    WHERE up_to_here > $1
));

-- name: remove
DELETE FROM cached_answers WHERE key = $1;

-- name: totals
SELECT count(*) AS answers, coalesce(sum(bytes), 0)::bigint AS bytes FROM cached_answers;
