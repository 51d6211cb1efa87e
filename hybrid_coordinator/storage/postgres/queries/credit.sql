-- What outcomes say of the items that were shown.

-- name: rebuild
SELECT rebuild_item_stats();

-- name: calls
-- Success of the latest interactions in which one item may have been held back: with it, and
-- without. An item's chance of being held back is the share of the calls that hold one back, by the
-- items at stake; strata share both.
WITH latest AS (
    SELECT interaction_id, propensity, withheld
    FROM exposures
    WHERE propensity < 1
    ORDER BY interaction_id DESC
    LIMIT $2
), calls AS (
    SELECT interaction_id, round(min(propensity)::numeric, 6) AS stratum, bool_or(withheld) AS withheld
    FROM latest
    GROUP BY interaction_id
), ended AS (
    SELECT calls.stratum, calls.withheld, success_share(outcome) AS share, confidence
    FROM calls
    CROSS JOIN LATERAL (
        SELECT outcome, confidence FROM outcomes
        WHERE outcomes.interaction_id = calls.interaction_id
        ORDER BY outcomes.id DESC
        LIMIT 1
    ) AS outcome
    WHERE $1::text IS NULL
        OR (SELECT project FROM interactions WHERE id = calls.interaction_id) = $1
)
SELECT
    stratum,
    withheld,
    count(*) AS interactions,
    sum(confidence) AS weight,
    sum(share * confidence) AS success
FROM ended
WHERE share IS NOT NULL
GROUP BY stratum, withheld
ORDER BY stratum, withheld;

-- name: of_items
-- The same for each of these items: interactions that it was shown in by chance, and those that it
-- was held back from.
SELECT
    item_id,
    round(propensity::numeric, 6) AS stratum,
    withheld,
    count(*) AS interactions,
    sum(confidence) AS weight,
    sum(success_share(outcome) * confidence) AS success
FROM exposures
CROSS JOIN LATERAL (
    SELECT outcome, confidence FROM outcomes
    WHERE outcomes.interaction_id = exposures.interaction_id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS outcome
WHERE item_id = ANY ($1::uuid[]) AND propensity < 1 AND success_share(outcome) IS NOT NULL
GROUP BY item_id, stratum, withheld
ORDER BY item_id, stratum, withheld;

-- name: entries
-- Entries in use that have known outcomes, with what is put down to the others of their projects.
WITH used AS (
    SELECT
        entry.id,
        entry.collection,
        entry.project,
        entry.title,
        entry.origin,
        stats.*
    FROM item_stats AS stats
    JOIN current_knowledge AS entry ON entry.id = stats.item_id
    WHERE stats.successes + stats.failures > 0
        AND entry.delta <> 'DEPRECATE'
        AND ($1::text IS NULL OR entry.project = $1)
)
SELECT
    *,
    sum(gained) OVER peers - gained AS peers_gained,
    sum(lost) OVER peers - lost AS peers_lost
FROM used
WINDOW peers AS (PARTITION BY project)
ORDER BY id;

-- name: retired
-- The latest entries that were taken out of use for a reason that begins so.
SELECT id, collection, project, title, reason FROM current_knowledge
WHERE delta = 'DEPRECATE'
    AND starts_with(reason, $2)
    AND ($1::text IS NULL OR project = $1)
ORDER BY updated_at DESC, id
LIMIT $3;
