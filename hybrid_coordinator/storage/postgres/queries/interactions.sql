-- Interactions, what they were shown, and how they went.

-- name: add
-- One statement, so one round trip and one transaction. A turn that is known, or was deleted, adds
-- nothing. Uses are counted in the order of the item ids: two who add the same items at once wait
-- for each other at the first that both have.
WITH interaction AS (
    INSERT INTO interactions
        (id, project, session_id, query, response, agent_type, model_used, tokens_used, latency_ms,
         turn_key, created_at, agent, interrupted, user_name)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $21, coalesce($22, now()), $23, $24, $26
    WHERE NOT EXISTS (
        SELECT FROM forgotten WHERE turn = sha256(convert_to($21::text, 'UTF8'))
    )
    ON CONFLICT (turn_key) DO NOTHING
    RETURNING id
), given AS (
    SELECT interaction.id AS interaction_id, item.*
    FROM
        interaction,
        unnest(
            $10::uuid[], $11::smallint[], $12::double precision[], $13::double precision[],
            $14::boolean[], $15::boolean[], $16::boolean[]
        ) AS item (item_id, rank, score, propensity, withheld, cited, used)
), counted AS (
    INSERT INTO item_stats (item_id, uses, last_use)
    SELECT item_id, 1, 1 FROM given WHERE used ORDER BY item_id
    ON CONFLICT (item_id) DO UPDATE
    SET
        uses = item_stats.uses + 1,
        last_use = item_stats.last_use + 1,
        gained = faded(item_stats.gained, aged(1)),
        lost = faded(item_stats.lost, aged(1)),
        gained_lately = faded(item_stats.gained_lately, aged_fast(1)),
        lost_lately = faded(item_stats.lost_lately, aged_fast(1))
    RETURNING item_id, last_use
), shown AS (
    INSERT INTO exposures
        (interaction_id, item_id, rank, score, propensity, withheld, cited, use_number)
    SELECT interaction_id, item_id, rank, score, propensity, withheld, cited, last_use
    FROM given
    LEFT JOIN counted USING (item_id)
), led_here AS (
    UPDATE showings
    SET interaction_id = interaction.id
    FROM interaction
    WHERE showings.id = $17 AND showings.interaction_id IS NULL
), acted AS (
    INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail, at)
    SELECT interaction.id, given.* FROM interaction, given_actions($25) AS given
), tried AS (
    INSERT INTO route_attempts
        (interaction_id, project, task_type, complexity, position, model, endpoint, tier,
         latency_ms, confidence, outcome, tokens_in, tokens_out, cost_usd, remote, first_token_ms,
         tokens_per_second, checks, reason, rule)
    SELECT
        interaction.id, $2, $18, $19, position, model, endpoint, tier, latency, confidence,
        outcome, tokens_in, tokens_out, cost_usd, remote, first_token, speed, checks, reason, rule
    FROM interaction
    CROSS JOIN ROWS FROM (
        jsonb_to_recordset($20::jsonb) AS (
            model text, endpoint text, tier text, latency_ms integer, confidence double precision,
            outcome text, tokens_in integer, tokens_out integer, cost_usd double precision,
            remote boolean, first_token_ms integer, tokens_per_second double precision,
            checks jsonb, reason text, rule text
        )
    ) WITH ORDINALITY AS attempt (
        model, endpoint, tier, latency, confidence, outcome, tokens_in, tokens_out, cost_usd,
        remote, first_token, speed, checks, reason, rule, position
    )
)
SELECT id FROM interaction;

-- name: complete
-- What a fuller report of a turn adds to the stored one: more steps, the rest of the answer, or
-- that it was not broken off after all. The id of the turn if it added something.
WITH stored AS (
    SELECT
        id,
        response,
        interrupted,
        (SELECT count(*) FROM actions WHERE interaction_id = interactions.id) AS steps
    FROM interactions
    WHERE turn_key = $1
    FOR UPDATE
), fuller AS (
    SELECT id, jsonb_array_length($7::jsonb) > steps AS more_steps
    FROM stored
    WHERE jsonb_array_length($7::jsonb) > steps
        OR (interrupted AND NOT $6::boolean)
        OR (length($2::text) > length(response) AND starts_with($2, response))
), acted AS (
    INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail, at)
    SELECT fuller.id, given.* FROM fuller, given_actions($7) AS given
    WHERE more_steps
    ON CONFLICT (interaction_id, position) DO UPDATE SET
        kind = excluded.kind,
        subject = excluded.subject,
        ok = excluded.ok,
        exit_code = excluded.exit_code,
        detail = excluded.detail,
        at = excluded.at
)
UPDATE interactions
SET
    response = CASE WHEN $2 = '' THEN interactions.response ELSE $2 END,
    model_used = CASE WHEN $3 = '' THEN interactions.model_used ELSE $3 END,
    tokens_used = greatest(tokens_used, $4),
    latency_ms = greatest(latency_ms, $5),
    interrupted = interactions.interrupted AND $6,
    revision = revision + 1
