/**
 * Runs pairs of schemas through the generator: both ways, with rows, and counts what was reached.
 *
 *   node bench/generatePairs.ts PAIRS.json [--dialect postgres] [--peers] [--source TEXT] [--name TEXT] [--every N] [--dump] [--online] [--verbose] [--sql]
 *
 * A pair is reached if the up leads to the wanted schema and the down back. Refused: nothing is written, with a reason. Wrong: the
 * generator was content, but `pg_dump` (with --dump) sees another schema. With --online, the migrations for tables in use are proven, too.
 * The first Ctrl-C ends the run after the current pair, with what was found so far.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mariadb } from '../presets/mariadb.ts'
import { mysql } from '../presets/mysql.ts'
import { postgres } from '../presets/postgres.ts'
import { type Attempts, inTransactions, onCopies, type Scratch } from '../src/generate/attempts.ts'
import { CannotGenerateError, GenerateProofError } from '../src/generate/errors.ts'
import { generatorOf, onlineWriterOf } from '../src/generate/generators.ts'
import { NO_ANSWERS, type Rename } from '../src/generate/hints.ts'
import { onlineMigrations } from '../src/generate/online/online.ts'
import { type Proof, prove } from '../src/generate/proof/prove.ts'
import { neutralAnswers } from '../src/generate/questions/neutral.ts'
import type { Schema } from '../src/schema/schema.ts'
import { cutStatements } from '../src/sql/statements.ts'
import type { TestDatabase, TestServer } from '../src/testing/testServer.ts'
import { type PeerResult, runPeers } from './generatePeers.ts'

interface Pair {
  readonly name: string
  readonly source: string
  readonly dialect: 'postgres' | 'mysql' | 'mariadb'
  readonly from: string
  readonly to: string
  readonly rows?: string
  readonly rowsTo?: string
  readonly renames?: readonly string[]
  readonly roles?: readonly string[]
  readonly extensions?: readonly string[]
  readonly notes: string
}

interface Result {
  readonly pair: Pair
  readonly outcome: 'reached' | 'refused' | 'wrong' | 'error'
  readonly why: string
  readonly statements: number
  readonly ms: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dialect: { type: 'string', default: 'postgres' },
    source: { type: 'string' },
    name: { type: 'string' },
    dump: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    online: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    sql: { type: 'boolean', default: false },
    every: { type: 'string', default: '1' },
    limit: { type: 'string' },
    'without-renames': { type: 'boolean', default: false },
  },
})

const SERVERS = { postgres, mysql, mariadb } as const

const pairs = (JSON.parse(readFileSync(positionals[0] ?? '', 'utf8')) as Pair[])
  .filter(({ dialect }) => dialect === values.dialect)
  .filter(({ source }) => !values.source || source.includes(values.source))
  .filter(({ name }) => !values.name || name.includes(values.name))
  .filter((_, i) => i % Number(values.every) === 0)
  .slice(0, values.limit ? Number(values.limit) : undefined)

// A server of its own, because roles are the server's.
const FLAGS = {
  postgres: { work_mem: '5MB' },
  mysql: { 'innodb-lock-wait-timeout': '48' },
  mariadb: { 'innodb-lock-wait-timeout': '48' },
}
const kind = values.dialect as keyof typeof SERVERS
const server = SERVERS[kind]({ flags: FLAGS[kind] as Record<string, string> }) as TestServer<unknown>
const results: Result[] = []
/** By pair, if --peers was given. */
const peers = new Map<Pair, readonly PeerResult[]>()
// The first Ctrl-C ends the run after the current pair, and what was found so far is summed up.
let isStopped = false
process.once('SIGINT', () => {
  isStopped = true
})
for (const pair of pairs) {
  if (isStopped) break
  const began = performance.now()
  const result = await runPair(pair)
  const ms = performance.now() - began
  results.push({ pair, ...result, ms })
  if (values.peers) peers.set(pair, await peersOf(pair))
  if (results.length % 50 === 0) console.error(`${results.length} of ${pairs.length}`)
  if (result.outcome !== 'reached' || values.verbose) {
    console.log(`${result.outcome.toUpperCase()} ${pair.name} (${Math.round(ms)} ms)`)
    if (result.why) console.log(result.why.replace(/^/gm, '    '))
  }
}
summary()
if (values.peers) peerSummary()
process.exit(0)

