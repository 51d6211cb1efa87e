-- Generations of the index, and what each has of the record.

-- name: all
SELECT number, state, engine, embedding, model, dimension, revision
FROM index_generations
ORDER BY number;

-- name: adopt
UPDATE index_generations SET engine = $2 WHERE number = $1;

-- name: built_by
UPDATE index_generations
SET embedding = $2, model = $3, dimension = $4, revision = $5
WHERE number = $1;

-- name: begin
INSERT INTO index_generations (number, state, engine, embedding, model, dimension, revision)
SELECT max(number) + 1, 'building', $1, $2, $3, $4, $5 FROM index_generations
RETURNING number;

-- name: forget_interactions
-- The generation under construction has none of them.
WITH locked AS MATERIALIZED (
    SELECT id FROM interactions WHERE built <> 0 ORDER BY id FOR NO KEY UPDATE
)

UPDATE interactions SET built = 0 FROM locked WHERE interactions.id = locked.id;

-- name: forget_knowledge
UPDATE knowledge_items SET built = false WHERE built;

-- name: keep_unfinished
-- Files of roots that could not be indexed anew: known to be missing, so that they are tried again.
-- That only parts of a root were asked for ('./') stays said.
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, generation)
SELECT DISTINCT
    project,
    root,
    path,
    CASE path WHEN './' THEN content_hash ELSE '' END,
    '{}'::uuid[],
    $1::integer
FROM source_files
JOIN unnest($2::text[], $3::text[]) AS lost (project, root) USING (project, root)
WHERE generation = serving_generation()
ON CONFLICT DO NOTHING;

-- name: switch_interactions
WITH locked AS MATERIALIZED (
    SELECT id FROM interactions WHERE projected <> built ORDER BY id FOR NO KEY UPDATE
)

UPDATE interactions SET projected = built FROM locked WHERE interactions.id = locked.id;

-- name: switch_knowledge
UPDATE knowledge_items SET projected = built WHERE projected <> built;

-- name: turn
SELECT pg_try_advisory_lock(hashtext('hybrid-coordinator index generations')) AS ours;

-- name: turn_over
SELECT pg_advisory_unlock(hashtext('hybrid-coordinator index generations'));

-- name: hold
-- Whoever writes files of a generation, or marks what it has, waits for the switch from here on.
SELECT number FROM index_generations WHERE state = 'serving' FOR UPDATE;

-- name: manifest_mark
SELECT concat(count(*), ' ', max(indexed_at))
FROM source_files
WHERE generation = serving_generation();

-- name: retire
UPDATE index_generations SET state = 'retired' WHERE number = $1;

-- name: retire_serving
UPDATE index_generations SET state = 'retired' WHERE state = 'serving';

-- name: serve
UPDATE index_generations SET state = 'serving'
WHERE number = $1 AND state = 'building'
RETURNING number;

-- name: forget
DELETE FROM index_generations WHERE number = $1 AND state = 'retired';

-- name: differing_roots
-- Roots whose files the generation under construction has of other content, or not, or in excess,
-- and those of which only one of the two is to have all ('./').
SELECT DISTINCT project, root
FROM source_files AS one
WHERE generation IN ($1, serving_generation())
    AND content_hash <> ''
    AND NOT EXISTS (
        SELECT FROM source_files AS other
        WHERE other.generation IN ($1, serving_generation())
            AND other.generation <> one.generation
            AND (other.project, other.root, other.path) = (one.project, one.root, one.path)
            AND other.content_hash = one.content_hash
    )
ORDER BY project, root;

-- name: progress
SELECT
    (SELECT count(*) FROM interactions WHERE built >= revision)
        + (SELECT count(*) FROM current_knowledge WHERE built)
        + (
            SELECT count(*) FROM source_files
            WHERE generation = $1 AND content_hash <> '' AND path <> './'
        ) AS done,
    (SELECT count(*) FROM interactions)
        + (SELECT count(*) FROM current_knowledge)
        + (
            SELECT count(*) FROM source_files
            WHERE generation = serving_generation() AND path <> './'
        ) AS total;
