-- 1: what it may do for people is what its roles give, also where none is left; 0: it never had a role,
-- and may do what clients without roles may (docs/decisions/2026-11-27-what-a-grant-rests-on.md).
ALTER TABLE clients ADD COLUMN limited_to_roles INTEGER NOT NULL DEFAULT 0 CHECK (limited_to_roles IN (0, 1));
UPDATE clients SET limited_to_roles = 1 WHERE client_id IN (SELECT client_id FROM client_roles);

-- What was shut out or taken away before this version, and is let in or given back later, comes without
-- the grants from before.
DELETE FROM grants WHERE client_id IN (SELECT client_id FROM clients WHERE disabled = 1)
                      OR user_id IN (SELECT user_id FROM users WHERE disabled = 1);
DELETE FROM grants WHERE client_id IN (SELECT client_id FROM clients WHERE has_resources = 1)
                     AND NOT EXISTS (SELECT 1 FROM client_resources c
                                     WHERE c.client_id = grants.client_id AND c.resource = grants.resource);
