/** Connecting again without deriving the password's key again: what a server sees and refuses is the same. */
import { createHook } from 'node:async_hooks'
import { connect as connectSocket, createServer } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { connect } from '../../../src/database/postgres/connection.ts'
import { failure, type Scratch, test } from '../../support/database.ts'

const PASSWORDS = ['plain', 'with "quotes", commas=and spaces', 'ümlaut', 'no\u00a0break']

test.for(PASSWORDS)('the server takes the password %j each time, and no other', async (password, { db }) => {
  await withRole(db, password, async (role) => {
    for (const _ of [1, 2, 3]) expect(await userAt(role.url(password))).toBe(role.name)
    expect(await failure(connect(role.url('wrong')))).toMatchObject({ cause: { code: '28P01' } })
    await db.client.query(`alter role ${role.name} password 'changed'`)
    expect(await failure(connect(role.url(password)))).toMatchObject({ cause: { code: '28P01' } })
    expect(await userAt(role.url('changed'))).toBe(role.name)
  })
})

test('the key is derived for the first connection only', async ({ db }) => {
  const derived: string[] = []
  const hook = createHook({ init: (_, type) => void (/PBKDF2|DERIVE/i.test(type) && derived.push(type)) }).enable()
  onTestFinished(() => void hook.disable())
  await withRole(db, 'once', async (role) => {
    await userAt(role.url('once'))
    expect(derived).toHaveLength(1)
    for (const _ of [1, 2, 3]) await userAt(role.url('once'))
    expect(derived).toHaveLength(1)
  })
})

test('a server that does not know the password is refused, also after one that did', async ({ db }) => {
  const { hostname, port } = new URL(db.url)
  // It stands between, and changes the server's proof.
  const between = createServer((client) => {
    const server = connectSocket(Number(port), hostname)
    client.pipe(server)
    server.on('data', (data) => client.write(data.toString('latin1').replace(/v=\w{4}/, 'v=AAAA'), 'latin1'))
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.on('close', () => server.destroy())
  })
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void between.close())
  const address = between.address() as { port: number }
  await withRole(db, 'mutual', async (role) => {
    expect(await userAt(role.url('mutual'))).toBe(role.name)
    const url = new URL(role.url('mutual'))
    url.host = `127.0.0.1:${address.port}`
    expect((await failure(connect(url.href))).message).toContain('server signature does not match')
  })
})

// --- internal ---

interface Role {
  readonly name: string
  url(password: string): string
}

let roles = 0

async function withRole(db: Scratch, password: string, work: (role: Role) => Promise<void>): Promise<void> {
  const name = `scram_${process.pid}_${roles++}`
  await db.client.query(`create role ${name} login password '${password}'`)
  const url = (given: string) => {
    const at = new URL(db.url)
    at.username = name
    at.password = encodeURIComponent(given)
    return at.href
  }
  try {
    await work({ name, url })
  } finally {
    await db.client.query(`drop role ${name}`)
  }
}

/** Connects, and returns who it is. */
async function userAt(url: string): Promise<string> {
  const client = await connect(url)
  const { rows } = await client.query('select current_user as name')
  await client.end()
  return rows[0].name
}
