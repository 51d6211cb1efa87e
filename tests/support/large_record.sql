-- A record of months of work, for what has to hold at a hundred thousand interactions. Chance is a
-- hash of the row's number, so that the same rows come every time. What is stored through a
-- function of the record is stored through it; the rest obeys the same rules.
--
-- `large.interactions` says how many interactions there are to be.

-- In 0-1, by what it is for.
CREATE FUNCTION pg_temp.chance(n bigint, what bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, what) & 1073741823) / 1073741824.0;

CREATE FUNCTION pg_temp.one_of(choices text[], n bigint, what bigint) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN choices[1 + floor(pg_temp.chance(n, what) * cardinality(choices))::integer];

-- A UUIDv7: its time, and the row's number for the rest.
CREATE FUNCTION pg_temp.id_at(at timestamptz, n bigint) RETURNS uuid
LANGUAGE sql STABLE
RETURN (
    lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
    || '7' || lpad(to_hex(n & 4095), 3, '0') || '8' || substr(md5(n::text), 1, 15)
)::uuid;

-- Names of projects, models and files are other people's words, too.
CREATE FUNCTION pg_temp.hostile() RETURNS text
LANGUAGE sql IMMUTABLE
RETURN '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>${window.hurt=1}';

-- Ninety days of work, more of it lately.
CREATE TEMPORARY TABLE work AS
SELECT
    n,
    pg_temp.id_at(at, n) AS id,
    at,
    CASE
        WHEN n % 5000 = 77 THEN 'hostile ' || pg_temp.hostile()
        WHEN pg_temp.chance(n, 1) < 0.55 THEN 'shop-1a2b3c4d'
        WHEN pg_temp.chance(n, 1) < 0.85 THEN 'website-5e6f7a8b'
        ELSE 'infrastructure-9c0d1e2f'
    END AS project,
    'session-' || n / 14 AS session,
    -- Who worked: the agent itself, or a model that was asked, and what was escalated to another.
    pg_temp.chance(n, 2) < 0.4 AS by_agent,
    pg_temp.chance(n, 3) < 0.35 AS fast_failed,
    pg_temp.chance(n, 4) < 0.25 AS local_failed,
    -- Things go better with time.
    pg_temp.chance(n, 5) - 0.15 * n / total AS luck,
    pg_temp.chance(n, 6) < 0.85 AS judged,
    pg_temp.one_of(ARRAY['Fix', 'Explain', 'Refactor', 'Add a test for', 'Review', 'Document',
        'Speed up', 'Find out what breaks'], n, 7) AS verb,
    pg_temp.one_of(ARRAY['the invoice total', 'tax rounding', 'the mail relay', 'the retry loop',
        'session expiry', 'the CSV import', 'the search index', 'pagination', 'the login form',
        'the payment webhook', 'stock levels', 'the nightly report', 'currency conversion',
        'address validation', 'the image cache', 'feature flags'], n, 8) AS thing,
    pg_temp.one_of(ARRAY['it times out under load', 'one test fails on Mondays',
        'the result is off by a cent', 'it raises KeyError', 'two writers race',
        'the page is blank', 'memory grows', 'the log is full of warnings'], n, 9) AS trouble,
    pg_temp.one_of(ARRAY['template', 'format', 'edit', 'generation', 'analysis', 'planning',
        'debugging', 'question'], n, 10) AS task_type,
    pg_temp.one_of(ARRAY['simple', 'simple', 'moderate', 'complex'], n, 11) AS complexity
FROM (
    SELECT
        n,
        total,
        now() - interval '90 days' * (1 - sqrt(n::double precision / total)) - interval '1 minute'
            AS at
    FROM
        (SELECT current_setting('large.interactions')::bigint AS total) AS wanted,
        generate_series(1, total) AS n
) AS times;
CREATE INDEX ON work (n);
ANALYZE work;

CREATE TEMPORARY TABLE asked AS
SELECT
    work.*,
    CASE
        WHEN by_agent THEN 'claude-opus-4-1'
        WHEN fast_failed AND local_failed THEN 'claude-sonnet-4-5'
        WHEN fast_failed THEN 'qwen3-coder-30b'
        ELSE 'gemma-3n-e4b'
    END AS model,
    by_agent OR (fast_failed AND local_failed) AS remote
FROM work;
CREATE INDEX ON asked (n);
ANALYZE asked;

INSERT INTO interactions
    (id, project, session_id, query, response, agent_type, model_used, tokens_used, latency_ms,
     created_at, projected, examined)
