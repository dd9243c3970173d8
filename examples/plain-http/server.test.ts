import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

async function untilAnswered(url: string): Promise<Response> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    if (response) return response
  }
}

test('it shows its version, and leaves with exit code 0 after answering for a while', async () => {
  // Below the ports that the system gives away, so that no neighbor gets it before the server does.
  const port = 20_000 + (pid % 10_000)
  const main = fileURLToPath(new URL('server.mjs', import.meta.url))
  const child = spawn(process.execPath, [main], { env: { PORT: String(port), VERSION: '7<b>' } })
  const exited = once(child, 'exit')
  try {
    const origin = `http://127.0.0.1:${port}`
    const page = await untilAnswered(`${origin}/`)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain('<b id="version">7b</b>')
    expect((await fetch(`${origin}/healthz`)).status).toBe(200)
    expect((await fetch(`${origin}/nothing`)).status).toBe(404)

    child.kill('SIGTERM')
    let last: Response
    do last = await fetch(`${origin}/healthz`)
    while (last.headers.get('connection') !== 'close')
    expect(last.status).toBe(200)
    expect(await exited).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})
