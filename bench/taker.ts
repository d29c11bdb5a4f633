/** One worker of the "taking" bench: takes a database, queries it and gives it back, again and again. A process each. */
import pg from 'pg'
import { getConnections } from 'pgsql-test'
import { createMigratedDatabase } from '../dist/index.js'
import { postgres } from '../dist/presets/postgres.js'
import { settled } from '../dist/src/testing/lease/migratedDatabase.js'
import { CONTENDERS } from './peers.ts'

export interface TakerInput {
  readonly way: string
  readonly takes: number
  readonly pauseMs: number
  readonly url: string
  /** A database at the latest version, closed to connections. */
  readonly template: string
  readonly files: { readonly folder: string; readonly sqlFolder: string; readonly dbmateFolder: string }
  readonly flags: Readonly<Record<string, string>>
}

const { way, takes, pauseMs, url, template, files, flags } = JSON.parse(process.env.TAKER ?? '') as TakerInput
// Peers leave connections behind, which end with their database.
process.on('uncaughtException', (error: Error & { code?: string }) => {
  if (error.code !== '57P01') throw error
})

const admin = new pg.Client(url)
await admin.connect()
let count = 0

/** Gives what gives it back. */
type Take = () => Promise<() => Promise<unknown>>

async function connected(name: string, drop: boolean): Promise<() => Promise<unknown>> {
  const at = new URL(url)
  at.pathname = `/${name}`
  const client = new pg.Client(at.href)
  await client.connect()
  await client.query('select 1')
  return async () => {
    await client.end()
    if (drop) await admin.query(`drop database ${name} with (force)`)
  }
}

const cloned =
  (strategy: string): Take =>
  async () => {
    const name = `take_${process.pid}_${count++}`
    await admin.query(`create database ${name} template ${template} strategy ${strategy}`)
    return connected(name, true)
  }

const replayed =
  (peer: string): Take =>
  async () => {
    const name = `take_${process.pid}_${count++}`
    await admin.query(`create database ${name} template template0 strategy file_copy`)
    const at = new URL(url)
    at.pathname = `/${name}`
    await CONTENDERS.find((contender) => contender.name.startsWith(peer))?.apply(at.href, files)
    return connected(name, true)
  }

const server = postgres({ from: 'embedded', flags })
const WAYS: Record<string, Take> = {
  connect: () => connected('postgres', false),
  migratest: async () => {
    const db = await createMigratedDatabase({ server, migrations: files.folder })
    await db.query('select 1')
    return () => db[Symbol.asyncDispose]()
  },
  'migratest, a row written': async () => {
    const db = await createMigratedDatabase({ server, migrations: files.folder })
    await db.query("insert into t1 (name) values ('x')")
    return () => db[Symbol.asyncDispose]()
  },
  'template, FILE_COPY': cloned('file_copy'),
  'template, WAL_LOG': cloned('wal_log'),
  umzug: replayed('umzug'),
  'node-pg-migrate': replayed('node-pg-migrate'),
  'pgsql-test': async () => {
    const at = new URL(url)
    const { pg: client, teardown } = await getConnections(
      {
        pg: { host: at.hostname, port: Number(at.port), user: at.username, password: at.password },
        db: { template, rootDb: 'postgres', prefix: 'take_' },
      },
      [],
    )
    await client.query('select 1')
    return teardown
  },
  nothing: async () => async () => undefined,
}

const take = WAYS[way] as Take
const times: number[] = []
const warmUp = Math.min(10, takes)
let begun = 0
for (let i = 0; i < takes + warmUp; i++) {
  if (i === warmUp) {
    process.send?.('warm')
    await new Promise((resolve) => process.once('message', resolve))
    begun = performance.now()
  }
  const from = performance.now()
  const give = await take()
  const ms = performance.now() - from
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  await give()
  if (i >= warmUp) times.push(ms)
}
const tests = performance.now() - begun
await settled()
process.send?.({ times, tests, all: performance.now() - begun })
process.exit(0)
