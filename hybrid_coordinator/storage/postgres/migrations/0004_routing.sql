-- What routing decides by and learns from: attempts in full, money, recorded answers.

-- A call that no model could answer has attempts, too, and no interaction.
ALTER TABLE route_attempts
    ALTER COLUMN interaction_id DROP NOT NULL,
    ADD COLUMN project text,
    ADD COLUMN task_type text,
    ADD COLUMN complexity text,
    ADD COLUMN remote boolean NOT NULL DEFAULT false,
    ADD COLUMN first_token_ms integer CHECK (first_token_ms >= 0),
    ADD COLUMN tokens_per_second double precision,
    -- What the checks found, by name, and the reasons for the confidence.
    ADD COLUMN checks jsonb,
    ADD COLUMN reason text NOT NULL DEFAULT '',
    -- Which rule or mode asked for the attempt.
    ADD COLUMN rule text NOT NULL DEFAULT '';
UPDATE route_attempts
SET project = interactions.project
FROM interactions
WHERE interactions.id = route_attempts.interaction_id;
ALTER TABLE route_attempts ALTER COLUMN project SET NOT NULL;
CREATE INDEX route_attempts_evidence ON route_attempts (task_type, complexity, model, id DESC);
CREATE INDEX route_attempts_created ON route_attempts (created_at, id);

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
