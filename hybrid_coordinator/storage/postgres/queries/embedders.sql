-- Which embedding model built which collection.

-- name: all
SELECT collection, model, dimension, revision FROM collection_embedders;

-- name: put
INSERT INTO collection_embedders (collection, model, dimension, revision)
VALUES ($1, $2, $3, $4)
ON CONFLICT (collection) DO UPDATE
SET model = excluded.model,
    dimension = excluded.dimension,
    revision = excluded.revision,
    created_at = excluded.created_at;

-- name: clear
DELETE FROM collection_embedders;
