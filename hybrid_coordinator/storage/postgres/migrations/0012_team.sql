-- Several users of one record: whose an interaction is, who may reach it, and who did what.

ALTER TABLE interactions
    -- Whose it is; the home's owner's where nobody else was told.
    ADD COLUMN user_name text NOT NULL DEFAULT 'local';

CREATE OR REPLACE VIEW current_interactions AS
SELECT
    interactions.id,
    interactions.project,
    interactions.session_id,
    interactions.query,
    interactions.response,
    interactions.agent_type,
    interactions.model_used,
    interactions.tokens_used,
    interactions.latency_ms,
    interactions.created_at,
    interactions.revision,
    interactions.projected,
    interactions.built,
    interactions.turn_key,
    interactions.agent,
    interactions.interrupted,
    latest.outcome,
    latest.user_feedback,
    latest.evidence,
    latest.value_score,
    latest.source AS outcome_source,
    latest.confidence AS outcome_confidence,
    (
        SELECT count(*) FROM exposures
        WHERE exposures.interaction_id = interactions.id AND use_number IS NOT NULL
    ) AS context_provided,
    interactions.user_name
FROM interactions
LEFT JOIN LATERAL (
    SELECT outcome, user_feedback, evidence, value_score, source, confidence
    FROM outcomes
    WHERE outcomes.interaction_id = interactions.id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS latest ON true;

-- Tokens, each by the SHA-256 of its secret, which is 256 random bits: nobody can go back from
-- one to the other, nor guess it.
CREATE TABLE access_tokens (
    id         uuid PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    name       text NOT NULL,
    user_name  text NOT NULL,
    scope      text NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    -- All that it is for; NULL for every one.
    projects   text[] CHECK (cardinality(projects) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute.
    used_at    timestamptz
);

-- Browsers that have shown a token, by the SHA-256 of their cookie.
CREATE TABLE browser_sessions (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    token_id   uuid NOT NULL REFERENCES access_tokens (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX browser_sessions_token ON browser_sessions (token_id);
CREATE INDEX browser_sessions_expiry ON browser_sessions (expires_at);

-- Append-only: who did what, or was refused.
CREATE TABLE audit_log (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    -- NULL where it was not known who asked.
    user_name text,
    token_id  uuid,
    action    text NOT NULL,
    -- What it was done to: a project, an id, a path; never what was said.
    target    text NOT NULL,
    -- The address that it came from.
    place     text NOT NULL,
    allowed   boolean NOT NULL,
    -- Why it was refused.
    reason    text NOT NULL DEFAULT ''
);
CREATE INDEX audit_log_at ON audit_log (at);

CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '7 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_log is append-only; what is older than 7 days may be deleted';
END
$$;
CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_log_kept_whole BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
