-- Lists to filter, sort and page through. What is NULL of a filter does not matter.

-- name: with_text
-- Interactions of a project that have this (LIKE's pattern) in a text. Reads every text.
SELECT coalesce(array_agg(id), '{}') FROM interactions
WHERE ($1::text IS NULL OR project = $1) AND (query ILIKE $2 OR response ILIKE $2);

-- name: count_interactions
SELECT count(*) FROM interaction_facts AS facts
WHERE ($1::text IS NULL OR facts.project = $1)
    AND ($2::text IS NULL OR facts.agent_type = $2)
    AND ($3::text IS NULL OR coalesce(outcome, 'none') = $3)
    AND ($4::text IS NULL OR facts.model_used = $4)
    AND ($5::text IS NULL OR task_type = $5)
    AND ($6::double precision IS NULL OR value_score >= $6)
    AND ($7::timestamptz IS NULL OR facts.created_at >= $7)
    AND ($8::timestamptz IS NULL OR facts.created_at < $8)
    AND ($9::text IS NULL OR facts.session_id = $9)
    AND ($10::uuid[] IS NULL OR interaction_id = ANY ($10))
    AND ($11::text IS NULL OR facts.user_name = $11);

-- name: interactions
SELECT
    interaction_id, facts.created_at, facts.project, facts.agent_type, facts.model_used, task_type,
    tier, outcome, outcome_source, value_score, facts.tokens_used, facts.latency_ms, facts.session_id,
    left(query, 300) AS query,
    (
        SELECT count(*) FROM exposures
        WHERE exposures.interaction_id = facts.interaction_id AND use_number IS NOT NULL
    ) AS shown
FROM (
    SELECT * FROM interaction_facts AS facts
    WHERE ($1::text IS NULL OR facts.project = $1)
        AND ($2::text IS NULL OR facts.agent_type = $2)
        AND ($3::text IS NULL OR coalesce(outcome, 'none') = $3)
        AND ($4::text IS NULL OR facts.model_used = $4)
        AND ($5::text IS NULL OR task_type = $5)
        AND ($6::double precision IS NULL OR value_score >= $6)
        AND ($7::timestamptz IS NULL OR facts.created_at >= $7)
        AND ($8::timestamptz IS NULL OR facts.created_at < $8)
        AND ($9::text IS NULL OR facts.session_id = $9)
        AND ($10::uuid[] IS NULL OR interaction_id = ANY ($10))
        AND ($11::text IS NULL OR facts.user_name = $11)
    ORDER BY :order
    LIMIT $12 OFFSET $13
) AS facts
JOIN interactions ON interactions.id = interaction_id
ORDER BY :order;

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
        $4::text IS NULL OR title ILIKE $4 OR content ILIKE $4
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
