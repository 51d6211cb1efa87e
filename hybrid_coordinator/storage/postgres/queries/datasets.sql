-- Exported training data.

-- name: add
INSERT INTO datasets (format, directory, examples, manifest) VALUES ($1, $2, $3, $4);
