-- Figures for people to look at. $1 is a project, or NULL for all of them.

-- name: tallies
-- Interactions since $2 by day in UTC, and all of them together (day NULL); $3 is high value.
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS interactions,
    count(*) FILTER (WHERE outcome = 'success') AS success,
    count(*) FILTER (WHERE outcome = 'partial') AS partial,
    count(*) FILTER (WHERE outcome = 'failure') AS failure,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown,
    count(*) FILTER (WHERE value_score >= $3) AS high_value
FROM interaction_facts
WHERE created_at >= $2 AND ($1::text IS NULL OR project = $1)
GROUP BY GROUPING SETS ((), ((created_at AT TIME ZONE 'UTC')::date))
ORDER BY day NULLS FIRST;

-- name: values
-- Value scores in ten bins, numbered from 1; a score of 1 is in the last.
SELECT least(width_bucket(value_score, 0, 1, 10), 10) AS bin, count(*) AS interactions
FROM interaction_facts
WHERE created_at >= $2 AND value_score IS NOT NULL AND ($1::text IS NULL OR project = $1)
GROUP BY bin
ORDER BY bin;

-- name: learned
SELECT origin, count(*) AS entries
FROM current_knowledge
WHERE delta <> 'DEPRECATE' AND ($1::text IS NULL OR project = $1)
GROUP BY origin
ORDER BY origin;

-- name: learned_by_day
-- By when an entry was first there.
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, origin, count(*) AS entries
FROM knowledge_items
WHERE version = 1 AND created_at >= $2 AND ($1::text IS NULL OR project = $1)
GROUP BY day, origin
ORDER BY day, origin;

-- name: spent
-- What recorded attempts of a project cost since $2.
SELECT coalesce(sum(cost_usd), 0)
FROM route_attempts
WHERE created_at >= $2 AND remote AND ($1::text IS NULL OR project = $1);

-- name: facets
-- One look at all of them first: what there is together is little.
WITH seen AS MATERIALIZED (
    SELECT project, model_used, task_type FROM interaction_facts GROUP BY 1, 2, 3
)
SELECT
    array(SELECT DISTINCT project FROM seen ORDER BY project) AS projects,
    array(
        SELECT DISTINCT model_used FROM seen
        WHERE $1::text IS NULL OR project = $1
        ORDER BY model_used
    ) AS models,
    array(
        SELECT DISTINCT task_type FROM seen
        WHERE task_type IS NOT NULL AND ($1::text IS NULL OR project = $1)
        ORDER BY task_type
    ) AS task_types;

-- name: shown
-- What was shown in an interaction, by the words of that time, or else by those of now.
SELECT
    exposures.item_id, exposures.rank, exposures.score, exposures.propensity, exposures.withheld,
    exposures.cited, exposures.use_number IS NOT NULL AS used,
    coalesce(told.title, entry.title, left(earlier.query, 200), '') AS title,
    coalesce(told.source, entry.project, earlier.project, '') AS source,
    CASE
        WHEN entry.id IS NOT NULL THEN entry.collection
        WHEN earlier.id IS NOT NULL THEN 'interaction-history'
        WHEN told.title IS NOT NULL THEN 'codebase-context'
    END AS collection
FROM exposures
LEFT JOIN LATERAL (
    SELECT title, source FROM shown_items
    JOIN showings ON showings.id = showing_id
    WHERE shown_items.item_id = exposures.item_id
        AND showings.interaction_id = exposures.interaction_id
    LIMIT 1
) AS told ON true
LEFT JOIN LATERAL (
    SELECT id, title, project, collection FROM knowledge_items
    WHERE knowledge_items.id = exposures.item_id ORDER BY version DESC LIMIT 1
) AS entry ON true
LEFT JOIN interactions AS earlier ON earlier.id = exposures.item_id
WHERE exposures.interaction_id = $1
ORDER BY exposures.rank, exposures.item_id;

-- name: components
SELECT components FROM outcomes WHERE interaction_id = $1 ORDER BY id DESC LIMIT 1;

-- name: datasets
SELECT id, format, directory, created_at, examples, manifest FROM datasets ORDER BY id DESC;

-- name: marks
-- What turns with every change of a kind, so that two looks tell whether one was made. Each is the
-- end of an index; a job changes in no one place, and there are few. Of numbers the last few, since
-- a transaction may end after one with higher numbers.
SELECT
    concat_ws(
        ' ',
        (
            SELECT string_agg(number::text, ' ') FROM (
                SELECT number FROM interaction_facts ORDER BY number DESC LIMIT 20
            ) AS latest
        ),
        forgotten.at
    ) AS interactions,
    (
        SELECT string_agg(id::text, ' ') FROM (
            SELECT id FROM outcomes ORDER BY id DESC LIMIT 20
        ) AS latest
    ) AS outcomes,
    (
        SELECT string_agg(id::text, ' ') FROM (
            SELECT id FROM route_attempts ORDER BY id DESC LIMIT 20
        ) AS latest
    ) AS attempts,
    concat_ws(
        ' ',
        (
            SELECT string_agg(concat(id, version), ' ') FROM (
                SELECT id, version FROM knowledge_items ORDER BY updated_at DESC LIMIT 20
            ) AS latest
        ),
        forgotten.at
    ) AS knowledge,
    (SELECT concat(count(*), ' ', max(updated_at)) FROM skill_proposals) AS proposals,
    (SELECT concat(count(*), ' ', sum(claim), ' ', sum(asked), ' ', max(tried_at)) FROM jobs) AS jobs,
    (SELECT max(id)::text FROM datasets) AS datasets,
    (SELECT concat(max(indexed_at), ' ', serving_generation()) FROM source_files) AS index
FROM (SELECT max(forgotten_at) AS at FROM forgotten) AS forgotten;
