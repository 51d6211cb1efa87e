-- Session files that were imported.

-- name: known
SELECT path, bytes, modified_ns
FROM imported_files
WHERE path = ANY ($1::text[]) AND (since IS NULL OR since <= $2);

-- name: add
INSERT INTO imported_files (path, bytes, modified_ns, since)
VALUES ($1, $2, $3, $4)
ON CONFLICT (path) DO UPDATE SET
    bytes = excluded.bytes,
    modified_ns = excluded.modified_ns,
    since = excluded.since,
    imported_at = now();
