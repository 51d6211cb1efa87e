-- The manifest of indexed files.

-- name: manifest
SELECT path, content_hash, chunk_ids::text[] AS chunk_ids, stamp
FROM source_files
WHERE project = $1 AND root = $2;

-- name: part
SELECT path, content_hash, chunk_ids::text[] AS chunk_ids, stamp
FROM source_files
WHERE project = $1 AND root = $2
    AND EXISTS (
        SELECT FROM unnest($3::text[]) AS part
        WHERE path = part OR starts_with(path, part || '/')
    );

-- name: chunks
SELECT coalesce(sum(cardinality(chunk_ids)), 0)
FROM source_files
WHERE project = $1 AND root = $2 AND content_hash <> '';

-- name: put
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, stamp)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project, root, path) DO UPDATE
SET content_hash = excluded.content_hash,
    chunk_ids = excluded.chunk_ids,
    stamp = excluded.stamp,
    indexed_at = excluded.indexed_at;

-- name: stamp
UPDATE source_files
SET stamp = given.stamp
FROM unnest($3::text[], $4::text[]) AS given (path, stamp)
WHERE source_files.project = $1 AND source_files.root = $2 AND source_files.path = given.path;

-- name: remove
DELETE FROM source_files WHERE project = $1 AND root = $2 AND path = ANY ($3::text[]);

-- name: roots
SELECT DISTINCT project, root FROM source_files ORDER BY project, root;

-- name: unfinished_roots
SELECT DISTINCT project, root FROM source_files WHERE content_hash = '' ORDER BY project, root;

-- name: mark_all_unfinished
UPDATE source_files SET content_hash = '', chunk_ids = '{}';

-- name: summary
SELECT
    project,
    root,
    count(*) AS files,
    sum(cardinality(chunk_ids)) AS chunks,
    max(indexed_at) AS indexed_at
FROM source_files
GROUP BY project, root
ORDER BY project, root;
