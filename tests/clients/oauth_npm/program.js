// oauth4webapi and openid-client find the server by its metadata, get tokens by client credentials, ask what they are
// worth, and give them back. Arguments: the server, then id and secret of a client, then id and key of another.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

const [server, id, secret, keyId, jwk] = process.argv.slice(2)
const key = await crypto.subtle.importKey('jwk', JSON.parse(jwk), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const plain = { [oauth.allowInsecureRequests]: true }

async function byOauth4webapi(clientId, authenticate) {
  const issuer = new URL(server)
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain })
  const as = await oauth.processDiscoveryResponse(issuer, found)
  const client = { client_id: clientId }
  const asked = await oauth.clientCredentialsGrantRequest(as, client, authenticate, { scope: 'identity:admin' }, plain)
  const { access_token: token, scope, expires_in: seconds } = await oauth.processClientCredentialsResponse(as, client, asked)
  assert.equal(scope, 'identity:admin')
  assert.equal(seconds, 600)
  const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(`${server}/v1/identity/accounts`), undefined, undefined, plain)
  assert.ok((await answer.json()).items.length > 0)
  const introspect = async () => {
    const told = await oauth.introspectionRequest(as, client, authenticate, token, plain)
    return oauth.processIntrospectionResponse(as, client, told)
  }
  assert.equal((await introspect()).client_id, clientId)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authenticate, token, plain))
  assert.deepEqual(await introspect(), { active: false })
}

async function byOpenidClient(clientId, authenticate) {
  const options = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] }
  const config = await openid.discovery(new URL(server), clientId, undefined, authenticate, options)
  const { access_token: token } = await openid.clientCredentialsGrant(config, { scope: 'identity:admin' })
  assert.equal((await openid.tokenIntrospection(config, token)).active, true)
  await openid.tokenRevocation(config, token)
  assert.equal((await openid.tokenIntrospection(config, token)).active, false)
  await assert.rejects(openid.clientCredentialsGrant(config, { scope: 'identity:write' }), { error: 'invalid_scope' })
}

await byOauth4webapi(id, oauth.ClientSecretBasic(secret))
await byOauth4webapi(id, oauth.ClientSecretPost(secret))
await byOauth4webapi(keyId, oauth.PrivateKeyJwt(key))
await byOpenidClient(id, openid.ClientSecretBasic(secret))
await byOpenidClient(keyId, openid.PrivateKeyJwt(key))
await assert.rejects(byOpenidClient(id, openid.ClientSecretBasic('guessed')), { status: 401 })
console.log('done')
