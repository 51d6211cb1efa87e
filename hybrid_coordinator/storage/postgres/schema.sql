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
    interrupted boolean NOT NULL DEFAULT false
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
    PRIMARY KEY (interaction_id, item_id),
    CHECK (NOT (withheld AND cited))
);
CREATE INDEX exposures_item ON exposures (item_id) INCLUDE (interaction_id);

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
    -- Emptied once the event is in a turn, or will never be.
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
    PRIMARY KEY (project, directory)
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
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_turn ON jobs (tries, id) WHERE NOT parked;

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

-- Take the next job of these kinds, with its lock, which the session keeps. At most one row. A
-- try is counted when it begins: a job that takes its process down is given up in the end too.
CREATE FUNCTION claim_job(kinds text[]) RETURNS SETOF jobs
LANGUAGE plpgsql AS $$
DECLARE
    candidate integer;
BEGIN
    FOR candidate IN
        SELECT id FROM jobs
        WHERE kind = ANY (kinds) AND NOT parked AND job_is_due(tried_at, rest)
        ORDER BY tries, id
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

CREATE TABLE datasets (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format     text NOT NULL,
    directory  text NOT NULL,
    examples   integer NOT NULL CHECK (examples >= 0),
    manifest   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
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
