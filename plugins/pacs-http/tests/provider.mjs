// An OpenID provider for tests: `node provider.mjs FOLDER-OF-MODULES`. It prints its address, and
// issues access tokens to the client "viewer" (secret "secret") for the resource "urn:pacs".
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { Provider } = await import(pathToFileURL(`${process.argv[2]}/oidc-provider/lib/index.js`));

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg,
});
const keys = [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')];

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'viewer', client_secret: 'secret', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [],
    }],
    jwks: { keys },
    extraTokenClaims: () => ({ realm_access: { roles: ['pacs-readers', 'others'] } }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'read', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 60,
          jwt: { sign: { alg: resource.endsWith('es') ? 'ES256' : 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
