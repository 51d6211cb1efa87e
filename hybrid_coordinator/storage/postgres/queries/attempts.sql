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
