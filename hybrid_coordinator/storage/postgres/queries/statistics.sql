-- Totals over the record; $1 is a project, or NULL for all of them.

-- name: interactions
-- All latest outcomes at once: to look each one up takes longer.
WITH latest AS (
    SELECT DISTINCT ON (interaction_id) interaction_id, outcome, value_score
    FROM outcomes
    ORDER BY interaction_id, id DESC
)
SELECT
    count(*) AS interactions,
    count(*) FILTER (WHERE outcome = 'success') AS success,
    count(*) FILTER (WHERE outcome = 'partial') AS partial,
    count(*) FILTER (WHERE outcome = 'failure') AS failure,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown,
    count(*) FILTER (WHERE value_score >= $2) AS high_value,
    coalesce(sum(tokens_used) FILTER (WHERE agent_type = 'local'), 0) AS tokens_local,
    coalesce(sum(tokens_used) FILTER (WHERE agent_type = 'remote'), 0) AS tokens_remote,
    count(*) FILTER (WHERE projected < revision) AS unprojected,
    -- A latency of 0 means that the caller did not measure it.
    percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE latency_ms > 0) AS latency_p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE latency_ms > 0) AS latency_p95
FROM interactions
LEFT JOIN latest ON latest.interaction_id = interactions.id
WHERE $1::text IS NULL OR project = $1;

-- name: attempts
SELECT
    model,
    tier,
    count(*) AS attempts,
    count(*) FILTER (WHERE outcome = 'ok') AS accepted,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    coalesce(sum(cost_usd), 0) AS cost_usd,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_p95
FROM route_attempts
WHERE outcome <> 'cached' AND ($1::text IS NULL OR project = $1)
GROUP BY model, tier
ORDER BY model, tier;

-- name: knowledge
SELECT
    collection,
    count(*) FILTER (WHERE delta <> 'DEPRECATE') AS entries,
    count(*) FILTER (WHERE NOT projected) AS unprojected
FROM current_knowledge
WHERE $1::text IS NULL OR project = $1
GROUP BY collection
ORDER BY collection;

-- name: source_files
SELECT count(*) AS files, coalesce(sum(cardinality(chunk_ids)), 0) AS chunks
FROM source_files
WHERE generation = serving_generation()
    AND path <> './' -- which is no file
    AND ($1::text IS NULL OR project = $1);