FROM fuller
WHERE interactions.id = fuller.id
RETURNING interactions.id;

-- name: adopt
-- A turn that its agent tracked by itself is that interaction. It says what was asked and done in
-- the agent's words, and gets the turn's key and steps.
WITH adopted AS (
    UPDATE interactions
    SET turn_key = $2, session_id = $3, agent = $4, interrupted = $5, revision = revision + 1
    WHERE id = $1
        AND project = $6
        AND user_name = $8
        AND turn_key IS NULL
        AND NOT EXISTS (SELECT FROM interactions WHERE turn_key = $2)
    RETURNING id
), acted AS (
    INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail, at)
    SELECT adopted.id, given.* FROM adopted, given_actions($7) AS given
)
SELECT id FROM adopted;

-- name: lock_item_stats
-- First, as `append_outcome` does.
LOCK TABLE item_stats IN ROW EXCLUSIVE MODE;

-- name: expose
-- What a stored interaction was shown besides what is known of, as `add` would have counted it; the
-- outcome that it has by now is put down to that too. The caller holds the interaction's lock since
-- an earlier statement, so that this one sees the latest outcome.
WITH given AS (
    SELECT
        item.*,
        success_share(outcome) AS share,
        confidence,
        confidence * credit_weight(cited) AS sure
    FROM unnest(
        $2::uuid[], $3::smallint[], $4::double precision[], $5::double precision[],
        $6::boolean[], $7::boolean[], $8::boolean[]
    ) AS item (item_id, rank, score, propensity, withheld, cited, used)
    LEFT JOIN LATERAL (
        SELECT outcome, confidence FROM outcomes WHERE interaction_id = $1 ORDER BY id DESC LIMIT 1
    ) AS latest ON true
    WHERE NOT EXISTS (
        SELECT FROM exposures WHERE interaction_id = $1 AND exposures.item_id = item.item_id
    )
), counted AS (
    INSERT INTO item_stats
        (item_id, uses, last_use, successes, failures, gained, lost, gained_lately, lost_lately)
    SELECT
        item_id,
        1,
        1,
        coalesce(share, 0),
        coalesce(1 - share, 0),
        coalesce(share * sure, 0),
        coalesce((1 - share) * sure, 0),
        coalesce(share * confidence, 0),
        coalesce((1 - share) * confidence, 0)
    FROM given
    WHERE used
    ORDER BY item_id
    ON CONFLICT (item_id) DO UPDATE
    SET
        uses = item_stats.uses + 1,
        last_use = item_stats.last_use + 1,
        successes = item_stats.successes + excluded.successes,
        failures = item_stats.failures + excluded.failures,
        gained = faded(item_stats.gained, aged(1)) + excluded.gained,
        lost = faded(item_stats.lost, aged(1)) + excluded.lost,
        gained_lately = faded(item_stats.gained_lately, aged_fast(1)) + excluded.gained_lately,
        lost_lately = faded(item_stats.lost_lately, aged_fast(1)) + excluded.lost_lately
    RETURNING item_id, last_use
), shown AS (
    INSERT INTO exposures
        (interaction_id, item_id, rank, score, propensity, withheld, cited, use_number)
    SELECT $1, item_id, rank, score, propensity, withheld, cited, last_use
    FROM given
    LEFT JOIN counted USING (item_id)
)
UPDATE showings SET interaction_id = $1 WHERE id = $9 AND interaction_id IS NULL;

-- name: uncited
-- Which of these items the interaction was shown and is not known to have made use of.
SELECT item_id FROM exposures
WHERE interaction_id = $1 AND item_id = ANY ($2::uuid[]) AND NOT cited AND NOT withheld;

-- name: citable
-- What an answer may name of what the interaction was shown, and is not known to have made use of.
SELECT item_id, coalesce(named.title, '') AS title, coalesce(named.source, '') AS source
FROM exposures
LEFT JOIN LATERAL (
    SELECT title, source
    FROM showings
    JOIN shown_items ON showing_id = showings.id
    WHERE showings.interaction_id = exposures.interaction_id
        AND shown_items.item_id = exposures.item_id
    LIMIT 1
) AS named ON true
WHERE exposures.interaction_id = $1 AND NOT cited AND NOT exposures.withheld
ORDER BY rank, item_id;