// --- internal ---

async function runPair(pair: Pair): Promise<Omit<Result, 'pair' | 'ms'>> {
  const dropped: TestDatabase<unknown>[] = []
  try {
    const wanted = await loaded(pair, pair.to, '', dropped)
    const to = await wanted.db.schema()
    const first = await run(pair, to, dropped)
    const why = values.sql ? shown(first.proof) : ''
    if (values.dump && pair.dialect === 'postgres') {
      const from = await loaded(pair, pair.from, '', dropped)
      const difference = [
        await dumpDifference('up', wanted, first.scratch, first.afterUp),
        await dumpDifference('down', from, first.scratch, first.afterDown),
      ].join('')
      if (difference) return { outcome: 'wrong', why: difference + why, statements: 0 }
    }
    if (/nothing to do/.test(pair.notes) && first.proof.up.length > 0) {
      return { outcome: 'wrong', why: `nothing is to do, but:\n${shown(first.proof)}`, statements: 0 }
    }
    return { outcome: 'reached', why, statements: first.proof.up.length + first.proof.down.length }
  } catch (error) {
    const { message, stack } = error as Error
    const known = error instanceof CannotGenerateError
    const outcome = known ? 'refused' : error instanceof GenerateProofError ? 'refused' : 'error'
    return {
      outcome,
      why:
        (outcome === 'error' ? (stack ?? message) : message) +
        (values.sql && known ? `\ntried:\n${error.tried.map(({ sql }) => sql).join('\n')}` : ''),
      statements: 0,
    }
  } finally {
    await Promise.all(dropped.map((database) => database.drop().catch(() => undefined)))
  }
}

async function peersOf(pair: Pair): Promise<PeerResult[]> {
  const dropped: TestDatabase<unknown>[] = []
  const side = async (sql: string) => {
    const { database, db } = await loaded(pair, sql, '', dropped)
    return { url: database.url ?? '', db }
  }
  try {
    return await runPeers({ from: () => side(pair.from), to: () => side(pair.to) })
  } finally {
    await Promise.all(dropped.map((database) => database.drop().catch(() => undefined)))
  }
}

interface Loaded {
  readonly database: TestDatabase<unknown>
  readonly db: Scratch
}

/** Makes a database with one side of a pair. */
async function loaded(pair: Pair, sql: string, rows: string, dropped: TestDatabase<unknown>[]): Promise<Loaded> {
  const database = await server.create()
  dropped.push(database)
  const loader = await database.connect()
  for (const role of pair.roles ?? []) {
    await database.query(loader, `CREATE ROLE "${role}"`).catch(() => undefined)
  }
  for (const statement of [...statementsOf(sql), ...statementsOf(rows)]) {
    for (let tries = 0; ; tries++) {
      try {
        await database.query(loader, statement)
        break
      } catch (error) {
        const role = /role "(.*)" does not exist/.exec((error as Error).message)?.[1]
        if (role === undefined || tries > 9) throw error
        await database.query(loader, `CREATE ROLE "${role}"`)
      }
    }
  }
  await database.disconnect(loader)
  const client = await database.connect()
  return {
    database,
    db: {
      run: async (text) => {
        // A body with semicolons comes with a delimiter, which only the client program knows.
        const all = kind === 'postgres' ? [text] : statementsOf(text)
        for (const one of all) await database.query(client, one)
      },
      rows: (text) => database.query(client, text),
      schema: () => database.readSchema(undefined, client) as Promise<Schema>,
      dispose: async () => {
        await database.disconnect(client)
        await database.drop()
      },
    },
  }
}

