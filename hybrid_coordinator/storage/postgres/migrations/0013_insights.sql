-- What lists and figures go by, without the texts: they read all of it, and the texts of 100,000
-- interactions are hundreds of megabytes.

CREATE TABLE interaction_facts (
    interaction_id uuid PRIMARY KEY REFERENCES interactions (id) ON DELETE CASCADE,
    project        text NOT NULL,
    user_name      text NOT NULL,
    session_id     text,
    agent_type     text NOT NULL,
    model_used     text NOT NULL,
    tokens_used    integer NOT NULL,
    latency_ms     integer NOT NULL,
    created_at     timestamptz NOT NULL,
    -- Of the attempt that answered; NULL where no model was asked through us.
    task_type      text,
    tier           text,
    -- The latest; NULL without one.
    outcome        text,
    outcome_source text,
    value_score    double precision,
    -- In the order of arrival: ids are in that of when things were done, which may be long ago.
    number         bigint GENERATED ALWAYS AS IDENTITY
) WITH (fillfactor = 85); -- an outcome comes later, and is to find room beside the row
CREATE INDEX interaction_facts_created ON interaction_facts (created_at, interaction_id);
CREATE INDEX interaction_facts_number ON interaction_facts (number);
CREATE INDEX interaction_facts_project
    ON interaction_facts (project, created_at, interaction_id);

-- Say anew what is to be said of these interactions.
CREATE FUNCTION refresh_interaction_facts(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO interaction_facts
    SELECT
        interactions.id, project, user_name, session_id, agent_type, model_used, tokens_used,
        latency_ms, created_at, answer.task_type, answer.tier, latest.outcome, latest.source,
        latest.value_score
    FROM interactions
    LEFT JOIN LATERAL (
        SELECT task_type, tier FROM route_attempts
        WHERE interaction_id = interactions.id
        ORDER BY confidence DESC NULLS LAST, position
        LIMIT 1
    ) AS answer ON true
    LEFT JOIN LATERAL (
        SELECT outcome, source, value_score FROM outcomes
        WHERE interaction_id = interactions.id
        ORDER BY outcomes.id DESC
        LIMIT 1
    ) AS latest ON true
    WHERE interactions.id = ANY (ids)
    ON CONFLICT (interaction_id) DO UPDATE SET
        project = excluded.project,
        user_name = excluded.user_name,
        session_id = excluded.session_id,
        agent_type = excluded.agent_type,
        model_used = excluded.model_used,
        tokens_used = excluded.tokens_used,
        latency_ms = excluded.latency_ms,
        created_at = excluded.created_at,
        task_type = excluded.task_type,
        tier = excluded.tier,
        outcome = excluded.outcome,
        outcome_source = excluded.outcome_source,
        value_score = excluded.value_score;
END
$$;

-- One statement may write to several of the tables, and which trigger comes first is not said: each
-- sees all that the statement did.
CREATE FUNCTION note_interactions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_interaction_facts(ARRAY(SELECT id FROM written));
    RETURN NULL;
END
$$;
CREATE FUNCTION note_what_came_of_interactions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_interaction_facts(
        ARRAY(SELECT DISTINCT interaction_id FROM written WHERE interaction_id IS NOT NULL)
    );
    RETURN NULL;
END
$$;
CREATE FUNCTION note_changed_interaction() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_interaction_facts(ARRAY[NEW.id]);
    RETURN NULL;
END
$$;
CREATE TRIGGER interactions_noted AFTER INSERT ON interactions
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_interactions();
CREATE TRIGGER interactions_changed AFTER UPDATE ON interactions
    FOR EACH ROW
    WHEN (
        (
            OLD.project, OLD.user_name, OLD.session_id, OLD.agent_type, OLD.model_used,
            OLD.tokens_used, OLD.latency_ms, OLD.created_at
        ) IS DISTINCT FROM (
            NEW.project, NEW.user_name, NEW.session_id, NEW.agent_type, NEW.model_used,
            NEW.tokens_used, NEW.latency_ms, NEW.created_at
        )
    )
    EXECUTE FUNCTION note_changed_interaction();
CREATE TRIGGER outcomes_noted AFTER INSERT ON outcomes
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_what_came_of_interactions();
CREATE TRIGGER route_attempts_noted AFTER INSERT ON route_attempts
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION note_what_came_of_interactions();

SELECT refresh_interaction_facts(ARRAY(SELECT id FROM interactions));

-- What turns with every change of knowledge and of the code in the index.
CREATE INDEX knowledge_items_updated ON knowledge_items (updated_at);
CREATE INDEX source_files_indexed ON source_files (indexed_at);
