-- Tokens, and the browsers that have shown one.

-- name: create
INSERT INTO access_tokens (id, digest, name, user_name, scope, projects, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id, name, user_name, scope, projects, created_at, expires_at, revoked_at, used_at;

-- name: all
SELECT id, name, user_name, scope, projects, created_at, expires_at, revoked_at, used_at
FROM access_tokens
ORDER BY created_at, id;

-- name: revoke
-- The browsers that have shown it go with it.
WITH revoked AS (
    UPDATE access_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *
), gone AS (
    DELETE FROM browser_sessions USING revoked WHERE token_id = revoked.id
)
SELECT id, name, user_name, scope, projects, created_at, expires_at, revoked_at, used_at
FROM revoked;

-- name: holder
-- Who holds a token, and that it was used, to the minute.
WITH used AS (
    UPDATE access_tokens
    SET used_at = now()
    WHERE digest = $1
        AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now())
        AND (used_at IS NULL OR used_at < now() - interval '1 minute')
)
SELECT id, user_name, scope, projects
FROM access_tokens
WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: open_browser
-- Sessions that are over go when another begins.
WITH gone AS (
    DELETE FROM browser_sessions WHERE expires_at < now()
)
INSERT INTO browser_sessions (digest, token_id, expires_at)
VALUES ($1, $2, now() + $3::interval);

-- name: browser
SELECT token.id, token.user_name, token.scope, token.projects
FROM browser_sessions AS session
JOIN access_tokens AS token ON token.id = session.token_id
WHERE session.digest = $1
    AND session.expires_at > now()
    AND token.revoked_at IS NULL
    AND (token.expires_at IS NULL OR token.expires_at > now());

-- name: close_browser
DELETE FROM browser_sessions WHERE digest = $1;

-- name: hidden
-- Which of these ids are nothing that the user may see: another's interaction, or what belongs to
-- a project that is not among theirs (NULL for every one). Entries of $4 are everybody's.
SELECT id FROM interactions
WHERE id = ANY ($1::uuid[])
    AND (user_name <> $2 OR NOT coalesce(project = ANY ($3::text[]), true))
UNION
SELECT id FROM current_knowledge
WHERE id = ANY ($1::uuid[]) AND project <> $4 AND NOT coalesce(project = ANY ($3::text[]), true);