function statementsOf(sql: string): string[] {
  const dialect = values.dialect === 'postgres' ? 'postgres' : 'mysql'
  return cutStatements(sql, dialect).statements.map(({ start, end }) => sql.slice(start, end))
}

async function run(pair: Pair, to: Schema, dropped: TestDatabase<unknown>[]) {
  const writer = values.online ? onlineWriterOf(to.dialect) : undefined
  const generator = writer?.generator ?? generatorOf(to.dialect)
  const make = () => loaded(pair, pair.from, pair.rows ?? '', dropped)
  const renames = values['without-renames'] ? [] : (pair.renames ?? []).map(renameOf)
  const first = await make()
  const from = await first.db.schema()
  const up = { ...NO_ANSWERS, renames }
  const down = {
    ...NO_ANSWERS,
    renames: renames.map(({ kind, old, new: now }) => ({ kind, old: now, new: old })).reverse(),
  }
  const answers = { up: neutralAnswers(from, to, up), down: neutralAnswers(to, from, down) }
  const attempts: Attempts =
    to.dialect === 'postgres' ? inTransactions(first.db) : onCopies(async () => (await make()).db)
  const dumps: string[] = []
  const proof = await prove(attempts, generator, to, answers, {
    onState: () => {
      if (values.dump && pair.dialect === 'postgres') dumps.push(dump(first.database))
    },
  })
  if (writer && proof.up.length > 0) {
    const migrations = await onlineMigrations({
      writer,
      statements: proof.up,
      from,
      to,
      answers,
      scratch: async () => (await make()).db,
      transactional: to.dialect === 'postgres',
    })
    const whole = {
      ...proof,
      up: migrations.flatMap((one) => one.up.statements),
      down: migrations.flatMap((one) => one.down.statements),
    }
    return { proof: whole, scratch: first, afterUp: dumps[0] ?? '', afterDown: dumps[1] ?? '' }
  }
  if (values.dump && dumps.length === 0) dumps.push(dump(first.database), dump(first.database))
  return { proof, scratch: first, afterUp: dumps[0] ?? '', afterDown: dumps[1] ?? '' }
}

function renameOf(text: string): Rename {
  const [, kind = '', old = '', now = ''] = /^(\w+) (.*) = (.*)$/.exec(text) ?? []
  return { kind, old, new: now }
}

function shown({ up, down }: Proof): string {
  const lines = (list: Proof['up']) => list.map(({ sql }) => sql).join('\n')
  return `-- up\n${lines(up)}\n-- down\n${lines(down)}\n`
}

/** Compares what pg_dump says, without regard to the order of objects and of columns. */
async function dumpDifference(half: string, wanted: Loaded, reached: Loaded, text: string): Promise<string> {
  const expected = parts(dump(wanted.database), wanted.database.name)
  const found = parts(text, reached.database.name)
  const missing = expected.filter((part) => !found.includes(part))
  const more = found.filter((part) => !expected.includes(part))
  if (missing.length + more.length === 0) return ''
  return `pg_dump after ${half}:\n${missing.map((part) => part.replace(/^/gm, '- ')).join('\n')}\n${more.map((part) => part.replace(/^/gm, '+ ')).join('\n')}\n`
}

