// Chromium on the pages: a person signs in for an app and says yes; a passkey of a virtual authenticator is added and
// removed on the page of their account, signs in by itself, and is the second factor; a link's secret leaves the address. Arguments: Chromium, its folder, the server, a person's address and password,
// and the app's address to ask at.

import assert from 'node:assert/strict'
import puppeteer from 'puppeteer-core'

const [chromium, folder, server, email, password, asked] = process.argv.slice(2)
const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const browser = await puppeteer.launch({ executablePath: chromium, userDataDir: folder, args: quiet })
const page = await browser.newPage()
page.setDefaultTimeout(20_000)

const refused = []
page.on('console', (message) => {
  if (message.text().includes('Content Security Policy')) {
    refused.push(message.text())
  }
})
await page.setRequestInterception(true)
page.on('request', (request) => {
  const isApps = request.url().startsWith('https://app.example.org/')
  return isApps ? request.respond({ status: 200, contentType: 'text/plain', body: 'the app' }) : request.continue()
})

const press = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)])
const called = () => page.evaluate(() => fetch('/v1/identity/me').then((reply) => reply.json()).then((me) => me.email ?? me.code))

async function signIn() {
  await page.type('input[name=email]', email)
  await page.type('input[name=password]', password)
  await press('form:not([data-passkey]) button.primary')
}

async function signOut() {
  await page.goto(`${server}/identity/sign-out`)
  await press('button')
  assert.equal(await called(), 'unauthenticated')
}

// The whole way to an app and back: nothing of it may be stopped by our own content security policy.
await page.goto(asked)
await signIn()
await page.waitForSelector('button[value=yes]')
await page.click('button[value=yes]')
await page.waitForFunction(() => location.host === 'app.example.org')
assert.ok(new URL(page.url()).searchParams.get('code'))

const devtools = await page.createCDPSession()
await devtools.send('WebAuthn.enable')
const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
  options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
})

// On the page of one's account: a passkey is made, and taken away again once it has proven who asks.
await page.goto(`${server}/identity/account`)
await page.waitForSelector('form[data-new-passkey]:not([hidden])')
await page.$eval('form[data-new-passkey] input[name=name]', (input) => { input.value = 'Phone' })
await press('form[data-new-passkey] button')
const shown = () => page.$eval('main', (main) => main.innerText)
assert.ok((await shown()).includes('Phone'))
await press('form:has(input[value=remove-passkey]) button')
assert.equal(new URL(page.url()).pathname, '/identity/account/proof')
await page.waitForSelector('form[data-passkey]:not([hidden])')
await press('form[data-passkey] button')
assert.equal(new URL(page.url()).pathname, '/identity/account')
await press('form:has(input[value=remove-passkey]) button')
assert.equal(new URL(page.url()).searchParams.get('done'), 'remove-passkey')
await devtools.send('WebAuthn.clearCredentials', { authenticatorId })

// A page that a link leads to: what is secret leaves the address, and the form carries it.
await page.goto(`${server}/identity/verify`)
assert.ok(await page.$('form[data-link][hidden]'))
await page.goto(`${server}/identity/sign-in`)
await page.goto(`${server}/identity/verify#01a209d5-289e-7a2c-843e-115e4f29975a.secret`)
await page.waitForSelector('form[data-link]:not([hidden])')
assert.equal(await page.evaluate(() => location.hash), '')
await page.type('input[name=password]', 'seven ravens over the weir')
await press('form[data-link] button')
assert.ok((await shown()).includes('wrong, used up or expired'))

await page.goto(`${server}/identity/sign-in`)
assert.equal(await called(), email)
const added = await page.evaluate(async () => {
  const send = (path, body) => fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const { challenge, options } = await (await fetch('/v1/identity/me/passkeys/challenges', { method: 'POST' })).json()
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options)
  const credential = (await navigator.credentials.create({ publicKey })).toJSON()
  return (await send('/v1/identity/me/passkeys', { challenge, credential, name: 'Laptop' })).status
})
assert.equal(added, 201)

await signOut()
await page.goto(`${server}/identity/sign-in`)
await page.waitForSelector('form[data-passkey]:not([hidden])')
await press('form[data-passkey] button')
assert.equal(await called(), email)

await signOut()
await page.goto(`${server}/identity/sign-in`)
await signIn()
await page.waitForSelector('form[data-passkey]:not([hidden])')
assert.equal(await called(), 'unauthenticated')
await press('form[data-passkey] button')
assert.equal(await called(), email)

assert.deepEqual(refused, [])
await browser.close()
console.log('done')
