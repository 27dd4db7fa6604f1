// oauth4webapi and openid-client sign a person in by code and PKCE, learn who it is, refresh, ask about tokens, give
// them back, and sign out; and connect a device. Arguments: the server, a person's address and password, then id and
// secret of a client, the id of another that has none, and that of a device's.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { browser } from './browser.js'

const [server, email, password, id, secret, publicId, deviceId] = process.argv.slice(2)
const redirectUri = 'https://app.example.org/callback'
const scope = 'openid profile email identity:read'
const plain = { [oauth.allowInsecureRequests]: true }

async function byOauth4webapi(clientId, authenticate) {
  const issuer = new URL(server)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain))
  const client = { client_id: clientId }
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const address = new URL(as.authorization_endpoint)
  address.search = new URLSearchParams({
    client_id: clientId, redirect_uri: redirectUri, response_type: 'code', scope, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const open = browser(server, email, password)
  const parameters = oauth.validateAuthResponse(as, client, await open(address), state)
  const answer = await oauth.authorizationCodeGrantRequest(as, client, authenticate, parameters, redirectUri, verifier, plain)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, answer, plain)
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  const told = await oauth.userInfoRequest(as, client, tokens.access_token, plain)
  assert.equal((await oauth.processUserInfoResponse(as, client, sub, told)).email, email)
  const refreshed = await oauth.refreshTokenGrantRequest(as, client, authenticate, tokens.refresh_token, plain)
  const next = await oauth.processRefreshTokenResponse(as, client, refreshed)
  const me = await oauth.protectedResourceRequest(next.access_token, 'GET', new URL(`${server}/v1/identity/me`), undefined, undefined, plain)
  assert.equal((await me.json()).id, sub)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authenticate, next.refresh_token, plain))
  const late = await oauth.refreshTokenGrantRequest(as, client, authenticate, next.refresh_token, plain)
  await assert.rejects(oauth.processRefreshTokenResponse(as, client, late), { error: 'invalid_grant' })
}

async function byOpenidClient(clientId, authenticate) {
  const config = await openid.discovery(new URL(server), clientId, undefined, authenticate, { execute: [openid.allowInsecureRequests] })
  const verifier = openid.randomPKCECodeVerifier()
  const [state, nonce] = [openid.randomState(), openid.randomNonce()]
  const asked = {
    redirect_uri: redirectUri, scope, state, nonce, max_age: '3600',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }
  const open = browser(server, email, password)
  const back = await open(openid.buildAuthorizationUrl(config, asked))
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, maxAge: 3600 }
  const tokens = await openid.authorizationCodeGrant(config, back, checks)
  const { sub } = tokens.claims()
  assert.equal((await openid.fetchUserInfo(config, tokens.access_token, sub)).email_verified, true)
  const next = await openid.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' })
  assert.equal(next.scope, 'openid')
  if (clientId === id) {
    assert.equal((await openid.tokenIntrospection(config, next.access_token)).sub, sub)
    assert.equal((await openid.tokenIntrospection(config, next.refresh_token)).active, true)
  }
  const silent = await open(openid.buildAuthorizationUrl(config, { ...asked, prompt: 'none' }))
  assert.ok(silent.searchParams.get('code'))
  const bye = { id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://app.example.org/bye', state }
  assert.equal((await open(openid.buildEndSessionUrl(config, bye))).href, `https://app.example.org/bye?state=${state}`)
  await assert.rejects(openid.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' })
  const gone = await open(openid.buildAuthorizationUrl(config, { ...asked, prompt: 'none' }))
  assert.equal(gone.searchParams.get('error'), 'login_required')
}

async function byDevice(clientId) {
  const config = await openid.discovery(new URL(server), clientId, undefined, openid.None(), { execute: [openid.allowInsecureRequests] })
  const begun = await openid.initiateDeviceAuthorization(config, { scope })
  const polling = openid.pollDeviceAuthorizationGrant(config, { ...begun, interval: 1 })
  await browser(server, email, password)(begun.verification_uri_complete, 'connected')
  const tokens = await polling
  assert.equal((await openid.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).email, email)
  assert.ok((await openid.refreshTokenGrant(config, tokens.refresh_token)).refresh_token)

  const issuer = new URL(server)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain))
  const client = { client_id: clientId }
  const asked = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope }, plain)
  const { device_code: code } = await oauth.processDeviceAuthorizationResponse(as, client, asked)
  const early = await oauth.deviceCodeGrantRequest(as, client, oauth.None(), code, plain)
  await assert.rejects(oauth.processDeviceCodeResponse(as, client, early), { error: 'authorization_pending' })
}

await byOauth4webapi(id, oauth.ClientSecretBasic(secret))
await byOauth4webapi(publicId, oauth.None())
await byOpenidClient(id, openid.ClientSecretPost(secret))
await byOpenidClient(publicId, openid.None())
await byDevice(deviceId)
console.log('done')