function parts(text: string, name: string): string[] {
  return (
    text
      .replaceAll(name, 'DB')
      .split(/\n\n+/)
      .map((part) =>
        part
          .replace(/^--.*\n?/gm, '')
          .replace(/^\\.*$/gm, '')
          .trim(),
      )
      // Who was granted something first makes no difference.
      .flatMap((part) => (/^(?:GRANT|REVOKE) /.test(part) ? part.split('\n') : [part]))
      .filter((part) => part !== '')
      .map((part) =>
        /^CREATE (?:UNLOGGED |FOREIGN )?(?:TABLE|TYPE) /.test(part)
          ? part
              .split('\n')
              .map((line) => line.replace(/,$/, ''))
              .sort()
              .join('\n')
          : part,
      )
      .map((part) =>
        part
          .replace(/::character varying\)::text/g, ')')
          .replace(/\(+('[^']*')(::[a-z ]+)?\)+/g, '$1')
          .replace(/::(?:text|character varying)(?:\[\])?/g, '')
          .replace(/[()]/g, ''),
      )
      .sort()
  )
}

function dump(database: TestDatabase<unknown>): string {
  const url = new URL(database.url ?? '')
  const container = execFileSync('docker', ['ps', '-q', '--filter', `publish=${url.port}`], { encoding: 'utf8' }).trim()
  return execFileSync(
    'docker',
    ['exec', container, 'pg_dump', '--schema-only', '-U', decodeURIComponent(url.username), '-d', database.name],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  )
}

function summary(): void {
  const suites = new Map<string, Result[]>()
  for (const result of results) {
    const suite = result.pair.name.split(':')[0] ?? ''
    suites.set(suite, [...(suites.get(suite) ?? []), result])
  }
  const count = (some: readonly Result[], outcome: Result['outcome']) =>
    some.filter((one) => one.outcome === outcome).length
  const line = (name: string, some: readonly Result[]) => {
    const ms = some.map((one) => one.ms).sort((a, b) => a - b)[Math.floor(some.length / 2)] ?? 0
    const statements = some.reduce((sum, one) => sum + one.statements, 0)
    console.log(
      `${name.padEnd(18)} ${String(some.length).padStart(5)} ${String(count(some, 'reached')).padStart(8)} ${String(count(some, 'refused')).padStart(8)} ${String(count(some, 'wrong')).padStart(6)} ${String(count(some, 'error')).padStart(6)} ${String(statements).padStart(11)} ${ms.toFixed(0).padStart(8)}`,
    )
  }
  console.log(`\n${'suite'.padEnd(18)} pairs  reached  refused  wrong  error  statements  ms (p50)`)
  for (const [suite, some] of [...suites].sort()) line(suite, some)
  line('all', results)
}

/** Counts the pairs that each peer reaches, and compares the numbers of statements where both reach the pair. */
function peerSummary(): void {
  const suites = [...new Set(results.map(({ pair }) => pair.name.split(':')[0] ?? ''))].sort()
  const names = [...new Set([...peers.values()].flatMap((some) => some.map(({ peer }) => peer)))]
  for (const name of names) {
    console.log(`\n${name.padEnd(18)} pairs  reached  wrong  error   % reached`)
    for (const suite of [...suites, 'all']) {
      const some = results.filter(({ pair }) => suite === 'all' || pair.name.startsWith(`${suite}:`))
      const theirs = some.flatMap(({ pair }) => peers.get(pair)?.find(({ peer }) => peer === name) ?? [])
      const count = (outcome: PeerResult['outcome']) => theirs.filter((one) => one.outcome === outcome).length
      const share = ((100 * count('reached')) / theirs.length).toFixed(0)
      console.log(
        `${suite.padEnd(18)} ${String(theirs.length).padStart(5)} ${String(count('reached')).padStart(8)} ${String(count('wrong')).padStart(6)} ${String(count('error')).padStart(6)} ${share.padStart(11)}`,
      )
    }
    const ratios = results.flatMap(({ pair, outcome, statements }) => {
      const other = peers.get(pair)?.find(({ peer }) => peer === name)
      const isBoth = outcome === 'reached' && other?.outcome === 'reached' && other.statements > 0 && statements > 0
      return isBoth ? [statements / other.statements] : []
    })
    const middle = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)]
    console.log(
      `statements, ours beside ${name}: median ${middle?.toFixed(2)} × over ${ratios.length} pairs that both reach`,
    )
  }
}
