-- Forgetting on purpose, and knowledge that goes from machine to machine.

-- What was deleted, by nothing but its id: its point has yet to leave the index, and a turn that
-- is reported again is not recorded again.
CREATE TABLE forgotten (
    id           uuid PRIMARY KEY,
    collection   text NOT NULL,
    -- The last version of an entry: one that is stored under the same id goes on from there, so
    -- that no mark of the old one holds for it.
    version      integer NOT NULL DEFAULT 0,
    -- SHA-256 of the turn's key.
    turn         bytea,
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    -- How often the point was taken out of the index. Once is not enough where another
    -- coordinator has read the row before and stores the point after.
    removals     smallint NOT NULL DEFAULT 0
);
CREATE INDEX forgotten_pending ON forgotten (forgotten_at, id) WHERE removals < 2;
CREATE INDEX forgotten_turn ON forgotten (turn) WHERE turn IS NOT NULL;

-- Who this record is to others: a random id, which tells nothing else.
CREATE TABLE machine (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
INSERT INTO machine DEFAULT VALUES;

-- What other machines know of an entry: evidence beside our own, once for each machine, however
-- many files it came in.
CREATE TABLE imported_knowledge (
    item_id     uuid NOT NULL,
    machine     uuid NOT NULL,
    -- Of the entry there.
    version     integer NOT NULL CHECK (version >= 1),
    origin      text NOT NULL,
    supports    integer NOT NULL CHECK (supports >= 0),
    against     integer NOT NULL CHECK (against >= 0),
    uses        integer NOT NULL CHECK (uses >= 0),
    -- A partial success counts half.
    successes   double precision NOT NULL CHECK (successes >= 0),
    -- Uses whose outcome is known.
    judged      integer NOT NULL CHECK (judged >= 0),
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, machine)
);
