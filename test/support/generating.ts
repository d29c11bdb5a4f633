/** A change from one schema to another, written and proven on a server. */

import { inTransactions, type Scratch } from '../../src/generate/attempts.ts'
import { generate } from '../../src/generate/generate.ts'
import type { Generated } from '../../src/generate/generated.ts'
import { NO_ANSWERS } from '../../src/generate/hints.ts'
import { postgresGenerator } from '../../src/generate/postgres/generator.ts'
import { prove } from '../../src/generate/proof/prove.ts'
import type { GivenAnswers } from '../../src/generate/questions/answers.ts'
import { neutralAnswers } from '../../src/generate/questions/neutral.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { anyPostgres } from './servers.ts'

export interface Wish {
  readonly from: string
  readonly to: string
  /** Inserts into the tables of `from`. */
  readonly rows?: string
  readonly answers?: GivenAnswers
  readonly server?: TestServer<unknown>
  readonly online?: boolean
  readonly leave?: readonly string[]
  readonly only?: readonly string[]
}

/** Generates with rows in the tables; what goes is dropped, and nothing is a rename, unless the answers say so. */
export async function generated({
  from,
  to,
  rows,
  answers,
  server = anyPostgres as TestServer<unknown>,
  online = false,
  leave = [],
  only = [],
}: Wish): Promise<Generated> {
  return generate({
    server,
    migrations: memory({ '1_before.up.sql': from }),
    wanted: { sql: [{ name: 'wanted.sql', sql: to }] },
    answers: { destroy: true, askRenames: false, ...answers },
    ...(online && { online }),
    leave,
    only,
    ...(rows !== undefined && { rows: async (db) => db.run(rows) }),
  })
}

/** A database with one migration, and the rows that are in it after another. */
export async function statementsOf(wish: Wish): Promise<string[]> {
  const { up } = await generated(wish)
  return up.map(({ sql }) => sql.replace(/\s+/g, ' '))
}

/** Proves that two schemas reach each other, on databases that nothing else is prepared for. */
export async function reachEachOther(from: string, to: string): Promise<void> {
  const server = anyPostgres
  const databases = [await server.create(), await server.create()] as const
  try {
    const [first, second] = await Promise.all(databases.map((database) => database.connect()))
    if (!first || !second) throw new Error('not connected')
    await Promise.all([databases[0].query(first, from), databases[1].query(second, to)])
    const wanted = await databases[1].readSchema()
    const db: Scratch = {
      run: async (sql) => void (await databases[0].query(first, sql)),
      rows: (sql) => databases[0].query(first, sql),
      schema: () => databases[0].readSchema(undefined, first, true),
      dispose: async () => undefined,
    }
    const before = await db.schema()
    const answers = {
      up: neutralAnswers(before, wanted, NO_ANSWERS),
      down: neutralAnswers(wanted, before, NO_ANSWERS),
    }
    await prove(inTransactions(db), postgresGenerator, wanted, answers)
    await Promise.all([databases[0].disconnect(first), databases[1].disconnect(second)])
  } finally {
    await Promise.all(databases.map((database) => database.drop()))
  }
}
