-- What is worth learning from: errors that came up in two sessions, and the best work first.

-- Errors that count only once they have come up in two sessions.
CREATE TABLE error_sightings (
    -- The key of the error's signature.
    signature      uuid NOT NULL,
    interaction_id uuid NOT NULL REFERENCES interactions ON DELETE CASCADE,
    PRIMARY KEY (signature, interaction_id)
);
CREATE INDEX error_sightings_interaction ON error_sightings (interaction_id);

DROP VIEW job_states;
ALTER TABLE jobs
    -- What is worth more is done first.
    ADD COLUMN worth double precision NOT NULL DEFAULT 1;
DROP INDEX jobs_turn;
CREATE INDEX jobs_turn ON jobs (tries, worth DESC, id DESC) WHERE NOT parked;
CREATE VIEW job_states AS
SELECT
    jobs.*,
    CASE
        WHEN id IN (
            SELECT objid::bigint FROM pg_locks
            WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = 1785684595
                AND objsubid = 2
        ) THEN 'running'
        WHEN parked THEN 'parked'
        ELSE 'waiting'
    END AS state
FROM jobs;

-- Take the next job of these kinds, with its lock, which the session keeps. At most one row. What
-- is worth most comes first, then the newest, so that what was just done need not wait for a
-- thousand imported things. A try is counted when it begins: a job that takes its process down is
-- given up in the end too.
CREATE OR REPLACE FUNCTION claim_job(kinds text[]) RETURNS SETOF jobs
LANGUAGE plpgsql AS $$
DECLARE
    candidate integer;
BEGIN
    FOR candidate IN
        SELECT id FROM jobs
        WHERE kind = ANY (kinds) AND NOT parked AND job_is_due(tried_at, rest)
        ORDER BY tries, worth DESC, id DESC
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_lock(1785684595, candidate);
        -- It may have been done since it was listed: this statement sees what is there now.
        RETURN QUERY
            UPDATE jobs
            SET tries = tries + 1, claim = claim + 1, tried_at = now(), rest = 0
            WHERE id = candidate AND NOT parked AND job_is_due(tried_at, rest)
            RETURNING *;
        IF FOUND THEN
            RETURN;
        END IF;
        PERFORM pg_advisory_unlock(1785684595, candidate);
    END LOOP;
END
$$;

-- As before, and with what each is worth.
CREATE OR REPLACE FUNCTION change_jobs(withdrawn jsonb, ordered jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM jobs
    USING jsonb_to_recordset(withdrawn) AS given (kind text, subject text)
    WHERE jobs.kind = given.kind AND jobs.subject = given.subject;
    INSERT INTO jobs (kind, subject, project, payload, worth)
    SELECT kind, subject, project, payload, worth
    FROM jsonb_to_recordset(ordered) AS given (
        kind text, subject text, project text, payload jsonb, worth double precision
    )
    ON CONFLICT (kind, subject) DO UPDATE
    SET
        project = excluded.project,
        payload = excluded.payload,
        worth = excluded.worth,
        parked = false,
        tries = 0,
        reason = '',
        asked = jobs.asked + 1,
        rest = 0;
END
$$;
