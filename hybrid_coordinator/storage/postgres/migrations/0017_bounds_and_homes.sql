-- Whose a watched directory is, how many jobs may wait, and the steps of turns in one place.

ALTER TABLE watched_directories
    -- The id of the home whose coordinator follows it; '' is of before homes were told apart, and
    -- whoever has the directory takes it.
    ADD COLUMN home text NOT NULL DEFAULT '',
    DROP CONSTRAINT watched_directories_pkey,
    ADD PRIMARY KEY (project, directory, home);

-- Steps of a turn as they are given, as the rows of `actions` that they are.
CREATE FUNCTION given_actions(given jsonb) RETURNS TABLE (
    "position" bigint,
    kind       text,
    subject    text,
    ok         boolean,
    exit_code  integer,
    detail     text,
    at         timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT position, kind, subject, ok, exit_code, detail, at
    FROM ROWS FROM (
        jsonb_to_recordset(given) AS (
            kind text, subject text, ok boolean, exit_code integer, detail text, at timestamptz
        )
    ) WITH ORDINALITY AS action (kind, subject, ok, exit_code, detail, at, position)
$$;

-- Withdraw jobs, each given by its kind and subject, and order others. A function, since it comes in
-- one statement with what has waited for a lock: each statement in here sees what was committed
-- until then. Ordered again, a job starts afresh; whoever works on it sees that it was.
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
    -- An order may say how many of its kind wait in its project: what is worth least goes, and
    -- nothing that was begun. What others hold is not waited for: it is begun, or goes too.
    DELETE FROM jobs
    WHERE id IN (
        SELECT id
        FROM jobs
        WHERE claim = 0 AND id IN (
            SELECT id
            FROM (
                SELECT
                    id,
                    most,
                    row_number() OVER (
                        PARTITION BY kind, project ORDER BY worth DESC, id DESC
                    ) AS place
                FROM (
                    SELECT DISTINCT kind, project, most
                    FROM jsonb_to_recordset(ordered)
                        AS given (kind text, project text, most integer)
                ) AS bounds
                JOIN jobs USING (kind, project)
                WHERE claim = 0 AND NOT parked
            ) AS ranked
            WHERE place > most
        )
        FOR UPDATE SKIP LOCKED
    );
END
$$;
