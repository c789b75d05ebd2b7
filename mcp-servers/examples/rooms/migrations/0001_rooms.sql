CREATE TABLE bookings (
    number INTEGER PRIMARY KEY,
    booking_id TEXT NOT NULL UNIQUE CHECK (booking_id = printf('BOOK-%03d', number)),
    room TEXT NOT NULL,
    day TEXT NOT NULL,
    booked_by TEXT NOT NULL,
    UNIQUE (room, day)
) STRICT;
