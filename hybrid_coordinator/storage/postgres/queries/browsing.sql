-- Lists to filter, sort and page through. What is NULL of a filter does not matter.

-- name: interactions
SELECT
    interaction.id, created_at, project, session_id, agent_type, model_used, left(query, 300) AS query,
    outcome, outcome_source, value_score, tokens_used, latency_ms, context_provided AS shown,
    answer.task_type, answer.tier,
    count(*) OVER () AS total
FROM current_interactions AS interaction
LEFT JOIN LATERAL (
    SELECT task_type, tier FROM route_attempts
    WHERE interaction_id = interaction.id
    ORDER BY confidence DESC NULLS LAST, position
    LIMIT 1
) AS answer ON true
WHERE ($1::text IS NULL OR project = $1)
    AND ($2::text IS NULL OR agent_type = $2)
    AND ($3::text IS NULL OR coalesce(outcome, 'none') = $3)
    AND ($4::text IS NULL OR model_used = $4)
    AND ($5::text IS NULL OR task_type = $5)
    AND ($6::double precision IS NULL OR value_score >= $6)
    AND (
        $7::text IS NULL
        OR position(lower($7) IN lower(query)) > 0
        OR position(lower($7) IN lower(response)) > 0
    )
    AND ($8::timestamptz IS NULL OR created_at >= $8)
    AND ($9::timestamptz IS NULL OR created_at < $9)
    AND ($10::text IS NULL OR session_id = $10)
    AND ($15::text IS NULL OR user_name = $15)
ORDER BY
    CASE WHEN NOT $12::boolean THEN
        CASE $11::text
            WHEN 'value_score' THEN value_score
            WHEN 'latency_ms' THEN latency_ms
            WHEN 'tokens_used' THEN tokens_used
            ELSE extract(epoch FROM created_at)::double precision
        END
    END,
    CASE WHEN $12 THEN
        CASE $11
            WHEN 'value_score' THEN value_score
            WHEN 'latency_ms' THEN latency_ms
            WHEN 'tokens_used' THEN tokens_used
            ELSE extract(epoch FROM created_at)::double precision
        END
    END DESC NULLS LAST,
    created_at DESC,
    interaction.id DESC
LIMIT $13 OFFSET $14;

-- name: items
SELECT
    entry.*,
    coalesce(stats.uses, 0) AS uses,
    CASE
        WHEN stats.successes + stats.failures > 0
        THEN stats.successes / (stats.successes + stats.failures)
    END AS success_rate,
    coalesce(stats.gained, 0) AS gained,
    coalesce(stats.lost, 0) AS lost,
    count(*) OVER () AS total
FROM current_knowledge AS entry
LEFT JOIN item_stats AS stats ON stats.item_id = entry.id
WHERE ($1::text IS NULL OR project = $1)
    AND ($2::text IS NULL OR collection = $2)
    AND ($3::text IS NULL OR origin = $3)
    AND (
        $4::text IS NULL
        OR position(lower($4) IN lower(title)) > 0
        OR position(lower($4) IN lower(content)) > 0
    )
    AND ($5::boolean IS NULL OR (delta = 'DEPRECATE') = $5)
ORDER BY
    CASE WHEN NOT $7::boolean THEN
        CASE $6::text
            WHEN 'uses' THEN coalesce(stats.uses, 0)
            WHEN 'success_rate' THEN stats.successes / nullif(stats.successes + stats.failures, 0)
            WHEN 'gained' THEN coalesce(stats.gained, 0)
            WHEN 'updated_at' THEN extract(epoch FROM updated_at)::double precision
        END
    END,
    CASE WHEN $7 THEN
        CASE $6
            WHEN 'uses' THEN coalesce(stats.uses, 0)
            WHEN 'success_rate' THEN stats.successes / nullif(stats.successes + stats.failures, 0)
            WHEN 'gained' THEN coalesce(stats.gained, 0)
            WHEN 'updated_at' THEN extract(epoch FROM updated_at)::double precision
        END
    END DESC NULLS LAST,
    CASE WHEN $6 = 'title' AND NOT $7 THEN lower(title) END,
    CASE WHEN $6 = 'title' AND $7 THEN lower(title) END DESC,
    entry.id
LIMIT $8 OFFSET $9;
