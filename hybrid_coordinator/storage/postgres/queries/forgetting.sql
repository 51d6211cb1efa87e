-- Things to see and to delete: interactions and knowledge entries.

-- name: matching
-- By collection, project, age and words, each NULL where it does not matter; the latest first.
WITH things AS (
    SELECT
        id, collection, project, left(title, 200) AS title,
        CASE delta WHEN 'DEPRECATE' THEN 'retired' ELSE 'in use' END AS state,
        origin, created_at, updated_at AS changed_at
    FROM current_knowledge
    WHERE ($1::text IS NULL OR collection = $1)
        AND ($2::text IS NULL OR project = $2)
        AND ($3::timestamptz IS NULL OR updated_at < $3)
        -- Also in what it said before.
        AND ($4::text IS NULL OR EXISTS (
            SELECT FROM knowledge_items AS said
            WHERE said.id = current_knowledge.id
                AND (
                    position(lower($4) IN lower(concat_ws(E'\n', title, content, reason))) > 0
                    OR EXISTS (
                        SELECT FROM jsonb_path_query(fields, 'strict $.**') AS value
                        WHERE position(lower($4) IN lower(value #>> '{}')) > 0
                    )
                )
        ))
    UNION ALL
    SELECT
        id, 'interaction-history', project, left(query, 200), coalesce(outcome, 'unknown'),
        agent_type, created_at, created_at
    FROM current_interactions AS interaction
    WHERE ($1::text IS NULL OR 'interaction-history' = $1)
        AND ($2::text IS NULL OR project = $2)
        AND ($3::timestamptz IS NULL OR created_at < $3)
        AND (
            $4::text IS NULL
            OR position(lower($4) IN lower(concat_ws(E'\n', query, response))) > 0
            OR EXISTS (
                SELECT FROM outcomes
                WHERE interaction_id = interaction.id
                    AND position(lower($4) IN lower(evidence)) > 0
            )
            OR EXISTS (
                SELECT FROM actions
                WHERE interaction_id = interaction.id
                    AND position(lower($4) IN lower(concat_ws(E'\n', subject, detail))) > 0
            )
            OR EXISTS (
                SELECT FROM route_attempts
                WHERE interaction_id = interaction.id AND position(lower($4) IN lower(reason)) > 0
            )
        )
), counts AS (
    SELECT jsonb_object_agg(collection, count) AS counts
    FROM (SELECT collection, count(*) FROM things GROUP BY collection) AS counted
)
SELECT things.*, counts.counts
FROM things, counts
ORDER BY changed_at DESC, id DESC
LIMIT $5;

-- name: lock_credit
-- First of all, as whoever changes outcomes does: nobody then waits for someone who waits for him.
LOCK TABLE item_stats IN SHARE ROW EXCLUSIVE MODE;

-- name: lock_interactions
-- Before anything is looked up: who is about to learn from one of them is waited for, and then
-- refused.
-- With those that were shown what goes ($2), which change: whoever locks many locks them in the order
-- of their ids.
SELECT interactions.id
FROM (
    SELECT unnest($1::uuid[]) AS id
    UNION
    SELECT interaction_id FROM exposures WHERE item_id = ANY ($2::uuid[])
) AS touched
JOIN interactions USING (id)
ORDER BY interactions.id
FOR UPDATE OF interactions;

-- name: lock_knowledge
SELECT pg_advisory_xact_lock(hashtextextended('knowledge ' || id, 0))
FROM (SELECT id FROM unnest($1::text[]) AS given (id) ORDER BY id) AS sorted;

-- name: known
-- Which of these ids are there, and as what.
SELECT id, 'interaction-history' AS collection FROM interactions WHERE id = ANY ($1::uuid[])
UNION ALL
SELECT id, collection FROM current_knowledge WHERE id = ANY ($1::uuid[]);

-- name: taught
-- Entries that were learned from these interactions, and whether others speak for them, too: of
-- this record or of another machine's. A skill that quotes one of them does not stand without it.
SELECT
    item_id,
    NOT EXISTS (
        SELECT FROM skill_members AS member
        JOIN skill_proposals AS proposal ON proposal.id = member.proposal_id
        WHERE proposal.item_id = evidence.item_id
            AND proposal.state = 'accepted'
            AND member.quoted
            AND member.interaction_id = ANY ($1::uuid[])
    ) AND (EXISTS (
        SELECT FROM knowledge_evidence AS other
        WHERE other.item_id = evidence.item_id
            AND other.supports
            AND other.interaction_id <> ALL ($1::uuid[])
    ) OR EXISTS (
        SELECT FROM imported_knowledge AS elsewhere
        WHERE elsewhere.item_id = evidence.item_id AND elsewhere.supports > 0
    )) AS otherwise
FROM (
    SELECT DISTINCT item_id FROM knowledge_evidence
    WHERE interaction_id = ANY ($1::uuid[]) AND supports
) AS evidence
JOIN current_knowledge ON current_knowledge.id = evidence.item_id
WHERE origin IN ('pattern', 'failure', 'skill')
ORDER BY item_id;

-- name: drop_versions
-- What entries said before, which may be in the words of an interaction that goes.
DELETE FROM knowledge_items
USING current_knowledge
WHERE knowledge_items.id = ANY ($1::uuid[])
    AND current_knowledge.id = knowledge_items.id
    AND knowledge_items.version < current_knowledge.version;

-- name: bury_interactions
INSERT INTO forgotten (id, collection, turn)
SELECT id, 'interaction-history', sha256(convert_to(turn_key, 'UTF8'))
FROM interactions
WHERE id = ANY ($1::uuid[]);

-- name: delete_interactions
-- With all that refers to them.
DELETE FROM interactions WHERE id = ANY ($1::uuid[]) RETURNING created_at;

-- name: bury_knowledge
INSERT INTO forgotten (id, collection, version)
SELECT id, collection, version FROM current_knowledge WHERE id = ANY ($1::uuid[])
ON CONFLICT (id) DO UPDATE
SET version = greatest(forgotten.version, excluded.version), forgotten_at = now(), removals = 0;

-- name: delete_knowledge
-- Every version.
WITH evidence AS (
    DELETE FROM knowledge_evidence WHERE item_id = ANY ($1::uuid[])
), elsewhere AS (
    DELETE FROM imported_knowledge WHERE item_id = ANY ($1::uuid[])
), proposed AS (
    DELETE FROM skill_proposals WHERE item_id = ANY ($1::uuid[])
)
DELETE FROM knowledge_items WHERE id = ANY ($1::uuid[]);

-- name: delete_showings
-- That they were shown, and under which title. What an interaction was shown is in its point, too.
WITH shown AS (
    DELETE FROM shown_items WHERE item_id = ANY ($1::uuid[])
), counted AS (
    DELETE FROM item_stats WHERE item_id = ANY ($1::uuid[])
), exposed AS (
    DELETE FROM exposures WHERE item_id = ANY ($1::uuid[]) RETURNING interaction_id
)
UPDATE interactions SET revision = revision + 1
WHERE id IN (SELECT interaction_id FROM exposed);

-- name: delete_jobs
-- What was to be done about them; why it failed may be in their words.
DELETE FROM jobs WHERE subject = ANY ($1::text[]);

-- name: delete_titles
DELETE FROM shown_items WHERE item_id = $1;

-- name: delete_answers
-- All of them: an answer may be in the words of what its model was shown. Asking anew costs time.
DELETE FROM cached_answers;

-- name: delete_project
-- What is of a project and of no interaction.
WITH asked AS (
    DELETE FROM route_attempts WHERE project = $1
), captured AS (
    DELETE FROM captured_events WHERE project = $1
), ordered AS (
    DELETE FROM jobs WHERE project = $1
), proposed AS (
    DELETE FROM skill_proposals WHERE project = $1
), searched AS (
    DELETE FROM skill_passes WHERE project = $1
), counted AS (
    -- Of exports the record has numbers by project.
    UPDATE datasets SET manifest = manifest #- ARRAY['projects', $1]
    WHERE manifest -> 'projects' ? $1
)
DELETE FROM showings WHERE project = $1;

-- name: datasets
-- Exports that may hold what is as old as this.
SELECT DISTINCT directory FROM datasets WHERE created_at >= $1 ORDER BY directory;

-- name: rewrite
UPDATE interactions
SET query = coalesce($2, query), response = coalesce($3, response), revision = revision + 1
WHERE id = $1;

-- name: expired
SELECT id FROM interactions WHERE created_at < $1 ORDER BY created_at, id LIMIT $2;

-- name: expire_rest
-- What ages with them: calls that no model answered, kept answers, and by what prompts of live
-- sessions were told apart.
WITH asked AS (
    DELETE FROM route_attempts WHERE created_at < $1 AND interaction_id IS NULL
), told AS (
    DELETE FROM captured_events WHERE received_at < $1 AND done
)
DELETE FROM cached_answers WHERE created_at < $1;

-- name: expire_unanswered
-- Nothing else holds them, and what they tell of models is of then.
DELETE FROM route_attempts WHERE created_at < $1 AND interaction_id IS NULL;

-- name: expire_spend
DELETE FROM spend WHERE created_at < $1;

-- name: expire_showings
-- Whoever was shown them has reported long since, if at all.
DELETE FROM showings WHERE created_at < $1;

-- name: vacuum
VACUUM interactions, exposures, outcomes, actions, route_attempts, knowledge_items,
    knowledge_evidence, imported_knowledge, showings, shown_items, cached_answers, item_stats,
    captured_events, jobs, skill_proposals, skill_members, training_groups, error_sightings,
    interaction_facts, forgotten;