SELECT
    id,
    project,
    session,
    format('%s %s in %s/%s.py: %s (#%s)%s', verb, thing, left(project, 4), translate(thing, ' ', '_'), trouble, n,
        CASE WHEN n % 5000 = 77 THEN ' ' || pg_temp.hostile() END),
    format(
        E'%s: the cause is in `%s_%s`, which is called twice where %s.\n\n```python\ndef step_%s(rows: '
        'list[int]) -> int:\n    """Counts each row once."""\n    return sum(set(rows)) - %s\n```\n\n'
        'The tests of %s pass with it, and the figures of %s are as they were before.%s',
        initcap(verb), left(md5(thing), 6), n % 97, trouble, n, n % 13, thing, thing,
        CASE WHEN n % 5000 = 77 THEN ' ' || pg_temp.hostile() END
    ),
    CASE WHEN remote THEN 'remote' ELSE 'local' END,
    CASE WHEN n % 5000 = 77 THEN model || pg_temp.hostile() ELSE model END,
    400 + floor(pg_temp.chance(n, 12) * CASE WHEN by_agent THEN 9000 ELSE 2500 END)::integer,
    CASE WHEN by_agent THEN 0 ELSE 300 + floor(pg_temp.chance(n, 13) ^ 3 * 20000)::integer END,
    at,
    -- In the index are the latest of them alone: what it holds is none of this record's business.
    (n <= current_setting('large.interactions')::bigint - 100)::integer,
    1
FROM asked;

-- What was learned: 300 entries, some of several versions, some out of use.
CREATE TEMPORARY TABLE lessons AS
SELECT
    k,
    md5('lesson ' || k)::uuid AS id,
    (ARRAY['skills-patterns', 'error-solutions', 'best-practices'])[1 + k % 3] AS collection,
    CASE WHEN k % 10 = 0 THEN 'global' ELSE (SELECT project FROM asked WHERE n = k) END AS project,
    CASE k % 3
        WHEN 0 THEN (ARRAY['pattern', 'skill', 'stated'])[1 + k / 3 % 3]
        WHEN 1 THEN (ARRAY['failure', 'stated'])[1 + k / 3 % 2]
        ELSE 'stated'
    END AS origin,
    CASE WHEN k = 7 THEN 'Hostile ' || pg_temp.hostile()
        ELSE format('%s: %s, number %s', asked.thing, asked.trouble, k) END AS title,
    format('Where %s and %s, look at %s first: keep one writer, and let the database decide. '
        'Then run the tests of lesson%s.%s', asked.thing, asked.trouble, left(md5(k::text), 8), k,
        CASE WHEN k = 7 THEN pg_temp.hostile() END) AS content,
    asked.at
FROM generate_series(1, 300) AS k
JOIN asked ON asked.n = k;

-- What was shown: up to three lessons in a third of the interactions, and one in ten held back.
CREATE TEMPORARY TABLE shown AS
SELECT DISTINCT ON (asked.n, lessons.id)
    asked.n, asked.id AS interaction, lessons.id AS item, rank,
    pg_temp.chance(asked.n * 3 + rank, 18) < 0.1 AS withheld,
    pg_temp.chance(asked.n * 3 + rank, 19) AS score
FROM asked
CROSS JOIN generate_series(1, 3) AS rank
-- Some lessons are about what is asked all the time, some about next to nothing.
JOIN lessons ON lessons.k = 1 + floor(300 * pg_temp.chance(asked.n * 3 + rank, 20) ^ 4)::integer
WHERE asked.n % 3 = 0 AND lessons.k % 25 > 0;
CREATE INDEX ON shown (n);
ANALYZE shown;


CREATE TEMPORARY TABLE ended AS
SELECT
    asked.*,
    CASE
        WHEN luck - help < 0.55 THEN 'success'
        WHEN luck - help < 0.68 THEN 'partial'
        WHEN luck - help < 0.82 THEN 'failure'
        ELSE 'unknown'
    END AS outcome
FROM asked
-- Two of the lessons help.
CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (
        SELECT FROM shown
        WHERE shown.n = asked.n AND NOT withheld
            AND item IN (md5('lesson 3')::uuid, md5('lesson 4')::uuid)
    ) THEN 0.2 ELSE 0 END AS help
) AS helped;
CREATE INDEX ON ended (n);
ANALYZE ended;

INSERT INTO outcomes
    (interaction_id, outcome, user_feedback, evidence, value_score, components, source, confidence,
     created_at)
