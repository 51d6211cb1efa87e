-- The schema that the migrations add up to, to be read; it is never applied.

CREATE TABLE interactions (
    id          uuid PRIMARY KEY,
    project     text NOT NULL,
    session_id  text,
    query       text NOT NULL,
    response    text NOT NULL,
    agent_type  text NOT NULL CHECK (agent_type IN ('remote', 'local')),
    model_used  text NOT NULL,
    tokens_used integer NOT NULL CHECK (tokens_used >= 0),
    latency_ms  integer NOT NULL CHECK (latency_ms >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- Bumped by every change that the index must follow; `projected` is the revision it has.
    revision    integer NOT NULL DEFAULT 1,
    projected   integer NOT NULL DEFAULT 0,
    -- The revision that the generation of the index under construction has.
    built       integer NOT NULL DEFAULT 0,
    -- What a turn of a coding session is known by, however often it is reported.
    turn_key    text UNIQUE,
    -- The subagent whose turn it was; NULL for the session's own.
    agent       text,
    -- Whether the user broke it off.
    interrupted boolean NOT NULL DEFAULT false,
    -- Behind the view, which does not tell of it: the revision that was last looked at for
    -- failures and what solved them.
    examined    integer NOT NULL DEFAULT 0,
    -- Whose it is; the home's owner's where nobody else was told.
    user_name   text NOT NULL DEFAULT 'local'
);
CREATE INDEX interactions_created ON interactions (created_at, id);
CREATE INDEX interactions_project_created ON interactions (project, created_at, id);
CREATE INDEX interactions_session ON interactions (project, session_id, created_at, id);
CREATE INDEX interactions_unprojected ON interactions (created_at, id) WHERE projected < revision;

-- Which item was shown in which interaction. Items live in several places (code on disk,
-- knowledge, other interactions), so item_id refers to no single table.
CREATE TABLE exposures (
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    item_id        uuid NOT NULL,
    rank           smallint NOT NULL CHECK (rank >= 1),
    score          double precision,
    -- How likely the item was to be shown once it was chosen; some are held back so that their
    -- worth can be told.
    propensity     double precision CHECK (propensity > 0 AND propensity <= 1),
    withheld       boolean NOT NULL DEFAULT false,
    -- Whether the answer made use of it.
    cited          boolean NOT NULL DEFAULT false,
    -- Counts the uses of the item from 1. NULL where this is none: it was held back, or was shown
    -- and not named as context by whoever did the work.
    use_number     bigint CHECK (use_number >= 1),
    PRIMARY KEY (interaction_id, item_id),
    CHECK (NOT (withheld AND cited)),
    CHECK (NOT (withheld AND use_number IS NOT NULL))
);
CREATE INDEX exposures_item ON exposures (item_id) INCLUDE (interaction_id);
-- Where chance decided whether the item was shown.
CREATE INDEX exposures_randomised ON exposures (interaction_id) WHERE propensity < 1;

-- What `augment_query` showed, before it is known which interaction that was for.
CREATE TABLE showings (
    id         uuid PRIMARY KEY,
    project    text NOT NULL,
    session_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The first interaction that it was for.
    interaction_id uuid REFERENCES interactions (id) ON DELETE CASCADE,
    -- Whom it was shown to.
    user_name text NOT NULL DEFAULT 'local'
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

-- Append-only: the latest row of an interaction is its outcome.
CREATE TABLE outcomes (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    outcome        text NOT NULL CHECK (outcome IN ('success', 'partial', 'failure', 'unknown')),
    user_feedback  smallint NOT NULL CHECK (user_feedback IN (-1, 0, 1)),
    evidence       text,
    value_score    double precision NOT NULL CHECK (value_score BETWEEN 0 AND 1),
    components     jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    -- Whether the agent or the user stated it, or it was inferred from what was seen, and how
    -- sure it is.
    source         text NOT NULL DEFAULT 'stated' CHECK (source IN ('stated', 'inferred')),
    confidence     double precision NOT NULL DEFAULT 1
        CHECK (confidence > 0 AND confidence <= 1)
);
CREATE INDEX outcomes_interaction ON outcomes (interaction_id, id DESC) INCLUDE (outcome);

-- An interaction with its outcome and the number of items it was shown.
CREATE VIEW current_interactions AS
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

-- Append an outcome unless the latest one says as much: evidence that is not given again was
-- given once, and stays. What was inferred never takes the place of what was stated. True if
-- appended, NULL if there is no such interaction. A function, since the comparison must see what
-- a caller who held the lock before has committed: each statement in here has its own snapshot,
-- a single query has the one from before it waited.
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

-- Steps of a turn as they are given, as the rows of `actions` that they are.
CREATE FUNCTION given_actions(given jsonb) RETURNS TABLE (
    "position" bigint,
    kind       text,
    subject    text,
    ok         boolean,
    exit_code  integer,
    detail     text,
    at         timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT position, kind, subject, ok, exit_code, detail, at
    FROM ROWS FROM (
        jsonb_to_recordset(given) AS (
            kind text, subject text, ok boolean, exit_code integer, detail text, at timestamptz
        )
    ) WITH ORDINALITY AS action (kind, subject, ok, exit_code, detail, at, position)
$$;

-- What the hooks of coding agents tell, until it is a turn.
CREATE TABLE captured_events (
    -- The event's own, so that one which is told twice is one.
    key         text PRIMARY KEY,
    session_id  text NOT NULL,
    kind        text NOT NULL CHECK (kind IN (
        'session_start', 'prompt', 'message', 'action', 'stop', 'failed', 'subagent_stop',
        'session_end'
    )),
    -- By the clock of the hook, and by one that does not go back, in nanoseconds.
    at          timestamptz NOT NULL,
    tick        bigint NOT NULL,
    project     text NOT NULL,
    prompt_id   text,
    agent_id    text,
    -- Of a prompt, and the how manyeth time its thread of the session had it: these two are kept,
    -- since the key of a turn is made of them.
    digest      text,
    occurrence  integer CHECK (occurrence >= 1),
    -- The context that was injected.
    showing_id  uuid,
    -- Whether its turn is in the record; the turn may still go on.
    recorded    boolean NOT NULL DEFAULT false,
    -- Emptied once the event's turn is over, or where there is none.
    content     jsonb NOT NULL,
    done        boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX captured_events_open ON captured_events (session_id) WHERE NOT done;
CREATE INDEX captured_events_received ON captured_events (received_at);
CREATE UNIQUE INDEX captured_events_occurrence
    ON captured_events (session_id, coalesce(agent_id, ''), digest, occurrence)
    WHERE occurrence IS NOT NULL;

-- Append-only deltas: the row of the highest version is what is known now.
CREATE TABLE knowledge_items (
    id         uuid NOT NULL,
    version    integer NOT NULL CHECK (version >= 1),
    delta      text NOT NULL CHECK (delta IN ('ADD', 'UPDATE', 'MERGE', 'DEPRECATE')),
    collection text NOT NULL,
    project    text NOT NULL,
    title      text NOT NULL,
    content    text NOT NULL,
    fields     jsonb NOT NULL,
    -- Of the entry: every version carries it on.
    created_at timestamptz NOT NULL,
    -- Of the version.
    updated_at timestamptz NOT NULL,
    projected  boolean NOT NULL DEFAULT false,
    built      boolean NOT NULL DEFAULT false,
    -- Where the entry comes from, and why this change was made.
    origin     text NOT NULL DEFAULT 'stated'
        CHECK (origin IN ('stated', 'pattern', 'failure', 'skill', 'import')),
    reason     text NOT NULL DEFAULT '',
    PRIMARY KEY (id, version)
);
CREATE INDEX knowledge_items_unprojected ON knowledge_items (updated_at, id) WHERE NOT projected;

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

-- Entries about the same error are found by its signature.
CREATE INDEX knowledge_items_signature ON knowledge_items ((fields ->> 'error_signature'))
    WHERE fields ? 'error_signature';

CREATE INDEX interactions_unexamined ON interactions (created_at, id) WHERE examined < revision;

-- Skills that were found in what was done again and again, for a person to accept or reject.

CREATE TABLE skill_proposals (
    id           uuid PRIMARY KEY,
    project      text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('new', 'revision')),
    -- The entry that it became, or is to change; a revision also names the version it was
    -- compared with.
    item_id      uuid,
    base_version integer,
    title        text NOT NULL,
    content      text NOT NULL,
    fields       jsonb NOT NULL,
    -- What it rests on: nothing is proposed on less.
    members      integer NOT NULL CHECK (members >= 3),
    sessions     integer NOT NULL CHECK (sessions >= 2),
    successes    integer NOT NULL CHECK (successes >= 2),
    failures     integer NOT NULL CHECK (failures >= 0),
    -- How well a revision and what it would replace were found by tasks held out, null for new.
    replay       jsonb,
    state        text NOT NULL CHECK (state IN ('proposed', 'accepted', 'rejected', 'retired')),
    reason       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'revision') = (base_version IS NOT NULL)),
    CHECK (item_id IS NOT NULL OR state IN ('proposed', 'rejected'))
);
CREATE INDEX skill_proposals_project ON skill_proposals (project, created_at);
CREATE INDEX skill_proposals_item ON skill_proposals (item_id);

CREATE TABLE skill_members (
    proposal_id    uuid NOT NULL REFERENCES skill_proposals (id) ON DELETE CASCADE,
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    -- Kept from the text, so that it can be judged by it.
    held_out       boolean NOT NULL,
    -- Whether the text has its words, or those of its answer.
    quoted         boolean NOT NULL,
    PRIMARY KEY (proposal_id, interaction_id)
);
CREATE INDEX skill_members_interaction ON skill_members (interaction_id);

-- A proposal goes with an interaction that it quotes, and when it would rest on too little; so does
-- the job to word it.
CREATE FUNCTION forget_proposal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM skill_proposals
    WHERE id = OLD.proposal_id
        AND (
            OLD.quoted
            OR (SELECT count(*) FROM skill_members WHERE proposal_id = OLD.proposal_id) < 3
        );
    DELETE FROM jobs
    WHERE kind = 'word_skill'
        AND subject = OLD.proposal_id::text
        AND NOT EXISTS (SELECT FROM skill_proposals WHERE id = OLD.proposal_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER skill_members_forgotten AFTER DELETE ON skill_members
FOR EACH ROW EXECUTE FUNCTION forget_proposal();

-- Up to which outcome the last search for skills of a project has seen.
CREATE TABLE skill_passes (
    project   text PRIMARY KEY,
    outcome   bigint NOT NULL,
    passed_at timestamptz NOT NULL DEFAULT now()
);

-- What was deleted, by nothing but its id: its point has yet to leave the index, and a turn that
-- is reported again is not recorded again.
CREATE TABLE forgotten (
    id           uuid PRIMARY KEY,
    collection   text NOT NULL,
    -- The last version of an entry: one that is stored under the same id goes on from there, so
    -- that no mark of the old one holds for it.
    version      integer NOT NULL DEFAULT 0,
    -- SHA-256 of the turn's key.
    turn         bytea,
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    -- How often the point was taken out of the index. Once is not enough where another
    -- coordinator has read the row before and stores the point after.
    removals     smallint NOT NULL DEFAULT 0
);
CREATE INDEX forgotten_pending ON forgotten (forgotten_at, id) WHERE removals < 2;
CREATE INDEX forgotten_turn ON forgotten (turn) WHERE turn IS NOT NULL;

-- Who this record is to others: a random id, which tells nothing else.
CREATE TABLE machine (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
INSERT INTO machine DEFAULT VALUES;

-- What other machines know of an entry: evidence beside our own, once for each machine, however
-- many files it came in.
CREATE TABLE imported_knowledge (
    item_id     uuid NOT NULL,
    machine     uuid NOT NULL,
    -- Of the entry there.
    version     integer NOT NULL CHECK (version >= 1),
    origin      text NOT NULL,
    supports    integer NOT NULL CHECK (supports >= 0),
    against     integer NOT NULL CHECK (against >= 0),
    uses        integer NOT NULL CHECK (uses >= 0),
    -- A partial success counts half.
    successes   double precision NOT NULL CHECK (successes >= 0),
    -- Uses whose outcome is known.
    judged      integer NOT NULL CHECK (judged >= 0),
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, machine)
);

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
INSERT INTO index_generations (number, state) VALUES (1, 'serving');

CREATE FUNCTION serving_generation() RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT number FROM index_generations WHERE state = 'serving'
$$;

-- The manifest of indexed files: what is in codebase-context, and of which content.
CREATE TABLE source_files (
    project      text NOT NULL,
    root         text NOT NULL,
    path         text NOT NULL,
    content_hash text NOT NULL,
    chunk_ids    uuid[] NOT NULL,
    indexed_at   timestamptz NOT NULL DEFAULT now(),
    -- What the file system said of the file when its content was read; '' where that says too
    -- little.
    stamp        text NOT NULL DEFAULT '',
    generation   integer NOT NULL REFERENCES index_generations (number) ON DELETE CASCADE,
    PRIMARY KEY (generation, project, root, path)
);

-- Directories whose changes are followed while the coordinator runs.
CREATE TABLE watched_directories (
    project   text NOT NULL,
    directory text NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    -- The id of the home whose coordinator follows it; '' is of before homes were told apart, and
    -- whoever has the directory takes it.
    home      text NOT NULL DEFAULT '',
    PRIMARY KEY (project, directory, home)
);

-- What a model was asked and how it did. A call that no model could answer has attempts, too, and
-- no interaction.
CREATE TABLE route_attempts (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interaction_id    uuid REFERENCES interactions (id) ON DELETE CASCADE,
    position          smallint NOT NULL CHECK (position >= 1),
    model             text NOT NULL,
    endpoint          text NOT NULL,
    tier              text NOT NULL,
    latency_ms        integer NOT NULL CHECK (latency_ms >= 0),
    confidence        double precision,
    outcome           text NOT NULL,
    tokens_in         integer NOT NULL CHECK (tokens_in >= 0),
    tokens_out        integer NOT NULL CHECK (tokens_out >= 0),
    cost_usd          double precision,
    created_at        timestamptz NOT NULL DEFAULT now(),
    project           text NOT NULL,
    task_type         text,
    complexity        text,
    remote            boolean NOT NULL DEFAULT false,
    first_token_ms    integer CHECK (first_token_ms >= 0),
    tokens_per_second double precision,
    -- What the checks found, by name, and the reasons for the confidence.
    checks            jsonb,
    reason            text NOT NULL DEFAULT '',
    -- Which rule or mode asked for the attempt.
    rule              text NOT NULL DEFAULT ''
);
CREATE INDEX route_attempts_interaction ON route_attempts (interaction_id);
CREATE INDEX route_attempts_evidence ON route_attempts (task_type, complexity, model, id DESC);
CREATE INDEX route_attempts_created ON route_attempts (created_at, id);

-- Work that needs a model, or time, and so is done behind the callers. A row is a job that is not
-- done. Who works on one holds the advisory lock (1785684595, id), "jobs" in ASCII: the server
-- lets go of it with the connection of a process that dies, and no clock is asked.
CREATE TABLE jobs (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    -- What it is about.
    subject    text NOT NULL,
    project    text NOT NULL,
    payload    jsonb NOT NULL,
    -- Given up, until somebody says otherwise.
    parked     boolean NOT NULL DEFAULT false,
    tries      integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    -- What the last try, or the wait, came to.
    reason     text NOT NULL DEFAULT '',
    -- Counts how often it was taken: who took it earlier has lost it.
    claim      integer NOT NULL DEFAULT 0,
    -- Counts how often it was ordered: what was begun before the last order does not do.
    asked      integer NOT NULL DEFAULT 1,
    -- It rests for so many seconds after that.
    tried_at   timestamptz,
    rest       double precision NOT NULL DEFAULT 0 CHECK (rest >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- What is worth more is done first.
    worth      double precision NOT NULL DEFAULT 1,
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_turn ON jobs (tries, worth DESC, id DESC) WHERE NOT parked;

CREATE VIEW job_states AS
SELECT
    jobs.*,
    CASE
        WHEN id IN (
            SELECT objid::bigint FROM pg_locks
            WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = 1785684595
                AND objsubid = 2
        ) THEN 'running'
        WHEN parked THEN 'parked'
        ELSE 'waiting'
    END AS state
FROM jobs;

-- Whether a job has rested enough. A clock that was set back to before the last try tells nothing
-- of how long that is ago: the job is taken up rather than left lying until the clock is there.
CREATE FUNCTION job_is_due(tried_at timestamptz, rest double precision) RETURNS boolean
LANGUAGE sql STABLE
RETURN tried_at IS NULL OR now() < tried_at OR now() >= tried_at + make_interval(secs => rest);

-- Take the next job of these kinds, with its lock, which the session keeps. At most one row. What
-- is worth most comes first, then the newest, so that what was just done need not wait for a
-- thousand imported things. A try is counted when it begins: a job that takes its process down is
-- given up in the end too.
CREATE FUNCTION claim_job(kinds text[]) RETURNS SETOF jobs
LANGUAGE plpgsql AS $$
DECLARE
    candidate integer;
BEGIN
    FOR candidate IN
        SELECT id FROM jobs
        WHERE kind = ANY (kinds) AND NOT parked AND job_is_due(tried_at, rest)
        ORDER BY tries, worth DESC, id DESC
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_lock(1785684595, candidate);
        -- It may have been done since it was listed: this statement sees what is there now.
        RETURN QUERY
            UPDATE jobs
            SET tries = tries + 1, claim = claim + 1, tried_at = now(), rest = 0
            WHERE id = candidate AND NOT parked AND job_is_due(tried_at, rest)
            RETURNING *;
        IF FOUND THEN
            RETURN;
        END IF;
        PERFORM pg_advisory_unlock(1785684595, candidate);
    END LOOP;
END
$$;

-- Withdraw jobs, each given by its kind and subject, and order others. A function, since it comes in
-- one statement with what has waited for a lock: each statement in here sees what was committed
-- until then. Ordered again, a job starts afresh; whoever works on it sees that it was.
CREATE FUNCTION change_jobs(withdrawn jsonb, ordered jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM jobs
    USING jsonb_to_recordset(withdrawn) AS given (kind text, subject text)
    WHERE jobs.kind = given.kind AND jobs.subject = given.subject;
    INSERT INTO jobs (kind, subject, project, payload, worth)
    SELECT kind, subject, project, payload, worth
    FROM jsonb_to_recordset(ordered) AS given (
        kind text, subject text, project text, payload jsonb, worth double precision
    )
    ON CONFLICT (kind, subject) DO UPDATE
    SET
        project = excluded.project,
        payload = excluded.payload,
        worth = excluded.worth,
        parked = false,
        tries = 0,
        reason = '',
        asked = jobs.asked + 1,
        rest = 0;
    -- An order may say how many of its kind wait in its project: what is worth least goes, and
    -- nothing that was begun. What others hold is not waited for: it is begun, or goes too.
    DELETE FROM jobs
    WHERE id IN (
        SELECT id
        FROM jobs
        WHERE claim = 0 AND id IN (
            SELECT id
            FROM (
                SELECT
                    id,
                    most,
                    row_number() OVER (
                        PARTITION BY kind, project ORDER BY worth DESC, id DESC
                    ) AS place
                FROM (
                    SELECT DISTINCT kind, project, most
                    FROM jsonb_to_recordset(ordered)
                        AS given (kind text, project text, most integer)
                ) AS bounds
                JOIN jobs USING (kind, project)
                WHERE claim = 0 AND NOT parked
            ) AS ranked
            WHERE place > most
        )
        FOR UPDATE SKIP LOCKED
    );
END
$$;

CREATE TABLE datasets (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format     text NOT NULL,
    directory  text NOT NULL,
    examples   integer NOT NULL CHECK (examples >= 0),
    manifest   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- An interaction that was once an example stays in its split for good, whatever is recorded or
-- deleted after it, and so do the near-duplicates of its task and the rest of its session.
CREATE TABLE training_groups (
    interaction_id uuid PRIMARY KEY REFERENCES interactions (id) ON DELETE CASCADE,
    split          text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    -- What near-duplicate tasks have in common, and the MinHash signature they are known by.
    task_group     bytea NOT NULL,
    signature      bytea NOT NULL
);

-- Money for remote calls: set aside before a call, at the most that it can cost, and put right
-- after it. What a killed process leaves stays set aside for its day.
CREATE TABLE spend (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day        date NOT NULL,
    model      text NOT NULL,
    amount_usd double precision NOT NULL CHECK (amount_usd >= 0),
    settled    boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX spend_day ON spend (day) INCLUDE (amount_usd);

-- Answers that passed their check, by all that led to them.
CREATE TABLE cached_answers (
    key        bytea PRIMARY KEY,
    -- Requests that may stand for each other but for their wording; `vector` is the prompt's.
    family     bytea NOT NULL,
    prompt     text NOT NULL,
    vector     real[],
    answer     jsonb NOT NULL,
    bytes      integer NOT NULL CHECK (bytes >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX cached_answers_created ON cached_answers (created_at);
CREATE INDEX cached_answers_used ON cached_answers (used_at DESC, key) INCLUDE (bytes);
CREATE INDEX cached_answers_family ON cached_answers (family, created_at);

-- Session files of coding agents whose turns are in the record. A file that was changed since is
-- read again; `since` is the time from which its turns were wanted, NULL for all of them.
CREATE TABLE imported_files (
    path        text PRIMARY KEY,
    bytes       bigint NOT NULL,
    modified_ns bigint NOT NULL,
    since       timestamptz,
    imported_at timestamptz NOT NULL DEFAULT now()
);

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

-- Errors that count only once they have come up in two sessions.
CREATE TABLE error_sightings (
    -- The key of the error's signature.
    signature      uuid NOT NULL,
    interaction_id uuid NOT NULL REFERENCES interactions ON DELETE CASCADE,
    PRIMARY KEY (signature, interaction_id)
);
CREATE INDEX error_sightings_interaction ON error_sightings (interaction_id);

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


-- What turns with every change of knowledge and of the code in the index.
CREATE INDEX knowledge_items_updated ON knowledge_items (updated_at);
CREATE INDEX source_files_indexed ON source_files (indexed_at);
