-- The manifest of indexed files: of a generation of the index, or (NULL) of the serving one.
-- A row of the path './' is no file. It says that of its root only the files that are recorded were
-- asked for.

-- name: manifest
SELECT path, content_hash, chunk_ids::text[] AS chunk_ids, stamp
FROM source_files
WHERE project = $1 AND root = $2 AND path <> './'
    AND generation = coalesce($3, serving_generation());

-- name: part
SELECT path, content_hash, chunk_ids::text[] AS chunk_ids, stamp
FROM source_files
WHERE project = $1 AND root = $2 AND path <> './'
    AND generation = coalesce($4, serving_generation())
    AND EXISTS (
        SELECT FROM unnest($3::text[]) AS part
        WHERE path = part OR starts_with(path, part || '/')
    );

-- name: chunks
SELECT coalesce(sum(cardinality(chunk_ids)), 0)
FROM source_files
WHERE project = $1 AND root = $2 AND content_hash <> ''
    AND generation = coalesce($3, serving_generation());

-- name: put
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, stamp, generation)
VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, serving_generation()))
ON CONFLICT (generation, project, root, path) DO UPDATE
SET content_hash = excluded.content_hash,
    chunk_ids = excluded.chunk_ids,
    stamp = excluded.stamp,
    indexed_at = excluded.indexed_at;

-- name: stamp
UPDATE source_files
SET stamp = given.stamp
FROM unnest($3::text[], $4::text[]) AS given (path, stamp)
WHERE source_files.project = $1 AND source_files.root = $2 AND source_files.path = given.path
    AND source_files.generation = coalesce($5, serving_generation());

-- name: remove
DELETE FROM source_files
WHERE project = $1
    AND root = $2
    AND path = ANY ($3::text[])
    AND generation = coalesce($4, serving_generation());

-- name: is_partial
SELECT EXISTS (
    SELECT FROM source_files
    WHERE project = $1 AND root = $2 AND path = './'
        AND generation = coalesce($3, serving_generation())
);

-- name: roots
SELECT DISTINCT project, root
FROM source_files
WHERE path <> './' AND generation = coalesce($1, serving_generation())
ORDER BY project, root;

-- name: unfinished_roots
SELECT DISTINCT project, root
FROM source_files
WHERE content_hash = '' AND generation = coalesce($1, serving_generation())
ORDER BY project, root;

-- name: mark_all_unfinished
UPDATE source_files
SET content_hash = '', chunk_ids = '{}'
WHERE path <> './' AND generation = coalesce($1, serving_generation());

-- name: summary
SELECT
    project,
    root,
    count(*) AS files,
    sum(cardinality(chunk_ids)) AS chunks,
    max(indexed_at) AS indexed_at
FROM source_files
WHERE path <> './' AND generation = coalesce($1, serving_generation())
GROUP BY project, root
ORDER BY project, root;
