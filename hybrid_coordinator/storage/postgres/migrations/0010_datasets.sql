-- What training data was made of: which interactions were examples, and of which split.

-- An interaction that was once an example stays in its split for good, whatever is recorded or
-- deleted after it, and so do the near-duplicates of its task and the rest of its session.
CREATE TABLE training_groups (
    interaction_id uuid PRIMARY KEY REFERENCES interactions (id) ON DELETE CASCADE,
    split          text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    -- What near-duplicate tasks have in common, and the MinHash signature they are known by.
    task_group     bytea NOT NULL,
    signature      bytea NOT NULL
);
