-- Durable jobs.

-- name: change
SELECT change_jobs($1, $2);

-- name: claim
SELECT * FROM claim_job($1);

-- name: unlock
SELECT pg_advisory_unlock_all();

-- name: still_ours
SELECT EXISTS (SELECT FROM jobs WHERE id = $1 AND claim = $2);

-- name: finish
-- One that was ordered again meanwhile stays, and is done once more.
DELETE FROM jobs WHERE id = $1 AND claim = $2 AND asked = $3;

-- name: fail
UPDATE jobs
SET parked = $3, reason = $4, rest = $5, tried_at = now()
WHERE id = $1 AND claim = $2;

-- name: give_back
-- As if it had not been tried.
UPDATE jobs
SET tries = greatest(tries - 1, 0), reason = $3, rest = $4, tried_at = now()
WHERE id = $1 AND claim = $2;

-- name: due
SELECT EXISTS (
    SELECT FROM jobs WHERE kind = ANY ($1::text[]) AND NOT parked AND job_is_due(tried_at, rest)
);

-- name: all
SELECT * FROM job_states WHERE $1::text IS NULL OR project = $1 ORDER BY id LIMIT $2;

-- name: project_of
SELECT project FROM jobs WHERE id = $1;

-- name: counts
SELECT kind, state, count(*) AS count
FROM job_states
WHERE $1::text IS NULL OR project = $1
GROUP BY kind, state
ORDER BY kind, state;

-- name: open
SELECT kind FROM jobs WHERE subject = $1 AND NOT parked ORDER BY id;

-- name: retry
UPDATE jobs
SET parked = false, tries = 0, reason = '', rest = 0
WHERE id = $1 OR ($1::integer IS NULL AND (parked OR rest > 0))
RETURNING id;

-- name: drop
DELETE FROM jobs WHERE id = $1 RETURNING id;

-- name: alone
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));
