-- Skills that are proposed, and what they rest on.

-- name: due
-- Projects with outcomes since their last pass: the mark of that, and of the newest one. None where
-- enough proposals wait for a person already.
SELECT
    interactions.project,
    coalesce(passed.outcome, 0) AS seen,
    max(outcomes.id) AS newest
FROM outcomes
JOIN interactions ON interactions.id = outcomes.interaction_id
LEFT JOIN skill_passes AS passed ON passed.project = interactions.project
WHERE outcomes.id > coalesce(passed.outcome, 0)
GROUP BY interactions.project, passed.outcome
HAVING (
    SELECT count(*) FROM skill_proposals AS waiting
    WHERE waiting.project = interactions.project AND waiting.state = 'proposed'
) < $1
ORDER BY interactions.project;

-- name: tasks
-- The latest tasks of a project with a known outcome, latest first.
SELECT id, left(query, $3) AS query, session_id, outcome, outcome_confidence
FROM current_interactions
WHERE project = $1 AND outcome IN ('success', 'partial', 'failure')
ORDER BY created_at DESC, id DESC
LIMIT $2;

-- name: commands
-- Commands that went well in each of these interactions, in their order.
SELECT interaction_id, array_agg(subject ORDER BY position) AS commands
FROM actions
WHERE interaction_id = ANY ($1::uuid[]) AND kind = 'command' AND ok
GROUP BY interaction_id;

-- name: covered
-- What skills and proposals of a project rest on and quote: an entry with all that was ever put
-- forward for it, or a proposal that became none. Nothing learned changes an entry that was retired
-- or edited by a person: it is closed.
SELECT
    entry.id AS item_id,
    entry.delta = 'DEPRECATE' OR entry.origin <> 'skill' AS closed,
    entry.fields -> 'success_examples' AS examples,
    ARRAY(
        SELECT interaction_id FROM knowledge_evidence WHERE item_id = entry.id
        UNION
        SELECT interaction_id
        FROM skill_members
        JOIN skill_proposals ON skill_proposals.id = skill_members.proposal_id
        WHERE item_id = entry.id
    ) AS interaction_ids
FROM current_knowledge AS entry
WHERE entry.collection = 'skills-patterns' AND entry.project = $1
    AND (
        entry.origin = 'skill'
        OR EXISTS (SELECT FROM skill_proposals WHERE skill_proposals.item_id = entry.id)
    )
UNION ALL
SELECT
    NULL,
    true,
    fields -> 'success_examples',
    ARRAY(SELECT interaction_id FROM skill_members WHERE proposal_id = skill_proposals.id)
FROM skill_proposals
WHERE project = $1 AND item_id IS NULL;

-- name: neighbours
-- Other entries that a project's questions may find, latest first.
SELECT * FROM current_knowledge
WHERE project IN ($1, 'global') AND id <> $2 AND delta <> 'DEPRECATE'
ORDER BY updated_at DESC, id
LIMIT $3;

-- name: claim
-- True for the one pass that moves the mark from where it stood when it began.
INSERT INTO skill_passes (project, outcome) VALUES ($1, $3)
ON CONFLICT (project) DO UPDATE SET outcome = excluded.outcome, passed_at = now()
WHERE skill_passes.outcome = $2
RETURNING true;

-- name: add
INSERT INTO skill_proposals
    (id, project, kind, item_id, base_version, title, content, fields, members, sessions,
     successes, failures, replay, state, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: add_members
INSERT INTO skill_members (proposal_id, interaction_id, held_out, quoted)
SELECT $1, interaction_id, held_out, quoted
FROM unnest($2::uuid[], $3::boolean[], $4::boolean[])
    AS member (interaction_id, held_out, quoted)
ORDER BY interaction_id;

-- name: page
-- Proposals, latest first.
SELECT * FROM skill_proposals
WHERE $1::text IS NULL OR project = $1
ORDER BY created_at DESC, id DESC;

-- name: get
SELECT * FROM skill_proposals WHERE id = $1;

-- name: of_item
SELECT * FROM skill_proposals WHERE item_id = $1 ORDER BY created_at, id;

-- name: items
-- Entries that came from skills, also those out of use, latest first.
SELECT * FROM current_knowledge
WHERE collection = 'skills-patterns' AND origin = 'skill' AND ($1::text IS NULL OR project = $1)
ORDER BY updated_at DESC, id;

-- name: members
SELECT interaction_id, held_out, quoted
FROM skill_members
WHERE proposal_id = $1
ORDER BY interaction_id;

-- name: edit
UPDATE skill_proposals SET content = $2, updated_at = now()
WHERE id = $1 AND state = 'proposed'
RETURNING *;

-- name: reword
-- The words of a model, unless a person has changed or decided it.
UPDATE skill_proposals SET content = $2, reason = $3, updated_at = now()
WHERE id = $1 AND state = 'proposed' AND updated_at = created_at
RETURNING true;

-- name: decide
-- From one state to the next, so that of two decisions the first holds.
UPDATE skill_proposals SET state = $3, reason = $4, item_id = coalesce($5, item_id),
    updated_at = now()
WHERE id = $1 AND state = $2
RETURNING *;

-- name: retire
UPDATE skill_proposals SET state = 'retired', reason = $2, updated_at = now()
WHERE item_id = $1 AND state = 'accepted';

-- name: counts
SELECT state, count(*) AS times
FROM skill_proposals
WHERE $1::text IS NULL OR project = $1
GROUP BY state;
