-- Errors that count only once they have come up in two sessions.

CREATE TABLE error_sightings (
    -- The key of the error's signature.
    signature      uuid NOT NULL,
    interaction_id uuid NOT NULL REFERENCES interactions ON DELETE CASCADE,
    PRIMARY KEY (signature, interaction_id)
);
CREATE INDEX error_sightings_interaction ON error_sightings (interaction_id);
