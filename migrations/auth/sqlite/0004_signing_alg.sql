-- What tokens for a resource are signed with; NULL: as the service's setting says.
ALTER TABLE resources ADD COLUMN signing_alg TEXT;
