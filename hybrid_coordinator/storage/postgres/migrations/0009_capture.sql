-- What the hooks of coding agents tell, until it is a turn.

CREATE TABLE captured_events (
    -- The event's own, so that one which is told twice is one.
    key         text PRIMARY KEY,
    session_id  text NOT NULL,
    kind        text NOT NULL CHECK (kind IN (
        'session_start', 'prompt', 'message', 'action', 'stop', 'failed', 'subagent_stop',
        'session_end'
    )),
    -- By the clock of the hook, and by one that does not go back, in nanoseconds.
    at          timestamptz NOT NULL,
    tick        bigint NOT NULL,
    project     text NOT NULL,
    prompt_id   text,
    agent_id    text,
    -- Of a prompt, and the how manyeth time its thread of the session had it: these two are kept,
    -- since the key of a turn is made of them.
    digest      text,
    occurrence  integer CHECK (occurrence >= 1),
    -- The context that was injected.
    showing_id  uuid,
    -- Whether its turn is in the record; the turn may still go on.
    recorded    boolean NOT NULL DEFAULT false,
    -- Emptied once the event's turn is over, or where there is none.
    content     jsonb NOT NULL,
    done        boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX captured_events_open ON captured_events (session_id) WHERE NOT done;
CREATE INDEX captured_events_received ON captured_events (received_at);
CREATE UNIQUE INDEX captured_events_occurrence
    ON captured_events (session_id, coalesce(agent_id, ''), digest, occurrence)
    WHERE occurrence IS NOT NULL;
