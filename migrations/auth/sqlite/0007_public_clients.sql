-- Clients that act for people: which grants they may use, how they authenticate, where people are
-- sent back to. The defaults are what every client was until now.

-- Separated by spaces.
ALTER TABLE clients ADD COLUMN grant_types TEXT NOT NULL DEFAULT 'client_credentials';
ALTER TABLE clients ADD COLUMN token_endpoint_auth_method TEXT NOT NULL DEFAULT 'client_secret_basic';
-- A JSON array.
ALTER TABLE clients ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '[]';
