-- What was shown as context.

-- name: add
-- Nobody waits for the disk: a showing that is lost in a crash loses what was randomised in it, and
-- the interaction still names the items.
WITH showing AS (
    INSERT INTO showings (id, project, session_id, user_name)
    SELECT $1, $2, $3, $11 FROM set_config('synchronous_commit', 'off', true)
    RETURNING id
)
INSERT INTO shown_items (showing_id, item_id, rank, title, source, score, propensity, withheld)
SELECT showing.id, item.*
FROM
    showing,
    unnest(
        $4::uuid[], $5::smallint[], $6::text[], $7::text[], $8::double precision[],
        $9::double precision[], $10::boolean[]
    ) AS item;

-- name: get
SELECT * FROM shown_items
JOIN showings ON showings.id = showing_id
WHERE showing_id = $1 AND user_name = $2
ORDER BY rank, item_id;

-- name: of_items
-- The one that these items were most likely named from. Ids are in the order of time, and $4 is that
-- of a day ago: an item may have been shown often.
WITH named AS (
    SELECT showing_id, count(*) AS items
    FROM shown_items
    WHERE item_id = ANY ($3::uuid[]) AND showing_id > $4 AND NOT withheld
    GROUP BY showing_id
), best AS (
    SELECT showings.*
    FROM named
    JOIN showings ON showings.id = showing_id
    WHERE project = $1 AND user_name = $5
    ORDER BY session_id = ANY ($2::text[]) DESC NULLS LAST, interaction_id IS NULL DESC,
        items DESC, created_at DESC
    LIMIT 1
)
SELECT shown_items.*, best.interaction_id
FROM best
JOIN shown_items ON shown_items.showing_id = best.id
ORDER BY rank, item_id;

-- name: of_nothing
-- The one that was last shown to these sessions, if all of it was held back.
WITH latest AS (
    SELECT * FROM showings
    WHERE project = $1
        AND session_id = ANY ($2::text[])
        AND created_at > now() - interval '1 day'
        AND user_name = $3
    ORDER BY created_at DESC
    LIMIT 1
)
SELECT shown_items.*, latest.interaction_id
FROM latest
JOIN shown_items ON shown_items.showing_id = latest.id
WHERE latest.interaction_id IS NULL
    AND NOT EXISTS (
        SELECT FROM shown_items AS other WHERE other.showing_id = latest.id AND NOT withheld
    )
ORDER BY rank, item_id;

-- name: delete_older
DELETE FROM showings WHERE created_at < now() - $1::interval;
