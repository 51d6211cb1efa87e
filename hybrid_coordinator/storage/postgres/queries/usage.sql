-- What models were used for. $1 is a project, or NULL for all of them; $2 is from when on. The
-- attempts of a call are stored by one statement, so they have their time in common; a call that
-- nothing came of has no interaction to tell it by.

-- name: calls
WITH attempts AS (
    SELECT
        created_at, interaction_id, position, tier, task_type, remote, outcome, rule, confidence,
        tokens_in, tokens_out
    FROM route_attempts
    WHERE created_at >= $2 AND ($1::text IS NULL OR project = $1)
),
calls AS (
    -- The attempt that the answer came from: the best one.
    SELECT DISTINCT ON (created_at, interaction_id)
        created_at, tier, task_type, remote, outcome, tokens_in, tokens_out,
        confidence IS NOT NULL OR outcome = 'cached' AS answered,
        -- The first attempt did not end it; modes make several in any case.
        count(*) FILTER (
            WHERE position = 1
                AND outcome NOT IN ('ok', 'cached')
                AND rule !~ '^(ensemble|reason|digest):'
        ) OVER call > 0 AND count(*) OVER call > 1 AS escalated
    FROM attempts
    WINDOW call AS (PARTITION BY created_at, interaction_id)
    ORDER BY created_at, interaction_id, confidence DESC NULLS LAST, position
)
SELECT
    CASE grouping(tier, task_type, day)
        WHEN 3 THEN 'tier'
        WHEN 5 THEN 'task_type'
        WHEN 6 THEN 'day'
        ELSE 'all'
    END AS by,
    coalesce(tier, task_type, day::text) AS name,
    count(*) AS calls,
    count(*) FILTER (WHERE answered AND NOT remote) AS local,
    count(*) FILTER (WHERE answered AND remote) AS remote,
    count(*) FILTER (WHERE NOT answered) AS failed,
    count(*) FILTER (WHERE outcome IN ('ok', 'cached')) AS passed,
    count(*) FILTER (WHERE escalated) AS escalated,
    count(*) FILTER (WHERE outcome = 'cached') AS cached,
    coalesce(sum(tokens_in) FILTER (WHERE answered AND NOT remote), 0) AS local_tokens_in,
    coalesce(sum(tokens_out) FILTER (WHERE answered AND NOT remote), 0) AS local_tokens_out
FROM (
    -- A call that failed has no tier that answered it.
    SELECT
        CASE WHEN answered THEN tier ELSE 'none' END AS tier,
        coalesce(task_type, 'not recorded') AS task_type,
        (created_at AT TIME ZONE 'UTC')::date AS day,
        remote, outcome, tokens_in, tokens_out, answered, escalated
    FROM calls
) AS call
GROUP BY GROUPING SETS ((), (tier), (task_type), (day))
ORDER BY by, calls DESC, name;

-- name: models
-- Only the numbers that percentiles are taken of are sorted, not the rows: twice as fast.
WITH summed AS MATERIALIZED (
    SELECT
        model,
        endpoint,
        remote,
        count(*) AS attempts,
        count(*) FILTER (WHERE outcome = 'ok') AS passed,
        count(*) FILTER (WHERE confidence IS NULL) AS failed,
        array_agg(latency_ms) FILTER (WHERE confidence IS NOT NULL) AS each_latency,
        array_agg(first_token_ms) AS each_first_token,
        array_agg(tokens_per_second) AS each_speed,
        sum(tokens_in) AS tokens_in,
        sum(tokens_out) AS tokens_out,
        coalesce(sum(cost_usd), 0) AS cost_usd,
        count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced
    FROM route_attempts
    WHERE created_at >= $2 AND outcome <> 'cached' AND ($1::text IS NULL OR project = $1)
    GROUP BY model, endpoint, remote
)
SELECT
    model, endpoint, remote, attempts, passed, failed, tokens_in, tokens_out, cost_usd, unpriced,
    (
        SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency)
        FROM unnest(each_latency) AS latency
    ) AS latencies,
    (
        SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_token)
        FROM unnest(each_first_token) AS first_token
    ) AS first_tokens,
    (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY speed)
        FROM unnest(each_speed) AS speed
    ) AS tokens_per_second
FROM summed
ORDER BY attempts DESC, model, endpoint;

-- name: days
WITH answers AS (
    SELECT DISTINCT ON (created_at, interaction_id) created_at, remote, tokens_in, tokens_out
    FROM route_attempts
    WHERE created_at >= $2
        AND (confidence IS NOT NULL OR outcome = 'cached')
        AND ($1::text IS NULL OR project = $1)
    ORDER BY created_at, interaction_id, confidence DESC NULLS LAST, position
)
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS calls,
    count(*) FILTER (WHERE NOT remote) AS local,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out
FROM answers
GROUP BY day
ORDER BY day;

-- name: of_interaction
SELECT
    id, created_at, project, interaction_id, task_type, complexity, position, model, endpoint, tier,
    remote, rule, outcome, confidence, checks, reason, latency_ms, first_token_ms,
    tokens_per_second, tokens_in, tokens_out, cost_usd
FROM route_attempts
WHERE interaction_id = $1
ORDER BY position, id;

-- name: page
SELECT
    id, created_at, project, interaction_id, task_type, complexity, position, model, endpoint, tier,
    remote, rule, outcome, confidence, checks, reason, latency_ms, first_token_ms,
    tokens_per_second, tokens_in, tokens_out, cost_usd
FROM route_attempts
-- $2 is from when on, or with $3 the time and the id of the last row before the page.
WHERE (created_at, id) > ($2, $3) AND ($1::text IS NULL OR project = $1)
ORDER BY created_at, id
LIMIT $4;
