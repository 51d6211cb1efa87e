-- The audit log.

-- name: add
INSERT INTO audit_log (user_name, token_id, action, target, place, allowed, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: page
-- The latest first. What is NULL does not restrict.
SELECT id, at, user_name, token_id, action, target, place, allowed, reason
FROM audit_log
WHERE ($1::text IS NULL OR user_name = $1)
    AND ($2::boolean IS NULL OR allowed = $2)
    AND ($3::timestamptz IS NULL OR at >= $3)
    AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5;

-- name: expire
DELETE FROM audit_log WHERE at < now() - $1::interval;
