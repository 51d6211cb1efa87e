"""A record of any size, made by SQL in seconds: what weeks of work by several projects leave."""

from __future__ import annotations

from hybrid_coordinator.storage.postgres.database import Database

PATIENCE = 300.0
"""Seconds that filling may take on a machine under load."""
DAYS = 90
PROJECTS = 8
ENTRIES = 2000
WORDS = ("lock", "row", "index", "retry", "parser", "socket", "cache", "token", "schema", "test")

_FILL = """
-- Ids are in the order of time, as the product's are.
CREATE FUNCTION pg_temp.id_at(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql AS $$
    SELECT (
        lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)
    )::uuid
$$;
CREATE TEMPORARY TABLE made ON COMMIT DROP AS
SELECT
    n,
    pg_temp.id_at(at, n) AS id,
    at,
    'project-' || (abs(hashint8(n)) % {projects}) AS project,
    abs(hashint8(n * 7)) % 1000 AS chance,
    (abs(hashint8(n * 3)) % 10) < 4 AS local
FROM generate_series(1, {interactions}) AS n
CROSS JOIN LATERAL (
    SELECT now() - ({interactions} - n) * (interval '{days} days' / {interactions}) AS at
) AS moment;
INSERT INTO interactions
    (id, project, session_id, query, response, agent_type, model_used, tokens_used, latency_ms,
     created_at, projected, examined)
SELECT
    id, project, 'session-' || n / 20,
    'How do I mend the ' || ('{words}'::text[])[1 + chance % {vocabulary}] || ' of part ' || n
        || ' where ' || repeat(md5(n::text) || ' ', 3),
    repeat(md5((n + 1)::text) || ' is what the answer says. ', 14)
        || ('{words}'::text[])[1 + (chance / 7) % {vocabulary}],
    CASE WHEN local THEN 'local' ELSE 'remote' END,
    CASE WHEN local THEN 'qwen2.5-coder:' || 1 + n % 3 || 'b'
        ELSE 'claude-sonnet-' || 4 + n % 2 END,
    500 + chance * 3, chance * 11, at, 1, 1
FROM made;
INSERT INTO knowledge_items
    (id, version, delta, collection, project, title, content, fields, created_at, updated_at,
     projected, origin)
SELECT
    md5('entry' || n)::uuid, 1, 'ADD',
    (ARRAY['skills-patterns', 'error-solutions', 'best-practices'])[1 + n % 3],
    CASE WHEN n % 10 = 0 THEN 'global' ELSE 'project-' || n % {projects} END,
    'Entry ' || n || ' on ' || ('{words}'::text[])[1 + n % {vocabulary}],
    repeat('What helped was this: ' || md5(n::text) || '. ', 8), '{{}}', at, at, true,
    (ARRAY['pattern', 'failure', 'skill', 'stated'])[1 + n % 4]
FROM generate_series(1, {entries}) AS n
CROSS JOIN LATERAL (SELECT now() - n % {days} * interval '1 day' AS at) AS moment;
INSERT INTO exposures
    (interaction_id, item_id, rank, score, propensity, withheld, cited, use_number)
SELECT
    id, md5('entry' || 1 + (n * rank * rank) % {entries})::uuid, rank, 1.0 / rank, 0.9,
    held, NOT held AND rank = 1, CASE WHEN held THEN NULL ELSE 1 + n / {entries} END
FROM made
CROSS JOIN generate_series(1, 2) AS rank
CROSS JOIN LATERAL (SELECT chance % 10 = 0 AND rank = 2 AS held) AS drawn
ON CONFLICT DO NOTHING;
INSERT INTO outcomes
    (interaction_id, outcome, user_feedback, evidence, value_score, components, created_at, source,
     confidence)
SELECT
    id,
    (ARRAY['success', 'success', 'success', 'partial', 'failure', 'unknown'])[1 + chance % 6],
    0, 'pytest exit 0', (chance % 101) / 100.0,
    '{{"outcome": 1, "feedback": 0.5, "reusability": 0.5, "complexity": 0.5, "novelty": 0.5}}',
    at, CASE WHEN chance % 2 = 0 THEN 'stated' ELSE 'inferred' END,
    CASE WHEN chance % 2 = 0 THEN 1 ELSE 0.7 END
FROM made
WHERE chance % 5 <> 0
ORDER BY n;
SELECT rebuild_item_stats();
-- Looked through for skills already: nothing goes on behind whoever looks at the figures.
INSERT INTO skill_passes (project, outcome)
SELECT DISTINCT project, (SELECT max(id) FROM outcomes) FROM made;
INSERT INTO route_attempts
    (interaction_id, position, model, endpoint, tier, latency_ms, confidence, outcome, tokens_in,
     tokens_out, cost_usd, created_at, project, task_type, complexity, remote, first_token_ms,
     tokens_per_second, rule)
SELECT
    id, position,
    CASE WHEN position = 2 THEN 'claude-sonnet-5' ELSE 'qwen2.5-coder:' || 1 + n % 3 || 'b' END,
    CASE WHEN position = 2 THEN 'https://api.anthropic.com' ELSE 'http://127.0.0.1:11434' END,
    CASE WHEN position = 2 THEN 'API_FALLBACK' ELSE 'LOCAL_FAST' END,
    chance * 7 + 20,
    CASE WHEN stepped AND position = 1 THEN 0.4 ELSE 0.9 END,
    CASE WHEN stepped AND position = 1 THEN 'low_confidence'
        WHEN n % 20 = 0 THEN 'cached' ELSE 'ok' END,
    400 + chance, 100 + chance, CASE WHEN position = 2 THEN 0.004 ELSE 0 END, at, project,
    (ARRAY['edit', 'question', 'debugging', 'generation'])[1 + n % 4], 'simple', position = 2,
    50 + chance, 40 + chance % 30, 'tiers'
FROM made
CROSS JOIN LATERAL (SELECT chance % 9 = 0 AS stepped) AS fate
CROSS JOIN LATERAL generate_series(1, CASE WHEN stepped THEN 2 ELSE 1 END) AS position
WHERE local
ORDER BY n, position;
INSERT INTO spend (day, model, amount_usd, settled, created_at)
SELECT (created_at AT TIME ZONE 'UTC')::date, model, cost_usd, true, created_at
FROM route_attempts WHERE remote;
INSERT INTO jobs (kind, subject, project, payload, parked, tries, reason, created_at)
SELECT
    'extract_pattern', id::text, project, '{{}}', n % 25 = 0,
    CASE WHEN n % 25 = 0 THEN 5 ELSE 0 END,
    CASE WHEN n % 25 = 0 THEN 'the model answered no JSON' ELSE 'no local model answers' END, at
FROM made ORDER BY n DESC LIMIT 200;
INSERT INTO datasets (format, directory, examples, manifest, created_at)
SELECT
    'openai', '/nowhere/openai-' || n, 900,
    '{{"candidates": 1000, "counts": {{"train": 720, "validation": 90, "test": 90}},
      "dropped": {{"near_duplicate": 60, "too_long": 40}}, "min_value": 0.7, "sha256": "ab"}}',
    now() - n * interval '10 days'
FROM generate_series(1, 3) AS n;
INSERT INTO source_files (project, root, path, content_hash, chunk_ids, generation)
SELECT
    'project-' || n % {projects}, '/src/project-' || n % {projects}, 'src/file' || n || '.py',
    md5(n::text), ARRAY[md5('a' || n)::uuid, md5('b' || n)::uuid], serving_generation()
FROM generate_series(1, 4000) AS n;
"""


async def fill(database: Database, interactions: int) -> None:
    """So many interactions over the last 90 days, by eight projects, and all that goes with them:
    outcomes of four in five, two exposures of each, calls of models by two in five, an entry for
    each but 2,000 at most, 200 jobs, 3 datasets, 4,000 files. The index has none of it: a
    coordinator on the database brings it there."""
    text = _FILL.format(
        interactions=interactions,
        days=DAYS,
        projects=PROJECTS,
        entries=min(ENTRIES, interactions),
        words="{" + ",".join(WORDS) + "}",
        vocabulary=len(WORDS),
    )
    async with database.transaction() as session:
        await session.execute(text, timeout=PATIENCE)
    async with database.session() as session:
        await session.execute("ANALYZE", timeout=PATIENCE)
