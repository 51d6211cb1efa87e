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
    -- Counts the uses of the item from 1. NULL where this is none: it was held back, or was shown
    -- and not named as context by whoever did the work.
    ADD COLUMN use_number bigint CHECK (use_number >= 1),
    ADD CHECK (NOT (withheld AND cited)),
    ADD CHECK (NOT (withheld AND use_number IS NOT NULL));
UPDATE exposures
SET use_number = numbered.number
FROM (
    SELECT
        interaction_id,
        item_id,
        row_number() OVER (PARTITION BY item_id ORDER BY interaction_id) AS number
    FROM exposures
) AS numbered
WHERE numbered.interaction_id = exposures.interaction_id AND numbered.item_id = exposures.item_id;
-- Where chance decided whether the item was shown.
CREATE INDEX exposures_randomised ON exposures (interaction_id) WHERE propensity < 1;

-- What `augment_query` showed, before it is known which interaction that was for.
CREATE TABLE showings (
    id         uuid PRIMARY KEY,
    project    text NOT NULL,
    session_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The first interaction that it was for.
    interaction_id uuid REFERENCES interactions (id) ON DELETE CASCADE
);
CREATE INDEX showings_created ON showings (created_at);
CREATE INDEX showings_interaction ON showings (interaction_id);
CREATE INDEX showings_session ON showings (session_id, created_at DESC);
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
CREATE INDEX shown_items_item ON shown_items (item_id, showing_id);

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
        WHERE exposures.interaction_id = interactions.id AND use_number IS NOT NULL
    ) AS context_provided
FROM interactions
LEFT JOIN LATERAL (
    SELECT outcome, user_feedback, evidence, value_score, source, confidence
    FROM outcomes
    WHERE outcomes.interaction_id = interactions.id
    ORDER BY outcomes.id DESC
    LIMIT 1
) AS latest ON true;

-- What the ledger says of each item that was used, kept by the functions below. `successes` and
-- `failures` count outcomes, a partial one half as each. `gained` and `lost` weigh them by how much
-- they say of the item and how sure they are, and each use ages the ones before it, slowly; with
-- `_lately` quickly, and unweighted by what they say of the item.
CREATE TABLE item_stats (
    item_id       uuid PRIMARY KEY,
    uses          bigint NOT NULL,
    -- The number of the latest use, also when that is deleted: ages are counted from it.
    last_use      bigint NOT NULL,
    successes     double precision NOT NULL DEFAULT 0,
    failures      double precision NOT NULL DEFAULT 0,
    gained        double precision NOT NULL DEFAULT 0,
    lost          double precision NOT NULL DEFAULT 0,
    gained_lately double precision NOT NULL DEFAULT 0,
    lost_lately   double precision NOT NULL DEFAULT 0
);

-- How much of a success an outcome is; NULL where that is not known.
CREATE FUNCTION success_share(outcome text) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE outcome WHEN 'success' THEN 1.0 WHEN 'partial' THEN 0.5 WHEN 'failure' THEN 0.0 END
$$;

