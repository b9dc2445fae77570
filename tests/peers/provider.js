// The certified oidc-provider, dressed as Google and as Microsoft's "common", with contacts behind it.
// Usage: node provider.js BOOKS.json CLIENTS.json; prints "ready PORT" and runs until its input ends.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [booksFile, clientsFile] = process.argv.slice(2);
const books = JSON.parse(readFileSync(booksFile, 'utf8'));
const clients = JSON.parse(readFileSync(clientsFile, 'utf8'));
const TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad';
const CONTACTS = 'https://www.googleapis.com/auth/contacts.readonly';
const OTHERS = 'https://www.googleapis.com/auth/contacts.other.readonly';
const MOUNTS = { google: '/google', microsoft: `/microsoft/${TENANT}/v2.0` };
const SCOPES = { google: ['openid', 'email', CONTACTS, OTHERS], microsoft: ['openid', 'email', 'profile', 'Contacts.Read'] };

function make(door, origin) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(`${origin}${MOUNTS[door]}`, {
    clients: [{
      ...clients[door],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: door === 'google' ? 'client_secret_basic' : 'client_secret_post',
    }],
    scopes: SCOPES[door],
    claims: { openid: ['sub', 'tid'], email: ['email', 'preferred_username'], profile: ['name'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, revocation: { enabled: door === 'google' } },
    interactions: { url: (_ctx, interaction) => `/${door}/interaction/${interaction.uid}` },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: `subject of ${id}`, email: id, preferred_username: id, tid: door === 'microsoft' ? TENANT : undefined }),
    }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: `key-of-${door}`, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['only for tests'] },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 600 },
  });
  return provider;
}

function json(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

async function form(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return new URLSearchParams(Buffer.concat(pieces).toString());
}

// One page for sign-in and consent. GET shows nothing but the scopes that can be un-ticked; POST decides.
async function interact(door, provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  const asked = details.params.scope.split(' ');
  if (request.method === 'GET') return json(response, 200, { scopes: asked });
  const fields = await form(request);
  if (fields.get('decision') === 'deny') {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'no' });
  }
  const account = fields.get('account');
  const unticked = fields.getAll('untick');
  const grant = new provider.Grant({ accountId: account, clientId: details.params.client_id });
  grant.addOIDCScope(asked.filter((scope) => !unticked.includes(scope)).join(' '));
  if (unticked.length) grant.rejectOIDCScope(unticked.join(' '));
  return provider.interactionFinished(request, response, {
    login: { accountId: account },
    consent: { grantId: await grant.save() },
  });
}

async function bearer(provider, request) {
  const [, text] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const token = text && await provider.AccessToken.find(text);
  return token && token.isValid ? { account: token.accountId, scopes: new Set(token.scope.split(' ')) } : undefined;
}

async function people(provider, request, response, url) {
  const token = await bearer(provider, request);
  const other = url.pathname.endsWith('/otherContacts');
  if (!token) return json(response, 401, { error: { code: 401, status: 'UNAUTHENTICATED' } });
  if (!token.scopes.has(other ? OTHERS : CONTACTS)) {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }];
    return json(response, 403, { error: { code: 403, status: 'PERMISSION_DENIED', details } });
  }
  const rows = books[token.account].filter((each) => Boolean(each.other) === other);
  const size = Number(url.searchParams.get('pageSize') ?? 100);
  const start = Number(url.searchParams.get('pageToken') ?? 0);
  const page = rows.slice(start, start + size).map(({ name, emails }, index) => ({
    resourceName: `people/c${start + index}`,
    ...(name && { names: [{ metadata: { primary: true }, displayName: name }] }),
    ...(emails.length && { emailAddresses: emails.map((value) => ({ value })) }),
  }));
  return json(response, 200, {
    [other ? 'otherContacts' : 'connections']: page,
    ...(start + size < rows.length && { nextPageToken: String(start + size) }),
    [other ? 'totalSize' : 'totalItems']: rows.length,
  });
}

async function graph(provider, request, response, url, origin) {
  const token = await bearer(provider, request);
  if (!token) return json(response, 401, { error: { code: 'InvalidAuthenticationToken' } });
  if (!token.scopes.has('Contacts.Read')) return json(response, 403, { error: { code: 'ErrorAccessDenied' } });
  const [, , , , kind, id, inner] = url.pathname.split('/');
  const folders = [...new Set(books[token.account].map((each) => each.folder).filter(Boolean))];
  let rows = [];
  if (kind === 'contacts' || inner === 'contacts') {
    const wanted = inner ? folders[Number(id)] : undefined;
    rows = books[token.account].filter((each) => each.folder === wanted).map(({ name, emails }) => ({
      displayName: name, emailAddresses: emails.map((address) => ({ name, address })),
    }));
  } else if (!inner) {
    rows = folders.map((displayName, index) => ({ id: String(index), displayName }));
  }
  const size = Number(url.searchParams.get('$top') ?? 10);
  const start = Number(url.searchParams.get('$skip') ?? 0);
  const body = { value: rows.slice(start, start + size) };
  if (url.searchParams.get('$count') === 'true') body['@odata.count'] = rows.length;
  if (start + size < rows.length) {
    url.searchParams.set('$skip', String(start + size));
    body['@odata.nextLink'] = `${origin}${url.pathname}${url.search}`;
  }
  return json(response, 200, body);
}

// Microsoft's discovery document names a template for the issuer, and no way to end a token.
async function common(origin, response) {
  const answered = await fetch(`${origin}${MOUNTS.microsoft}/.well-known/openid-configuration`);
  json(response, 200, { ...await answered.json(), issuer: `${origin}/microsoft/{tenantid}/v2.0` });
}

// What goes wrong on request: POST /faults takes {path: {status, headers, body, cut, drip}} in place of the answers there; GET /seen lists what was asked.
let faults = {};
let seen = [];

async function control(request, response) {
  if (request.method === 'GET') return json(response, 200, seen);
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  [faults, seen] = [JSON.parse(Buffer.concat(pieces).toString()), []];
  return json(response, 200, {});
}

function fail(response, { status = 200, headers = {}, body = '', cut = false, drip = false }) {
  const length = Buffer.byteLength(body) + (cut || drip ? 1000 : 0);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length, ...headers });
  if (drip) {
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  } else if (cut) {
    response.write(body, () => response.destroy());
  } else {
    response.end(body);
  }
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const providers = { google: make('google', origin), microsoft: make('microsoft', origin) };
  server.on('request', (request, response) => {
    const url = new URL(request.url, origin);
    const door = url.pathname.split('/')[1];
    const provider = providers[door];
    const run = async () => {
      if (['/faults', '/seen'].includes(url.pathname)) return control(request, response);
      seen.push(url.pathname);
      if (url.pathname in faults) return fail(response, faults[url.pathname]);
      if (!provider) return json(response, 404, {});
      if (url.pathname.startsWith(`/${door}/interaction/`)) return interact(door, provider, request, response);
      if (url.pathname.startsWith('/google/v1/')) return people(provider, request, response, url);
      if (url.pathname.startsWith('/microsoft/v1.0/')) return graph(provider, request, response, url, origin);
      if (url.pathname.startsWith('/microsoft/common/')) return common(origin, response);
      request.originalUrl = request.url;
      request.url = request.url.slice(MOUNTS[door].length);
      return provider.callback()(request, response);
    };
    run().catch((error) => { console.error(error); response.destroy(); });
  });
  console.log(`ready ${server.address().port}`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