SELECT
    id, outcome, feedback, evidence,
    round((0.4 * went + 0.1 * (feedback + 1) + 0.2 * reuse + 0.1 * depth + 0.1 * novelty)::numeric, 6),
    jsonb_build_object('outcome', went, 'feedback', (feedback + 1) / 2.0, 'reusability', reuse,
        'complexity', depth, 'novelty', novelty),
    CASE WHEN n % 3 = 0 THEN 'stated' ELSE 'inferred' END,
    CASE WHEN n % 3 = 0 THEN 1 ELSE 0.6 + 0.35 * pg_temp.chance(n, 14) END,
    at + interval '40 seconds'
FROM (
    SELECT
        *,
        CASE outcome WHEN 'success' THEN 1.0 WHEN 'partial' THEN 0.5 ELSE 0.0 END AS went,
        (CASE WHEN n % 11 > 0 THEN 0 WHEN outcome = 'success' THEN 1 ELSE -1 END)::smallint AS feedback,
        CASE WHEN outcome = 'unknown' THEN NULL
            ELSE format('pytest -q exit %s', (outcome = 'failure')::integer) END AS evidence,
        pg_temp.chance(n, 15) AS reuse,
        pg_temp.chance(n, 16) AS depth,
        pg_temp.chance(n, 17) AS novelty
    FROM ended
    WHERE judged
) AS judgements
ORDER BY n;
-- Some were judged too early: the later outcome is the one that counts.
INSERT INTO outcomes (interaction_id, outcome, user_feedback, evidence, value_score, components)
SELECT id, 'failure', -1, 'the user: it still fails', 0.15, '{"outcome": 0}'
FROM ended
WHERE judged AND outcome = 'success' AND n % 50 = 0
ORDER BY n;

INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, created_at, updated_at,
     origin, reason, projected)
SELECT
    id, version,
    CASE WHEN version = 1 THEN 'ADD' WHEN k % 25 = 0 THEN 'DEPRECATE' ELSE 'UPDATE' END,
    collection, project, title, content,
    CASE collection
        WHEN 'skills-patterns' THEN jsonb_build_object('skill_name', title, 'description', content)
        WHEN 'error-solutions' THEN jsonb_build_object('error_message', title, 'solution', content)
        ELSE jsonb_build_object('title', title, 'description', content)
    END,
    at, at + version * interval '1 hour', origin,
    CASE WHEN version = 2 THEN 'edited' ELSE '' END,
    version = 1 AND k % 5 = 0
FROM lessons, generate_series(1, CASE WHEN k % 5 = 0 THEN 2 ELSE 1 END) AS version;

INSERT INTO knowledge_evidence (item_id, interaction_id, supports)
SELECT lessons.id, ended.id, ended.outcome <> 'failure'
FROM lessons
CROSS JOIN generate_series(0, 3) AS nth
JOIN ended ON ended.n = lessons.k + nth * 997
WHERE lessons.origin <> 'stated';

INSERT INTO exposures
    (interaction_id, item_id, rank, score, propensity, withheld, cited, use_number)
SELECT
    interaction, item, rank, score, 0.9, withheld,
    NOT withheld AND pg_temp.chance(n * 3 + rank, 21) < 0.4,
    CASE WHEN NOT withheld
        THEN row_number() OVER (PARTITION BY item, withheld ORDER BY n, rank) END
FROM shown;
SELECT rebuild_item_stats();

-- What the agents did, and what models were asked.
INSERT INTO actions (interaction_id, position, kind, subject, ok, exit_code, detail, at)
SELECT
    id, step,
    (ARRAY['command', 'edit', 'command'])[step],
    CASE WHEN n % 5000 = 77 THEN pg_temp.hostile()
        WHEN step = 2 THEN format('%s/%s.py', left(project, 4), translate(thing, ' ', '_')) ELSE 'pytest -q' END,
    step <> 1,
    CASE WHEN step <> 2 THEN (step = 1)::integer END,
    CASE WHEN step = 1 THEN trouble ELSE 'ok' END,
    at + step * interval '9 seconds'
FROM asked CROSS JOIN generate_series(1, 3) AS step
WHERE by_agent AND n % 4 = 0 OR n % 5000 = 77;

INSERT INTO route_attempts
    (interaction_id, position, model, endpoint, tier, latency_ms, confidence, outcome, tokens_in,
     tokens_out, cost_usd, created_at, project, task_type, complexity, remote, first_token_ms,
     tokens_per_second, checks, reason, rule)
SELECT
    id, position, name, endpoint, tier, latency,
    CASE WHEN position < last THEN 0.3 ELSE 0.75 + 0.2 * luck END,
    CASE WHEN position < last THEN 'low_confidence' ELSE 'ok' END,
    600, output,
    CASE WHEN tier = 'API_FALLBACK' THEN 0.0018 + output * 0.000015 ELSE 0 END,
    at, project, task_type, complexity, tier = 'API_FALLBACK', latency / 8, speed,
    '{"format": 1, "completeness": 0.9, "coherence": 0.8}',
    CASE WHEN position < last THEN 'the answer breaks off' ELSE '' END,
    'tier:' || lower(tier)
