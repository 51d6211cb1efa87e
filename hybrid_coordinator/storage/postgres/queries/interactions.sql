-- Interactions, what they were shown, and how they went.

-- name: add
-- One statement, so one round trip and one transaction.
WITH interaction AS (
    INSERT INTO interactions
        (id, project, session_id, query, response, agent_type, model_used, tokens_used, latency_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
), shown AS (
    INSERT INTO exposures (interaction_id, item_id, rank)
    SELECT $1, item_id, rank FROM unnest($10::uuid[]) WITH ORDINALITY AS item (item_id, rank)
)
INSERT INTO route_attempts
    (interaction_id, project, task_type, complexity, position, model, endpoint, tier, latency_ms,
     confidence, outcome, tokens_in, tokens_out, cost_usd, remote, first_token_ms,
     tokens_per_second, checks, reason, rule)
SELECT
    $1, $2, $11, $12, position, model, endpoint, tier, latency, confidence, outcome, tokens_in,
    tokens_out, cost_usd, remote, first_token, speed, checks, reason, rule
FROM ROWS FROM (
    jsonb_to_recordset($13::jsonb) AS (
        model text, endpoint text, tier text, latency_ms integer, confidence double precision,
        outcome text, tokens_in integer, tokens_out integer, cost_usd double precision,
        remote boolean, first_token_ms integer, tokens_per_second double precision, checks jsonb,
        reason text, rule text
    )
) WITH ORDINALITY AS attempt (
    model, endpoint, tier, latency, confidence, outcome, tokens_in, tokens_out, cost_usd,
    remote, first_token, speed, checks, reason, rule, position
);

-- name: get_many
SELECT * FROM current_interactions WHERE id = ANY ($1::uuid[]);

-- name: exposures
SELECT item_id, rank, score, propensity, withheld, cited
FROM exposures
WHERE interaction_id = $1
ORDER BY rank, item_id;

-- name: standing
-- All that an outcome is judged by, in one round trip.
SELECT stored.*, latest.components, recent.ids AS recent_ids, recent.queries AS recent_queries
FROM current_interactions AS stored
LEFT JOIN LATERAL (
    SELECT components FROM outcomes WHERE interaction_id = stored.id ORDER BY id DESC LIMIT 1
) AS latest ON true
CROSS JOIN LATERAL (
    SELECT
        array_agg(earlier.id ORDER BY created_at DESC, id DESC) AS ids,
        array_agg(earlier.query ORDER BY created_at DESC, id DESC) AS queries
    FROM (
        SELECT id, query, created_at
        FROM interactions
        WHERE project = stored.project AND (created_at, id) < (stored.created_at, stored.id)
        ORDER BY created_at DESC, id DESC
        LIMIT $2
    ) AS earlier
) AS recent
WHERE stored.id = $1;

-- name: set_outcome
SELECT append_outcome($1, $2, $3, $4, $5, $6, $7, $8);

-- name: unprojected
SELECT * FROM current_interactions
WHERE projected < revision
ORDER BY created_at, id
LIMIT $1;

-- name: count_unprojected
SELECT count(*) FROM interactions WHERE projected < revision;

-- name: mark_projected
-- Never backwards: a slow writer must not hide a newer revision that is projected already.
UPDATE interactions
SET projected = mark.revision
FROM unnest($1::uuid[], $2::integer[]) AS mark (id, revision)
WHERE interactions.id = mark.id AND interactions.projected < mark.revision;

-- name: mark_all_unprojected
-- A new revision: a projection under way marks the old one, which then does not count.
UPDATE interactions SET revision = revision + 1;

-- name: unbuilt
SELECT * FROM current_interactions
WHERE built < revision AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2;

-- name: mark_built
UPDATE interactions
SET built = mark.revision
FROM unnest($1::uuid[], $2::integer[]) AS mark (id, revision)
WHERE interactions.id = mark.id AND interactions.built < mark.revision;

-- name: item_stats
SELECT
    exposures.item_id,
    count(*) AS uses,
    avg(
        CASE latest.outcome WHEN 'success' THEN 1.0 WHEN 'partial' THEN 0.5 WHEN 'failure' THEN 0.0 END
    )::double precision AS success_rate
FROM exposures
LEFT JOIN LATERAL (
    SELECT outcome
    FROM outcomes
    WHERE outcomes.interaction_id = exposures.interaction_id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS latest ON true
WHERE exposures.item_id = ANY ($1::uuid[])
GROUP BY exposures.item_id;

-- name: with_outcome
SELECT * FROM current_interactions
WHERE outcome = ANY ($1::text[])
    AND value_score >= $2
    AND ($3::text IS NULL OR project = $3)
ORDER BY created_at, id;

-- name: page
SELECT * FROM current_interactions WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2;
