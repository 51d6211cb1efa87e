-- Sessions as they are looked at for failures, and what is known about errors.

-- name: unexamined
SELECT id FROM interactions
WHERE examined < revision
ORDER BY created_at, id
LIMIT $1;

-- name: around
-- A part of a session, in order: $2 interactions before this one, and $3 from it on. Without a
-- session it stands alone.
WITH asked AS (
    SELECT id, project, session_id, created_at FROM interactions WHERE id = $1
), chosen AS (
    (
        SELECT earlier.id
        FROM asked
        JOIN interactions AS earlier USING (project, session_id)
        WHERE (earlier.created_at, earlier.id) < (asked.created_at, asked.id)
        ORDER BY earlier.created_at DESC, earlier.id DESC
        LIMIT $2
    )
    UNION
    (
        SELECT later.id
        FROM asked
        JOIN interactions AS later USING (project, session_id)
        WHERE (later.created_at, later.id) > (asked.created_at, asked.id)
        ORDER BY later.created_at, later.id
        LIMIT $3
    )
    UNION
    SELECT id FROM asked
)
SELECT interactions.*, done.actions, said.outcomes, seen.shown, seen.followed
FROM chosen
JOIN interactions USING (id)
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(actions) ORDER BY position) AS actions
    FROM actions
    WHERE interaction_id = interactions.id
) AS done
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(outcomes) ORDER BY outcomes.id) AS outcomes
    FROM outcomes
    WHERE interaction_id = interactions.id
) AS said
CROSS JOIN LATERAL (
    SELECT
        array_agg(item_id ORDER BY rank, item_id) AS shown,
        array_agg(item_id ORDER BY rank, item_id) FILTER (WHERE cited) AS followed
    FROM exposures
    WHERE interaction_id = interactions.id AND NOT withheld
) AS seen
ORDER BY interactions.created_at, interactions.id;

-- name: mark_examined
-- Never backwards: what became known in the meantime is looked at again. It does not wait for the
-- disk, as `mark_projected` does not.
WITH commit AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
),

locked AS MATERIALIZED (
    SELECT id FROM interactions WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
)

UPDATE interactions
SET examined = mark.revision
FROM commit, locked
JOIN unnest($1::uuid[], $2::integer[]) AS mark (id, revision) USING (id)
WHERE interactions.id = locked.id AND interactions.examined < mark.revision;

-- name: sight
-- Note that an error came up in these interactions of one session; whether it did in another
-- session of their project. If that is the first other one, it is looked at again.
WITH asked AS (
    SELECT id, project, coalesce(session_id, id::text) AS session
    FROM interactions
    WHERE id = ANY ($2::uuid[])
), added AS (
    INSERT INTO error_sightings (signature, interaction_id)
    SELECT $1, id FROM asked ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING interaction_id
), elsewhere AS (
    SELECT others.id, coalesce(others.session_id, others.id::text) AS session
    FROM error_sightings
    JOIN interactions AS others ON others.id = interaction_id
    WHERE
        signature = $1
        AND others.project IN (SELECT project FROM asked)
        AND coalesce(others.session_id, others.id::text) NOT IN (SELECT session FROM asked)
), locked AS MATERIALIZED (
    -- Those that refer to the error, too: whoever locks many locks them in the order of their ids.
    SELECT interactions.id
    FROM (SELECT id FROM asked UNION SELECT id FROM elsewhere) AS touched
    JOIN interactions USING (id)
    ORDER BY interactions.id
    FOR NO KEY UPDATE OF interactions
), again AS (
    UPDATE interactions
    SET examined = 0
    FROM locked
    WHERE
        interactions.id = locked.id
        AND locked.id IN (SELECT id FROM elsewhere)
        AND EXISTS (SELECT FROM added)
        AND (SELECT count(DISTINCT session) FROM elsewhere) = 1
)
SELECT EXISTS (SELECT FROM elsewhere);

-- name: entries
-- What is known about errors of these signatures, or by these ids, also what is out of use.
SELECT latest.*
FROM (
    SELECT id FROM knowledge_items
    WHERE fields ? 'error_signature' AND fields ->> 'error_signature' = ANY ($2::text[])
    UNION
    SELECT unnest($3::uuid[])
) AS wanted
CROSS JOIN LATERAL (
    SELECT * FROM knowledge_items
    WHERE knowledge_items.id = wanted.id
    ORDER BY version DESC
    LIMIT 1
) AS latest
WHERE collection = 'error-solutions' AND project = $1
ORDER BY created_at, id;
