-- Generations of the index: one serves, and another may be built beside it.

CREATE TABLE index_generations (
    number     integer PRIMARY KEY,
    state      text NOT NULL CHECK (state IN ('building', 'serving', 'retired')),
    -- What holds it: 'embedded', or a server's URL. NULL until it is first used.
    engine     text,
    -- How to reach the embedding model that builds it, and what that model says it is. NULL
    -- until then, too.
    embedding  jsonb,
    model      text,
    dimension  integer CHECK (dimension >= 1),
    revision   text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX index_generations_state ON index_generations (state) WHERE state <> 'retired';

-- The model that was shipped until now is the one whose settings are known; any other was chosen.
INSERT INTO index_generations (number, state, embedding, model, dimension, revision)
SELECT
    1,
    'serving',
    CASE WHEN min(model) = 'all-minilm-l6-v2-static' THEN '{"provider": "static"}'::jsonb END,
    min(model),
    min(dimension),
    min(revision)
FROM collection_embedders;
DROP TABLE collection_embedders;

CREATE FUNCTION serving_generation() RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT number FROM index_generations WHERE state = 'serving'
$$;

ALTER TABLE source_files
    ADD COLUMN generation integer NOT NULL DEFAULT 1
        REFERENCES index_generations (number) ON DELETE CASCADE;
ALTER TABLE source_files
    ALTER COLUMN generation DROP DEFAULT,
    DROP CONSTRAINT source_files_pkey,
    ADD PRIMARY KEY (generation, project, root, path);

-- What the generation under construction has, as `projected` is what the serving one has.
ALTER TABLE interactions ADD COLUMN built integer NOT NULL DEFAULT 0;
ALTER TABLE knowledge_items ADD COLUMN built boolean NOT NULL DEFAULT false;

DROP VIEW current_interactions;
CREATE VIEW current_interactions AS
SELECT
    interactions.*,
    latest.outcome,
    latest.user_feedback,
    latest.evidence,
    latest.value_score,
    (
        SELECT count(*) FROM exposures WHERE exposures.interaction_id = interactions.id
    ) AS context_provided
FROM interactions
LEFT JOIN LATERAL (
    SELECT outcome, user_feedback, evidence, value_score
    FROM outcomes
    WHERE outcomes.interaction_id = interactions.id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS latest ON true;

DROP VIEW current_knowledge;
CREATE VIEW current_knowledge AS
SELECT DISTINCT ON (id) *
FROM knowledge_items
ORDER BY id, version DESC;
