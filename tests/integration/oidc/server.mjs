// A certified OpenID provider for tests. Reads {port, clients, lifetime} as JSON from the first
// argument; prints one line when it listens. Clients can be replaced while it runs, as an operator
// would rotate a secret: PUT /clients with the new list, on loopback only like everything else.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { port, clients, lifetime } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const store = new Map();
let issued = 0;

class Memory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload, expiresIn) {
    if (this.name === 'ClientCredentials') issued += 1;
    store.set(this.key(id), { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
  }
  async find(id) {
    if (this.name === 'Client') return current.find((client) => client.client_id === id);
    const found = store.get(this.key(id));
    return found && found.until > Date.now() ? found.payload : undefined;
  }
  async findByUserCode() {}
  async findByUid() {}
  async destroy(id) { store.delete(this.key(id)); }
  async revokeByGrantId() {}
  async consume(id) { const found = store.get(this.key(id)); if (found) found.payload.consumed = Math.floor(Date.now() / 1000); }
}

let current = clients;

const provider = new Provider(issuer, {
  adapter: Memory,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: () => ({ scope: 'score', accessTokenFormat: 'opaque' }),
    },
  },
  scopes: ['score'],
  ttl: { ClientCredentials: lifetime },
});
provider.on('server_error', (_, error) => console.error(error));

// A resource beside it: 200 with a live token, 401 without, as a model server behind a proxy.
async function resource(request, response) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const found = token && await provider.ClientCredentials.find(token);
  const good = found && !found.isExpired;
  response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
  response.end(JSON.stringify(good ? { client: found.clientId, scope: found.scope ?? null } : {}));
}

const handle = provider.callback();
createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/resource') return resource(request, response);
  if (path === '/issued') return response.end(String(issued));
  if (path === '/forget') { store.clear(); return response.end(); }
  if (path === '/clients') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    current = JSON.parse(Buffer.concat(chunks));
    return response.end();
  }
  return handle(request, response);
}).listen(port, '127.0.0.1', () => console.log('listening'));
