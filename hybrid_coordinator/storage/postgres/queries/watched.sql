-- The directories whose changes are followed.

-- name: add
INSERT INTO watched_directories (project, directory) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: remove
DELETE FROM watched_directories WHERE project = $1 AND directory = $2;

-- name: all
SELECT project, directory FROM watched_directories ORDER BY since, project, directory;
