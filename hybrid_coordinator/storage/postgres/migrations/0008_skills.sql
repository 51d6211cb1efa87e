-- Skills that were found in what was done again and again, for a person to accept or reject.

CREATE TABLE skill_proposals (
    id           uuid PRIMARY KEY,
    project      text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('new', 'revision')),
    -- The entry that it became, or is to change; a revision also names the version it was
    -- compared with.
    item_id      uuid,
    base_version integer,
    title        text NOT NULL,
    content      text NOT NULL,
    fields       jsonb NOT NULL,
    -- What it rests on: nothing is proposed on less.
    members      integer NOT NULL CHECK (members >= 3),
    sessions     integer NOT NULL CHECK (sessions >= 2),
    successes    integer NOT NULL CHECK (successes >= 2),
    failures     integer NOT NULL CHECK (failures >= 0),
    -- How well a revision and what it would replace were found by tasks held out, null for new.
    replay       jsonb,
    state        text NOT NULL CHECK (state IN ('proposed', 'accepted', 'rejected', 'retired')),
    reason       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'revision') = (base_version IS NOT NULL)),
    CHECK (item_id IS NOT NULL OR state IN ('proposed', 'rejected'))
);
CREATE INDEX skill_proposals_project ON skill_proposals (project, created_at);
CREATE INDEX skill_proposals_item ON skill_proposals (item_id);

CREATE TABLE skill_members (
    proposal_id    uuid NOT NULL REFERENCES skill_proposals (id) ON DELETE CASCADE,
    interaction_id uuid NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
    -- Kept from the text, so that it can be judged by it.
    held_out       boolean NOT NULL,
    -- Whether the text has its words, or those of its answer.
    quoted         boolean NOT NULL,
    PRIMARY KEY (proposal_id, interaction_id)
);
CREATE INDEX skill_members_interaction ON skill_members (interaction_id);

-- A proposal goes with an interaction that it quotes, and when it would rest on too little; so does
-- the job to word it.
CREATE FUNCTION forget_proposal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM skill_proposals
    WHERE id = OLD.proposal_id
        AND (
            OLD.quoted
            OR (SELECT count(*) FROM skill_members WHERE proposal_id = OLD.proposal_id) < 3
        );
    DELETE FROM jobs
    WHERE kind = 'word_skill'
        AND subject = OLD.proposal_id::text
        AND NOT EXISTS (SELECT FROM skill_proposals WHERE id = OLD.proposal_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER skill_members_forgotten AFTER DELETE ON skill_members
FOR EACH ROW EXECUTE FUNCTION forget_proposal();

-- Up to which outcome the last search for skills of a project has seen.
CREATE TABLE skill_passes (
    project   text PRIMARY KEY,
    outcome   bigint NOT NULL,
    passed_at timestamptz NOT NULL DEFAULT now()
);
