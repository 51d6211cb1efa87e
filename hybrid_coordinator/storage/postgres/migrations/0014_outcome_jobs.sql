-- What an event does to the queue, in one round trip with what causes it.

-- Withdraw jobs, each given by its kind and subject, and order others. A function, since it comes in
-- one statement with what has waited for a lock: each statement in here sees what was committed
-- until then. Ordered again, a job starts afresh; whoever works on it sees that it was.
CREATE FUNCTION change_jobs(withdrawn jsonb, ordered jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM jobs
    USING jsonb_to_recordset(withdrawn) AS given (kind text, subject text)
    WHERE jobs.kind = given.kind AND jobs.subject = given.subject;
    INSERT INTO jobs (kind, subject, project, payload)
    SELECT kind, subject, project, payload
    FROM jsonb_to_recordset(ordered) AS given (
        kind text, subject text, project text, payload jsonb
    )
    ON CONFLICT (kind, subject) DO UPDATE
    SET
        project = excluded.project,
        payload = excluded.payload,
        parked = false,
        tries = 0,
        reason = '',
        asked = jobs.asked + 1,
        rest = 0;
END
$$;
