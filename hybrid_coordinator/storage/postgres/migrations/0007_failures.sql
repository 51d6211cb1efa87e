-- What failures teach.

ALTER TABLE interactions
    -- The revision that was last looked at for failures and what solved them.
    ADD COLUMN examined integer NOT NULL DEFAULT 0;
CREATE INDEX interactions_unexamined ON interactions (created_at, id) WHERE examined < revision;

-- Entries about the same error are found by its signature.
CREATE INDEX knowledge_items_signature ON knowledge_items ((fields ->> 'error_signature'))
    WHERE fields ? 'error_signature';
