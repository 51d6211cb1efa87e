-- The directories whose changes are followed, by the home whose coordinator does.

-- name: add
INSERT INTO watched_directories (project, directory, home) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: remove
-- Also where nobody has taken it.
DELETE FROM watched_directories WHERE project = $1 AND directory = $2 AND home IN ($3, '');

-- name: remove_project
DELETE FROM watched_directories WHERE project = $1;

-- name: all
SELECT project, directory FROM watched_directories
WHERE home = $1
ORDER BY since, project, directory;

-- name: take
-- Of two who take it at once, one does.
WITH gone AS (
    DELETE FROM watched_directories
    WHERE project = $1 AND directory = $2 AND home = ''
    RETURNING since
)

INSERT INTO watched_directories (project, directory, home, since)
SELECT $1, $2, $3, since FROM gone
ON CONFLICT DO NOTHING;

-- name: offer
-- Homes that share the record keep theirs.
INSERT INTO watched_directories (project, directory, home, since)
SELECT project, directory, '', min(since) FROM watched_directories GROUP BY project, directory
ON CONFLICT DO NOTHING;
