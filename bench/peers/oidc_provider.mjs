// oidc-provider at its best as what auth-service is: client credentials, JWT access tokens signed with RS256, 2048
// bits, for one resource. Everything is in its own memory, so that no database is in its way.
//
// Usage: node oidc_provider.mjs PORT ALGORITHM RESOURCE SCOPE, with CLIENT_ID and CLIENT_SECRET in the environment
import { generateKeyPairSync } from 'node:crypto';

import Provider from 'oidc-provider';

const [port, algorithm, resource, scope] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: algorithm };

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: process.env.CLIENT_ID,
      client_secret: process.env.CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  jwks: { keys: [key] },
  ttl: { ClientCredentials: 900 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({ scope, accessTokenFormat: 'jwt', jwt: { sign: { alg: algorithm } } }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1');
