-- Money for remote calls, set aside before a call and put right after it.

-- name: lock
-- Held until the transaction ends. A statement sees what was committed when it began, so the sum
-- is taken by another statement, after this one got the lock.
SELECT pg_advisory_xact_lock(hashtextextended('spend', 0));

-- name: reserve
INSERT INTO spend (day, model, amount_usd)
SELECT given.day, given.model, given.amount
-- Numeric, so that thirty times ten cents are three dollars.
FROM (SELECT $1::date AS day, $2::text AS model, $3::double precision AS amount) AS given
WHERE given.amount::numeric
    + (SELECT coalesce(sum(amount_usd::numeric), 0) FROM spend WHERE spend.day = given.day)
    <= $4::double precision::numeric
RETURNING id;

-- name: settle
UPDATE spend SET amount_usd = $2, settled = true WHERE id = $1 AND NOT settled;

-- name: release
DELETE FROM spend WHERE id = $1 AND NOT settled;

-- name: spent
SELECT coalesce(sum(amount_usd::numeric), 0)::double precision FROM spend WHERE day = $1;

-- name: by_day_and_model
SELECT
    day,
    model,
    count(*) FILTER (WHERE settled) AS calls,
    coalesce(sum(amount_usd::numeric) FILTER (WHERE settled), 0)::double precision AS spent_usd,
    coalesce(sum(amount_usd::numeric) FILTER (WHERE NOT settled), 0)::double precision
        AS reserved_usd
FROM spend
WHERE day >= $1
GROUP BY day, model
ORDER BY day DESC, model;