-- name: take_back_credit
-- What an interaction's outcome was put down to: before it is put down to something else.
SELECT move_credit($1, outcome, confidence, NULL, NULL)
FROM outcomes WHERE interaction_id = $1 ORDER BY id DESC LIMIT 1;

-- name: cite
UPDATE exposures SET cited = true WHERE interaction_id = $1 AND item_id = ANY ($2::uuid[]);

-- name: give_credit
SELECT move_credit($1, NULL, NULL, outcome, confidence)
FROM outcomes WHERE interaction_id = $1 ORDER BY id DESC LIMIT 1;

-- name: known_turns
SELECT turn_key, id FROM interactions WHERE turn_key = ANY ($1::text[])
UNION ALL
-- And of those that were deleted.
SELECT given.turn_key, forgotten.id
FROM unnest($1::text[]) AS given (turn_key)
JOIN forgotten ON forgotten.turn = sha256(convert_to(given.turn_key, 'UTF8'));

-- name: same_elsewhere
-- Whether another session of the project has this very turn: its history was copied. A turn that its
-- agent tracked is known by that, since it is not in the words of the turn.
SELECT EXISTS (
    SELECT FROM interactions
    WHERE project = $1
        AND session_id IS DISTINCT FROM $2
        AND created_at BETWEEN $3::timestamptz - $6::interval AND $3::timestamptz + $6::interval
        AND query = $4
        AND response = $5
        AND turn_key IS NOT NULL
) OR EXISTS (
    SELECT FROM interactions
    WHERE id = $7::uuid
        AND project = $1
        AND session_id IS DISTINCT FROM $2
        AND turn_key IS NOT NULL
);

-- name: actions
SELECT kind, subject, ok, exit_code, detail, at
FROM actions
WHERE interaction_id = $1
ORDER BY position;

-- name: session_turns
-- The latest turns of a session, oldest first, each with its steps.
SELECT latest.*, steps.actions
FROM (
    SELECT * FROM current_interactions
    WHERE project = $1 AND session_id = $2 AND turn_key IS NOT NULL
    ORDER BY created_at DESC, id DESC
    LIMIT $3
) AS latest
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(actions) ORDER BY position) AS actions
    FROM actions
    WHERE interaction_id = latest.id
) AS steps
ORDER BY latest.created_at, latest.id;

-- name: turns_after
SELECT first.*, steps.actions
FROM (
    SELECT * FROM current_interactions
    WHERE project = $1
        AND session_id = $2
        AND turn_key IS NOT NULL
        AND ($3::timestamptz IS NULL OR (created_at, id) > ($3, $4::uuid))
    ORDER BY created_at, id
    LIMIT $5
) AS first
CROSS JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(actions) ORDER BY position) AS actions
    FROM actions
    WHERE interaction_id = first.id
) AS steps
ORDER BY first.created_at, first.id;

-- name: get_many
SELECT * FROM current_interactions WHERE id = ANY ($1::uuid[]);

-- name: exposures
SELECT item_id, rank, score, propensity, withheld, cited, use_number IS NOT NULL AS used
FROM exposures
WHERE interaction_id = $1
ORDER BY rank, item_id;

-- name: standing
-- All that an outcome is judged by, in one round trip.
SELECT stored.*, latest.components, recent.ids AS recent_ids, recent.queries AS recent_queries
FROM current_interactions AS stored
LEFT JOIN LATERAL (
    SELECT components FROM outcomes WHERE interaction_id = stored.id ORDER BY id DESC LIMIT 1
) AS latest ON true
CROSS JOIN LATERAL (
    SELECT
        array_agg(earlier.id ORDER BY created_at DESC, id DESC) AS ids,
        array_agg(earlier.query ORDER BY created_at DESC, id DESC) AS queries
    FROM (
        SELECT id, query, created_at
        FROM interactions
        WHERE project = stored.project AND (created_at, id) < (stored.created_at, stored.id)
        ORDER BY created_at DESC, id DESC
        LIMIT $2
    ) AS earlier
) AS recent
WHERE stored.id = $1;

-- name: set_outcome
SELECT append_outcome($1, $2, $3, $4, $5, $6, $7, $8);