-- What part of an outcome is put down to an item: an answer that made use of it says much about
-- it, one to which it was merely shown says less.
CREATE FUNCTION credit_weight(cited boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cited THEN 1.0 ELSE 0.3 END
$$;

-- What is left of a use after so many later ones of the same item: in the long run, and of late.
-- Bounded, since Postgres refuses powers that are too small for a number.
CREATE FUNCTION aged(later_uses bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT 0.995 ^ least(later_uses, 50000)::double precision
$$;
CREATE FUNCTION aged_fast(later_uses bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT 0.9 ^ least(later_uses, 5000)::double precision
$$;

-- What is left of a sum after one more use; nothing of what is too small to be a number for long.
CREATE FUNCTION faded(mass double precision, share double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN mass < 1e-200 THEN 0 ELSE mass * share END
$$;

-- Put an outcome down to the items that were used, in place of the one before; NULL is none. Who
-- changes several rows of item_stats locks them in the order of their ids, so that nobody waits
-- for someone who waits for him.
CREATE FUNCTION move_credit(
    of_interaction uuid,
    old_outcome text,
    old_confidence double precision,
    new_outcome text,
    new_confidence double precision
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old_success double precision := coalesce(success_share(old_outcome), 0);
    new_success double precision := coalesce(success_share(new_outcome), 0);
    old_failure double precision := coalesce(1 - success_share(old_outcome), 0);
    new_failure double precision := coalesce(1 - success_share(new_outcome), 0);
    -- Of what is as sure as the outcomes are.
    gain double precision := coalesce(new_success * new_confidence, 0)
        - coalesce(old_success * old_confidence, 0);
    loss double precision := coalesce(new_failure * new_confidence, 0)
        - coalesce(old_failure * old_confidence, 0);
BEGIN
    IF old_success = new_success AND old_failure = new_failure AND gain = 0 AND loss = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM item_stats
    WHERE item_id IN (
        SELECT item_id FROM exposures
        WHERE interaction_id = of_interaction AND use_number IS NOT NULL
    )
    ORDER BY item_id
    FOR NO KEY UPDATE;
    UPDATE item_stats
    SET
        successes = successes + new_success - old_success,
        failures = failures + new_failure - old_failure,
        -- What is taken back is what was given, but for the last digit.
        gained = greatest(0, gained + gain * credit_weight(cited) * aged(last_use - use_number)),
        lost = greatest(0, lost + loss * credit_weight(cited) * aged(last_use - use_number)),
        gained_lately = greatest(0, gained_lately + gain * aged_fast(last_use - use_number)),
        lost_lately = greatest(0, lost_lately + loss * aged_fast(last_use - use_number))
    FROM exposures
    WHERE exposures.interaction_id = of_interaction
        AND exposures.use_number IS NOT NULL
        AND exposures.item_id = item_stats.item_id;
END
$$;

-- Make item_stats anew from exposures and outcomes.
CREATE FUNCTION rebuild_item_stats() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE item_stats IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM item_stats
    WHERE NOT EXISTS (
        SELECT FROM exposures
        WHERE exposures.item_id = item_stats.item_id AND use_number IS NOT NULL
    );
    WITH clocks AS (
        SELECT
            exposures.item_id,
            greatest(max(exposures.use_number), max(item_stats.last_use)) AS last_use
        FROM exposures
        LEFT JOIN item_stats USING (item_id)
        WHERE use_number IS NOT NULL
        GROUP BY exposures.item_id
    )
    INSERT INTO item_stats
    SELECT
        item_id,
        count(*),
        last_use,
        coalesce(sum(share), 0),
        coalesce(sum(1 - share), 0),
        coalesce(sum(share * sure * aged(last_use - use_number)), 0),
        coalesce(sum((1 - share) * sure * aged(last_use - use_number)), 0),
        coalesce(sum(share * confidence * aged_fast(last_use - use_number)), 0),
        coalesce(sum((1 - share) * confidence * aged_fast(last_use - use_number)), 0)
    FROM clocks
    JOIN exposures USING (item_id)
    LEFT JOIN LATERAL (
        SELECT
            success_share(outcome) AS share,
            confidence,
            confidence * credit_weight(cited) AS sure
        FROM outcomes
        WHERE outcomes.interaction_id = exposures.interaction_id
        ORDER BY outcomes.id DESC
        LIMIT 1
    ) AS latest ON true
    WHERE use_number IS NOT NULL
    GROUP BY item_id, last_use
    ON CONFLICT (item_id) DO UPDATE
    SET
        uses = excluded.uses,
        last_use = excluded.last_use,
        successes = excluded.successes,
        failures = excluded.failures,
        gained = excluded.gained,
        lost = excluded.lost,
        gained_lately = excluded.gained_lately,
        lost_lately = excluded.lost_lately;
END
$$;

-- What is deleted is counted no more. The table is locked first, as `append_outcome` does, since
-- the rows of one statement come in any order.
CREATE FUNCTION lock_item_stats() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE item_stats IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
CREATE FUNCTION take_back_uses() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    latest outcomes%ROWTYPE;
BEGIN
    SELECT * INTO latest FROM outcomes
    WHERE interaction_id = OLD.id
    ORDER BY id DESC
    LIMIT 1;
    PERFORM move_credit(OLD.id, latest.outcome, latest.confidence, NULL, NULL);
    UPDATE item_stats
    SET uses = uses - 1
    FROM exposures
    WHERE exposures.interaction_id = OLD.id
        AND exposures.use_number IS NOT NULL
        AND exposures.item_id = item_stats.item_id;
    DELETE FROM item_stats
    USING exposures
    WHERE exposures.interaction_id = OLD.id
        AND exposures.item_id = item_stats.item_id
        AND item_stats.uses = 0;
    RETURN OLD;
END
$$;
CREATE TRIGGER lock_item_stats BEFORE DELETE ON interactions
    FOR EACH STATEMENT EXECUTE FUNCTION lock_item_stats();
CREATE TRIGGER take_back_uses BEFORE DELETE ON interactions
    FOR EACH ROW EXECUTE FUNCTION take_back_uses();

SELECT rebuild_item_stats();

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
DECLARE
    before outcomes%ROWTYPE;
BEGIN
    LOCK TABLE item_stats IN ROW EXCLUSIVE MODE;
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
    SELECT * INTO before FROM outcomes
    WHERE interaction_id = of_interaction
    ORDER BY id DESC
    LIMIT 1;
    PERFORM move_credit(
        of_interaction, before.outcome, before.confidence, new_outcome, new_confidence
    );
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
