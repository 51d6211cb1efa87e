-- What is learned by: what was shown and why, where outcomes come from, what was seen while
-- work was done, and what entries rest on.

ALTER TABLE interactions
    -- What a turn of a coding session is known by, however often it is reported.
    ADD COLUMN turn_key text UNIQUE,
    -- The subagent whose turn it was; NULL for the session's own.
    ADD COLUMN agent text,
    -- Whether the user broke it off.
    ADD COLUMN interrupted boolean NOT NULL DEFAULT false;
CREATE INDEX interactions_session ON interactions (project, session_id, created_at, id);

-- What the ledger knows of a showing: how likely the item was to be shown, whether it was held
-- back so that its worth can be told, and whether the answer made use of it.
ALTER TABLE exposures
    ADD COLUMN score double precision,
    ADD COLUMN propensity double precision CHECK (propensity > 0 AND propensity <= 1),
    ADD COLUMN withheld boolean NOT NULL DEFAULT false,
    ADD COLUMN cited boolean NOT NULL DEFAULT false,
    ADD CHECK (NOT (withheld AND cited));

-- What `augment_query` showed, before it is known which interaction that was for.
CREATE TABLE showings (
    id         uuid PRIMARY KEY,
    project    text NOT NULL,
    session_id text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX showings_created ON showings (created_at);
CREATE TABLE shown_items (
    showing_id uuid NOT NULL REFERENCES showings (id) ON DELETE CASCADE,
    item_id    uuid NOT NULL,
    rank       smallint NOT NULL CHECK (rank >= 1),
    title      text NOT NULL,
    source     text NOT NULL,
    score      double precision NOT NULL,
    propensity double precision NOT NULL CHECK (propensity > 0 AND propensity <= 1),
    withheld   boolean NOT NULL,
    PRIMARY KEY (showing_id, item_id)
);
CREATE INDEX shown_items_item ON shown_items (item_id);

-- Whether an outcome was stated by the agent or the user, or inferred from what was seen, and
-- how sure it is.
ALTER TABLE outcomes
    ADD COLUMN source text NOT NULL DEFAULT 'stated' CHECK (source IN ('stated', 'inferred')),
    ADD COLUMN confidence double precision NOT NULL DEFAULT 1
        CHECK (confidence > 0 AND confidence <= 1);

DROP VIEW current_interactions;
CREATE VIEW current_interactions AS
SELECT
    interactions.*,
    latest.outcome,
    latest.user_feedback,
    latest.evidence,
    latest.value_score,
    latest.source AS outcome_source,
    latest.confidence AS outcome_confidence,
    (
        SELECT count(*) FROM exposures
        WHERE exposures.interaction_id = interactions.id AND NOT withheld
    ) AS context_provided
FROM interactions
LEFT JOIN LATERAL (
    SELECT outcome, user_feedback, evidence, value_score, source, confidence
    FROM outcomes
    WHERE outcomes.interaction_id = interactions.id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS latest ON true;

-- Append an outcome unless the latest one says as much: evidence that is not given again was
-- given once, and stays. What was inferred never takes the place of what was stated. True if
-- appended, NULL if there is no such interaction. A function, since the comparison must see what
-- a caller who held the lock before has committed: each statement in here has its own snapshot,
-- a single query has the one from before it waited.
DROP FUNCTION append_outcome;
CREATE FUNCTION append_outcome(
    of_interaction uuid,
    new_outcome text,
    new_feedback smallint,
    new_evidence text,
    new_value_score double precision,
    new_components jsonb,
    new_source text,
    new_confidence double precision
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM interactions WHERE id = of_interaction FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM current_interactions
    WHERE id = of_interaction
        AND (
            (new_source = 'inferred' AND outcome_source = 'stated')
            OR (
                outcome = new_outcome
                AND user_feedback = new_feedback
                AND outcome_source = new_source
                AND outcome_confidence = new_confidence
                AND (new_evidence IS NULL OR evidence IS NOT DISTINCT FROM new_evidence)
            )
        );
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO outcomes
        (interaction_id, outcome, user_feedback, evidence, value_score, components, source,
         confidence)
    VALUES
        (of_interaction, new_outcome, new_feedback, new_evidence, new_value_score,
         new_components, new_source, new_confidence);
    UPDATE interactions SET revision = revision + 1 WHERE id = of_interaction;
    RETURN true;
END
$$;

-- What an agent did in a turn: commands with their exit status, edits, calls of other tools.
CREATE TABLE actions (
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    position       integer NOT NULL CHECK (position >= 1),
    kind           text NOT NULL CHECK (kind IN ('command', 'edit', 'tool')),
    -- The command line, the path of the file, or the tool's name and arguments.
    subject        text NOT NULL,
    -- False where it failed.
    ok             boolean NOT NULL,
    exit_code      integer,
    -- What it printed or changed: the part that says how it went.
    detail         text NOT NULL,
    at             timestamptz,
    PRIMARY KEY (interaction_id, position)
);

-- Where an entry comes from, and why its last change was made.
ALTER TABLE knowledge_items
    ADD COLUMN origin text NOT NULL DEFAULT 'stated'
        CHECK (origin IN ('stated', 'pattern', 'failure', 'skill', 'import')),
    ADD COLUMN reason text NOT NULL DEFAULT '';
DROP VIEW current_knowledge;
CREATE VIEW current_knowledge AS
SELECT DISTINCT ON (id) *
FROM knowledge_items
ORDER BY id, version DESC;

-- The interactions that an entry was learned from, or that speak against it.
CREATE TABLE knowledge_evidence (
    item_id        uuid NOT NULL,
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    supports       boolean NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, interaction_id)
);
CREATE INDEX knowledge_evidence_interaction ON knowledge_evidence (interaction_id);

-- Session files of coding agents whose turns are in the record. A file that was changed since is
-- read again; `since` is the time from which its turns were wanted, NULL for all of them.
CREATE TABLE imported_files (
    path        text PRIMARY KEY,
    bytes       bigint NOT NULL,
    modified_ns bigint NOT NULL,
    since       timestamptz,
    imported_at timestamptz NOT NULL DEFAULT now()
);
