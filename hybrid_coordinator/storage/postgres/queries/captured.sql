-- The events that hooks tell.

-- name: add
INSERT INTO captured_events
    (key, session_id, kind, at, tick, project, prompt_id, agent_id, digest, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (key) DO NOTHING
RETURNING true;

-- name: show
UPDATE captured_events SET showing_id = $2 WHERE key = $1 AND NOT done;

-- name: open_events
SELECT
    key, session_id, kind, at, tick, project, prompt_id, agent_id, digest, content, showing_id,
    recorded
FROM captured_events
WHERE session_id = $1 AND NOT done
ORDER BY at, tick;

-- name: open_sessions
SELECT session_id, max(received_at) < now() - make_interval(secs => $1) AS abandoned
FROM captured_events
WHERE NOT done
GROUP BY session_id
ORDER BY max(received_at);

-- name: number
UPDATE captured_events
SET
    digest = coalesce(digest, $2),
    occurrence = coalesce(occurrence, 1 + (
        SELECT coalesce(max(earlier.occurrence), 0)
        FROM captured_events AS earlier
        WHERE earlier.session_id = captured_events.session_id
            AND coalesce(earlier.agent_id, '') = coalesce(captured_events.agent_id, '')
            AND earlier.digest = $2
    ))
WHERE key = $1
RETURNING occurrence;

-- name: mark
UPDATE captured_events SET recorded = true WHERE key = ANY($1::text[]) AND NOT recorded;

-- name: finish
UPDATE captured_events SET done = true, content = '{}' WHERE key = ANY($1::text[]) AND NOT done;

-- name: forget
DELETE FROM captured_events
WHERE done AND occurrence IS NULL AND received_at < now() - make_interval(days => $1);

-- name: last_event
SELECT max(received_at) FROM captured_events;

-- name: waiting
SELECT count(*) FROM captured_events WHERE NOT done AND NOT recorded;
