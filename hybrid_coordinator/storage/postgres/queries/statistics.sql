-- Totals over the record; $1 is a project, or NULL for all of them.

-- name: interactions
SELECT
    count(*) AS interactions,
    count(*) FILTER (WHERE outcome = 'success') AS success,
    count(*) FILTER (WHERE outcome = 'partial') AS partial,
    count(*) FILTER (WHERE outcome = 'failure') AS failure,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown,
    count(*) FILTER (WHERE value_score >= $2) AS high_value,
    coalesce(sum(tokens_used) FILTER (WHERE agent_type = 'local'), 0) AS tokens_local,
    coalesce(sum(tokens_used) FILTER (WHERE agent_type = 'remote'), 0) AS tokens_remote,
    -- A latency of 0 means that the caller did not measure it.
    percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms)
        FILTER (WHERE latency_ms > 0) AS latencies
FROM interaction_facts
WHERE $1::text IS NULL OR project = $1;

-- name: unprojected
SELECT count(*) FROM interactions
WHERE projected < revision AND ($1::text IS NULL OR project = $1);

-- name: attempts
-- Only the numbers that percentiles are taken of are sorted, not the rows: twice as fast.
WITH summed AS MATERIALIZED (
    SELECT
        model,
        tier,
        count(*) AS attempts,
        count(*) FILTER (WHERE outcome = 'ok') AS accepted,
        sum(tokens_in) AS tokens_in,
        sum(tokens_out) AS tokens_out,
        coalesce(sum(cost_usd), 0) AS cost_usd,
        array_agg(latency_ms) AS each_latency
    FROM route_attempts
    WHERE outcome <> 'cached' AND ($1::text IS NULL OR project = $1)
    GROUP BY model, tier
)
SELECT
    model, tier, attempts, accepted, tokens_in, tokens_out, cost_usd,
    (
        SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency)
        FROM unnest(each_latency) AS latency
    ) AS latencies
FROM summed
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