-- name: set_outcome_and_jobs
-- In one statement, so that nobody who wants the rows that it locks waits for our round trips.
WITH outcome AS MATERIALIZED (
    SELECT append_outcome($1, $2, $3, $4, $5, $6, $7, $8) AS appended
)
SELECT appended, CASE WHEN appended THEN change_jobs($9, $10) END FROM outcome;

-- name: unprojected
SELECT * FROM current_interactions
WHERE projected < revision
ORDER BY created_at, id
LIMIT $1;

-- name: count_unprojected
SELECT count(*) FROM interactions WHERE projected < revision;

-- name: mark_projected
-- Never backwards: a slow writer must not hide a newer revision that is projected already. A mark
-- that a crash takes away is made once more, so it does not wait for the disk: outcomes would wait
-- for it there, and for its locks.
WITH commit AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
),

-- Held until the mark is made: the switch to another generation comes before or after, and takes
-- its own marks for those of this one.
serving AS MATERIALIZED (
    SELECT number FROM index_generations WHERE state = 'serving' AND number = $3 FOR SHARE
),

-- Whoever locks many locks them in the order of their ids.
locked AS MATERIALIZED (
    SELECT id FROM interactions WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
),

marked AS (
    UPDATE interactions
    SET projected = mark.revision
    FROM commit, serving, locked
    JOIN unnest($1::uuid[], $2::integer[]) AS mark (id, revision) USING (id)
    WHERE interactions.id = locked.id AND interactions.projected < mark.revision
)

SELECT number FROM serving;

-- name: mark_all_unprojected
-- A new revision: a projection under way marks the old one, which then does not count.
-- What was looked at for failures stays so: nothing became known.
WITH locked AS MATERIALIZED (
    SELECT id FROM interactions ORDER BY id FOR NO KEY UPDATE
)

UPDATE interactions
SET
    revision = revision + 1,
    examined = CASE WHEN examined = revision THEN revision + 1 ELSE examined END
FROM locked
WHERE interactions.id = locked.id;

-- name: unbuilt
SELECT * FROM current_interactions
WHERE built < revision AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2;

-- name: mark_built
WITH locked AS MATERIALIZED (
    SELECT id FROM interactions WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
)

UPDATE interactions
SET built = mark.revision
FROM locked
JOIN unnest($1::uuid[], $2::integer[]) AS mark (id, revision) USING (id)
WHERE interactions.id = locked.id AND interactions.built < mark.revision;

-- name: item_stats
WITH own AS (
    SELECT * FROM item_stats WHERE item_id = ANY ($1::uuid[])
), elsewhere AS (
    -- A use there says as much as one here to which the item was shown.
    SELECT
        item_id,
        credit_weight(false) * sum(imported_knowledge.successes) AS gained,
        credit_weight(false) * sum(judged - imported_knowledge.successes) AS lost
    FROM imported_knowledge
    WHERE item_id = ANY ($1::uuid[]) AND judged > 0
    GROUP BY item_id
)
SELECT
    item_id,
    coalesce(uses, 0) AS uses,
    -- The denominator is 0 while no outcome is known.
    CASE
        WHEN successes + failures > 0 THEN successes / (successes + failures)
    END AS success_rate,
    coalesce(own.gained, 0) AS gained,
    coalesce(own.lost, 0) AS lost,
    coalesce(elsewhere.gained, 0) AS gained_elsewhere,
    coalesce(elsewhere.lost, 0) AS lost_elsewhere
FROM own
FULL JOIN elsewhere USING (item_id);

-- name: past_uses
-- What is known to have been shown together is compared with each other: that all of it was there
-- when the work went well says nothing of a part of it.
WITH uses AS (
    SELECT
        exposures.interaction_id,
        item_id,
        score IS NOT NULL AS compared,
        CASE WHEN use_number IS NULL THEN 0 ELSE credit_weight(cited) END
            * (2 * success_share(outcome) - 1) * confidence AS credit
    FROM exposures
    CROSS JOIN LATERAL (
        SELECT outcome, confidence FROM outcomes
        WHERE outcomes.interaction_id = exposures.interaction_id
        ORDER BY outcomes.id DESC
        LIMIT 1
    ) AS latest
    WHERE exposures.interaction_id = ANY ($1::uuid[])
        AND NOT withheld
        AND success_share(outcome) IS NOT NULL
), weighed AS (
    SELECT
        interaction_id,
        item_id,
        CASE
            WHEN compared THEN credit - avg(credit) OVER (PARTITION BY interaction_id)
            ELSE credit
        END AS credit
    FROM uses
)
SELECT * FROM weighed WHERE item_id = ANY ($2::uuid[]);

-- name: page
SELECT * FROM current_interactions WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2;
