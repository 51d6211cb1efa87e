-- All that is on record of one thing.

-- name: versions
SELECT * FROM knowledge_items WHERE id = $1 ORDER BY version;

-- name: evidence
SELECT interaction_id AS other, supports FROM knowledge_evidence
WHERE item_id = $1
ORDER BY interaction_id;

-- name: elsewhere
SELECT item_id, machine, version, origin, supports, against, uses, successes, judged
FROM imported_knowledge
WHERE item_id = ANY ($1::uuid[])
ORDER BY machine;

-- name: taught
SELECT item_id AS other, supports FROM knowledge_evidence
WHERE interaction_id = $1
ORDER BY item_id;

-- name: actions
SELECT to_jsonb(actions) - 'interaction_id' AS row FROM actions
WHERE interaction_id = $1
ORDER BY position;

-- name: outcomes
SELECT to_jsonb(outcomes) - 'interaction_id' - 'id' AS row FROM outcomes
WHERE interaction_id = $1
ORDER BY id;
