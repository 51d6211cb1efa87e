-- Work that needs a model, or time, and so is done behind the callers. A row is a job that is not
-- done. Who works on one holds the advisory lock (1785684595, id), "jobs" in ASCII: the server
-- lets go of it with the connection of a process that dies, and no clock is asked.
CREATE TABLE jobs (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    -- What it is about.
    subject    text NOT NULL,
    project    text NOT NULL,
    payload    jsonb NOT NULL,
    -- Given up, until somebody says otherwise.
    parked     boolean NOT NULL DEFAULT false,
    tries      integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    -- What the last try, or the wait, came to.
    reason     text NOT NULL DEFAULT '',
    -- Counts how often it was taken: who took it earlier has lost it.
    claim      integer NOT NULL DEFAULT 0,
    -- Counts how often it was ordered: what was begun before the last order does not do.
    asked      integer NOT NULL DEFAULT 1,
    -- It rests for so many seconds after that.
    tried_at   timestamptz,
    rest       double precision NOT NULL DEFAULT 0 CHECK (rest >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_turn ON jobs (tries, id DESC) WHERE NOT parked;

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

-- Whether a job has rested enough. A clock that was set back to before the last try tells nothing
-- of how long that is ago: the job is taken up rather than left lying until the clock is there.
CREATE FUNCTION job_is_due(tried_at timestamptz, rest double precision) RETURNS boolean
LANGUAGE sql STABLE
RETURN tried_at IS NULL OR now() < tried_at OR now() >= tried_at + make_interval(secs => rest);

-- Take the next job of these kinds, with its lock, which the session keeps. At most one row. The
-- newest comes first, so that what was just done need not wait for a thousand imported things. A
-- try is counted when it begins: a job that takes its process down is given up in the end too.
CREATE FUNCTION claim_job(kinds text[]) RETURNS SETOF jobs
LANGUAGE plpgsql AS $$
DECLARE
    candidate integer;
BEGIN
    FOR candidate IN
        SELECT id FROM jobs
        WHERE kind = ANY (kinds) AND NOT parked AND job_is_due(tried_at, rest)
        ORDER BY tries, id DESC
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
