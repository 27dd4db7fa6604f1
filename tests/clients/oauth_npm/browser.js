// A person's browser without scripts: it signs in, says yes, and gives the address that leads back to the app;
// or opens pages until one says what is waited for.

const unescaped = (text) =>
  text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

export function browser(server, email, password) {
  const cookies = new Map()

  async function send(method, target, body) {
    const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; '), origin: server }
    const reply = await fetch(new URL(target, server), { method, headers, body, redirect: 'manual' })
    for (const line of reply.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=')
      cookies.set(name, value)
    }
    return reply
  }

  async function submit(html) {
    const [, action, inside] = html.match(/<form[^>]* action="([^"]+)"[^>]*>(.*?)<\/form>/s)
    const fields = new URLSearchParams({ email, password, answer: 'yes' })
    for (const [, name, value] of inside.matchAll(/<input[^>]*? name="([^"]+)"[^>]*? value="([^"]+)"/g)) {
      fields.set(name, unescaped(value))
    }
    return send('POST', action, fields)
  }

  return async function open(address, until) {
    let reply = await send('GET', address)
    for (let steps = 0; steps < 10; steps++) {
      let to = reply.headers.get('location')
      if (to === null) {
        const html = await reply.text()
        if (until && html.includes(until)) {
          return null
        }
        to = unescaped(html.match(/http-equiv="refresh" content="0; url=([^"]*)"/)?.[1] ?? '') || null
        if (to === null) {
          reply = await submit(html)
          continue
        }
      }
      if (!to.startsWith('/') && !to.startsWith(`${server}/`)) {
        return new URL(to)
      }
      reply = await send('GET', to)
    }
    throw new Error('the server leads nowhere')
  }
}
