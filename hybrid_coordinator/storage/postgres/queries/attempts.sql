-- What models were asked, and how they did.

-- name: add
INSERT INTO route_attempts
    (interaction_id, project, task_type, complexity, position, model, endpoint, tier, latency_ms,
     confidence, outcome, tokens_in, tokens_out, cost_usd, remote, first_token_ms,
     tokens_per_second, checks, reason, rule)
SELECT
    $1, $2, $3, $4, position, model, endpoint, tier, latency, confidence, outcome, tokens_in,
    tokens_out, cost_usd, remote, first_token, speed, checks, reason, rule
FROM ROWS FROM (
    jsonb_to_recordset($5::jsonb) AS (
        model text, endpoint text, tier text, latency_ms integer, confidence double precision,
        outcome text, tokens_in integer, tokens_out integer, cost_usd double precision,
        remote boolean, first_token_ms integer, tokens_per_second double precision, checks jsonb,
        reason text, rule text
    )
) WITH ORDINALITY AS attempt (
    model, endpoint, tier, latency, confidence, outcome, tokens_in, tokens_out, cost_usd,
    remote, first_token, speed, checks, reason, rule, position
);

-- name: evidence
-- What the latest attempts tell about their models. The outcome of an interaction, or else the
-- thumb that was given, speaks for the attempt that answered it, in full; the check of an answer
-- in part. A reply that could not be used is an answer that failed its check; a model that could
-- not be asked tells nothing of its answers.
WITH latest AS (
    SELECT
        *,
        (SELECT model_used FROM interactions WHERE id = route_attempts.interaction_id) AS answering
    FROM route_attempts
    WHERE task_type IS NOT NULL AND complexity IS NOT NULL
    ORDER BY id DESC
    LIMIT $1
), judged AS (
    SELECT
        latest.*,
        row_number() OVER (
            PARTITION BY latest.interaction_id
            ORDER BY model = answering DESC, confidence DESC NULLS LAST, position
        ) = 1 AND confidence IS NOT NULL AS answered,
        CASE outcome.outcome
            WHEN 'success' THEN 1.0
            WHEN 'partial' THEN 0.5
            WHEN 'failure' THEN 0.0
            ELSE CASE outcome.user_feedback WHEN 1 THEN 1.0 WHEN -1 THEN 0.0 END
        END::double precision AS seen
    FROM latest
    LEFT JOIN LATERAL (
        SELECT outcome, user_feedback
        FROM outcomes
        WHERE outcomes.interaction_id = latest.interaction_id
        ORDER BY outcomes.id DESC
        LIMIT 1
    ) AS outcome ON true
)
SELECT
    model, task_type, complexity,
    CASE WHEN answered AND seen IS NOT NULL THEN seen ELSE coalesce(confidence, 0.0) END AS success,
    CASE WHEN answered AND seen IS NOT NULL THEN 1.0 ELSE 0.3 END::double precision AS weight
FROM judged
WHERE confidence IS NOT NULL OR outcome IN ('ModelReplyError', 'EmptyAnswerError')
ORDER BY id DESC;
