-- The manifest of indexed files: of a generation of the index, or (NULL) of the serving one.

-- name: manifest
SELECT path, content_hash, chunk_ids
FROM source_files
WHERE project = $1 AND root = $2 AND generation = coalesce($3, serving_generation());

-- name: put
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, generation)
VALUES ($1, $2, $3, $4, $5, coalesce($6, serving_generation()))
ON CONFLICT (generation, project, root, path) DO UPDATE
SET content_hash = excluded.content_hash,
    chunk_ids = excluded.chunk_ids,
    indexed_at = excluded.indexed_at;

-- name: remove
DELETE FROM source_files
WHERE project = $1
    AND root = $2
    AND path = ANY ($3::text[])
    AND generation = coalesce($4, serving_generation());

-- name: roots
SELECT DISTINCT project, root
FROM source_files
WHERE generation = coalesce($1, serving_generation())
ORDER BY project, root;

-- name: unfinished_roots
SELECT DISTINCT project, root
FROM source_files
WHERE content_hash = '' AND generation = coalesce($1, serving_generation())
ORDER BY project, root;

-- name: mark_all_unfinished
UPDATE source_files
SET content_hash = '', chunk_ids = '{}'
WHERE generation = coalesce($1, serving_generation());

-- name: summary
SELECT
    project,
    root,
    count(*) AS files,
    sum(cardinality(chunk_ids)) AS chunks,
    max(indexed_at) AS indexed_at
FROM source_files
WHERE generation = coalesce($1, serving_generation())
GROUP BY project, root
ORDER BY project, root;
