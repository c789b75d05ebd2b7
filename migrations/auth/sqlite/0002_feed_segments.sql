-- Positions of the revocation feed are handed out one after the other, except that each process leaps
-- ahead once (docs/decisions/2026-11-27-revocation-feed.md). A segment is what
-- lies between two leaps: a position that no segment holds was never handed out by this database.
CREATE TABLE feed_segments (
    -- The first position, of which no revocation may be.
    first_position INTEGER PRIMARY KEY,
    -- The last one; NULL: it goes on, to state.feed_position.
    last_position  INTEGER,
    -- When the leap ended it.
    ended_at       INTEGER
) STRICT;
INSERT INTO feed_segments (first_position) VALUES (0);
