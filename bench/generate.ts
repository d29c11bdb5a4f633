/** Writing a migration with its proof, comparing a database with the migrations, and building a snapshot from nothing. */
import { randomBytes } from 'node:crypto'
import { generate, memory } from '../dist/index.js'
import { mariadb } from '../dist/presets/mariadb.js'
import { mysql } from '../dist/presets/mysql.js'
import { postgres } from '../dist/presets/postgres.js'
import { MigratedDatabase, settled } from '../dist/src/testing/lease/migratedDatabase.js'
import type { TestServer } from '../dist/src/testing/testServer.js'
import { interleaved, table } from './measure.ts'

const SERVERS: readonly (readonly [string, TestServer<never>])[] = [
  ['PostgreSQL', postgres() as TestServer<never>],
  ['MariaDB', mariadb() as TestServer<never>],
  ['MySQL', mysql() as TestServer<never>],
]

export async function generating(): Promise<void> {
  await building(100, 9)
  await writing(50, 1, 11)
  await writing(1000, 50, 3, ['PostgreSQL'])
  await comparing([50, 500], 7)
  await settled()
}

// --- internal ---

/** Two migrations a table: it refers to the one before, and gets a column and an index. */
function files(tables: number, tag = ''): Record<string, string> {
  const made: Record<string, string> = {}
  for (let i = 1; i <= tables; i++) {
    const refers = i > 1 ? `, other int, foreign key (other) references t${i - 1} (id)` : ''
    made[`${2 * i - 1}_t.up.sql`] =
      `create table t${i} (id int primary key, name varchar(50) not null default '${tag}'${refers})`
    made[`${2 * i - 1}_t.down.sql`] = `drop table t${i}`
    made[`${2 * i}_c.up.sql`] = `alter table t${i} add c int not null default 0;\ncreate index t${i}_c on t${i} (c)`
    made[`${2 * i}_c.down.sql`] = `alter table t${i} drop column c`
  }
  return made
}

async function building(count: number, rounds: number): Promise<void> {
  const series = await interleaved(
    SERVERS.map(([name]) => name),
    rounds,
    async (name) => {
      const server = serverOf(name)
      const migrations = memory(files(count / 2, randomBytes(6).toString('hex')))
      const begun = performance.now()
      const db = await MigratedDatabase.create({ server, migrations })
      const ms = performance.now() - begun
      await db[Symbol.asyncDispose]()
      return ms
    },
  )
  console.log(
    `## A test's database at version ${count}, when no snapshot of it is there (${rounds} rounds)\n\n${table(series)}\n`,
  )
}

async function writing(tables: number, changes: number, rounds: number, only?: readonly string[]): Promise<void> {
  const migrations = memory(files(tables))
  const names = SERVERS.map(([name]) => name).filter((name) => only?.includes(name) ?? true)
  const wanted = new Map<string, string>()
  for (const name of names) {
    const db = await MigratedDatabase.create({ server: serverOf(name), migrations })
    const more = Array.from({ length: changes }, (_, i) => `alter table t${i + 2} add column email varchar(100) null;`)
    wanted.set(name, `${await db.schema()}\n${more.join('\n')}\n`)
    await db[Symbol.asyncDispose]()
  }
  const series = await interleaved(names, rounds, async (name) => {
    const begun = performance.now()
    const { up } = await generate({
      server: serverOf(name),
      migrations,
      wanted: { sql: [{ name: 'schema.sql', sql: wanted.get(name) ?? '' }] },
    })
    if (up.length !== changes) throw new Error(`${name}: ${up.length} statements`)
    return performance.now() - begun
  })
  console.log(
    `## generate: ${2 * tables} migrations, ${tables} tables, ${changes} changed, both halves proven (${rounds} rounds)\n\n${table(series)}\n`,
  )
}

async function comparing(counts: readonly number[], rounds: number): Promise<void> {
  for (const tables of counts) {
    const migrations = memory(files(tables))
    const series = await interleaved(
      SERVERS.map(([name]) => name).filter((name) => tables <= 50 || name === 'PostgreSQL'),
      rounds,
      async (name) => {
        const server = serverOf(name)
        const live = await MigratedDatabase.create({ server, migrations })
        const begun = performance.now()
        const built = await MigratedDatabase.create({ server, migrations })
        const [one, other] = await Promise.all([live.schema(), built.schema()])
        const { changes } = one.diff(other)
        const ms = performance.now() - begun
        if (changes.length > 0) throw new Error(`${name}: ${changes.length} changes`)
        await Promise.all([live, built].map((db) => db[Symbol.asyncDispose]()))
        return ms
      },
    )
    console.log(
      `## diff: a database of ${tables} tables against the migrations (${rounds} rounds)\n\n${table(series)}\n`,
    )
  }
}

function serverOf(name: string): TestServer<never> {
  return SERVERS.find(([known]) => known === name)?.[1] as TestServer<never>
}