FROM (
    SELECT
        asked.*, tried.*,
        1 + fast_failed::integer + (fast_failed AND local_failed)::integer AS last,
        200 + floor(pg_temp.chance(n * 4 + position, 22) ^ 3 * 9000)::integer AS latency,
        50 + floor(pg_temp.chance(n * 4 + position, 23) * 900)::integer AS output,
        20 + 60 * pg_temp.chance(n * 4 + position, 24) / position AS speed
    FROM asked
    CROSS JOIN (VALUES
        (1, 'gemma-3n-e4b', 'http://127.0.0.1:8080', 'LOCAL_FAST'),
        (2, 'qwen3-coder-30b', 'http://127.0.0.1:8001', 'LOCAL_QUALITY'),
        (3, 'claude-sonnet-4-5', 'https://api.anthropic.com', 'API_FALLBACK')
    ) AS tried (position, name, endpoint, tier)
    WHERE NOT by_agent
) AS attempts
WHERE position <= last
ORDER BY n, position;

INSERT INTO spend (day, model, amount_usd, settled, created_at)
SELECT (created_at AT TIME ZONE 'UTC')::date, model, sum(cost_usd), true, max(created_at)
FROM route_attempts
WHERE remote
GROUP BY 1, 2;

-- What waits for a person, what was decided, and what waits for a model.
INSERT INTO skill_proposals
    (id, project, kind, item_id, title, content, fields, members, sessions, successes, failures,
     state, reason, created_at, updated_at)
SELECT
    md5('proposal ' || p)::uuid,
    lesson.project,
    'new',
    CASE WHEN state IN ('accepted', 'retired') THEN lesson.id END,
    CASE WHEN p = 1 THEN 'Hostile ' || pg_temp.hostile()
        WHEN state IN ('accepted', 'retired') THEN lesson.title
        ELSE format('%s when %s', asked.verb, asked.trouble) || ', ' || p END,
    format(E'1. Reproduce it with one test.\n2. %s.\n3. Run the tests of %s.', asked.trouble,
        asked.thing),
    '{}', 4, 3, 3, 1, state,
    CASE WHEN state IN ('rejected', 'retired') THEN 'by hand' ELSE '' END,
    now() - p * interval '1 day', now() - p * interval '1 hour'
FROM unnest(ARRAY['proposed', 'proposed', 'proposed', 'proposed', 'proposed', 'proposed',
    'accepted', 'accepted', 'accepted', 'rejected', 'rejected', 'retired']) WITH ORDINALITY
    AS decisions (state, p)
JOIN LATERAL (
    SELECT * FROM lessons WHERE origin = 'skill' AND k % 5 > 0 ORDER BY k OFFSET p LIMIT 1
) AS lesson ON true
JOIN asked ON asked.n = p * 31;
INSERT INTO skill_members (proposal_id, interaction_id, held_out, quoted)
SELECT md5('proposal ' || p)::uuid, asked.id, nth = 4, nth = 1
FROM generate_series(1, 12) AS p
CROSS JOIN generate_series(1, 4) AS nth
JOIN asked ON asked.n = p * 31 + nth * 7;
INSERT INTO skill_passes (project, outcome)
SELECT DISTINCT project, (SELECT max(id) FROM outcomes) FROM asked;

INSERT INTO jobs (kind, subject, project, payload, parked, tries, reason, created_at)
SELECT
    'extract_pattern', id::text, project, '{}', n % 10 = 0, CASE WHEN n % 10 = 0 THEN 5 ELSE 0 END,
    CASE WHEN n % 10 = 0 THEN 'the answer was no JSON: '
        || CASE WHEN n % 100 = 0 THEN pg_temp.hostile() ELSE 'it ended early' END
        ELSE '' END,
    at
FROM asked
WHERE n > current_setting('large.interactions')::bigint - 60;

-- Code of a project that lies elsewhere.
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, indexed_at, stamp, generation)
SELECT
    'website-5e6f7a8b', '/srv/website', format('src/part%s/file%s.ts', f % 40, f), md5(f::text),
    ARRAY(SELECT md5(f || '-' || c)::uuid FROM generate_series(1, 1 + f % 7) AS c),
    now() - f * interval '1 minute', md5(f::text), serving_generation()
FROM generate_series(1, 2000) AS f;

ANALYZE interactions, outcomes, exposures, item_stats, knowledge_items, knowledge_evidence, actions,
    route_attempts, source_files, interaction_facts;
