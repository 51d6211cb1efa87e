-- Which migrations were applied.

-- name: lock
-- Held until the transaction ends; the number is arbitrary and must never change.
SELECT pg_advisory_xact_lock(8043276510);

-- name: create_ledger
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: applied
SELECT name, checksum FROM schema_migrations ORDER BY name;

-- name: record
INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2);
