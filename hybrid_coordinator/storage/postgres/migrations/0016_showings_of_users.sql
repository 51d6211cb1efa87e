-- Whom something was shown to, so that nobody's work is put down to what another user was shown.

ALTER TABLE showings
    ADD COLUMN user_name text NOT NULL DEFAULT 'local';

-- Of a former showing it is known by the sessions that have interactions: a session that only one
-- user worked in was theirs. Else it is by the interaction that came of it, and the owner's where
-- nothing came of it.
UPDATE showings
SET user_name = known.user_name
FROM (
    SELECT showings.id, coalesce(alone.user_name, interactions.user_name) AS user_name
    FROM showings
    LEFT JOIN (
        SELECT project, session_id, min(user_name) AS user_name
        FROM interactions
        GROUP BY project, session_id
        HAVING count(DISTINCT user_name) = 1
    ) AS alone USING (project, session_id)
    LEFT JOIN interactions ON interactions.id = showings.interaction_id
) AS known
WHERE known.id = showings.id AND known.user_name <> 'local';
