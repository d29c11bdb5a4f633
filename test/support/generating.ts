/** A change from one schema to another, written and proven on a server. */
import type { GivenAnswers } from '../../src/generate/answers.ts'
import { type Generated, generate } from '../../src/generate/generate.ts'
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
}

/** Generates with rows in the tables; what goes is dropped, and nothing is a rename, unless the answers say so. */
export async function generated({
  from,
  to,
  rows,
  answers,
  server = anyPostgres as TestServer<unknown>,
}: Wish): Promise<Generated> {
  return generate({
    server,
    migrations: memory({ '1_before.up.sql': from }),
    wanted: { sql: [{ name: 'wanted.sql', sql: to }] },
    answers: { destroy: true, askRenames: false, ...answers },
    ...(rows !== undefined && { rows: async (db) => db.run(rows) }),
  })
}

/** A database with one migration, and the rows that are in it after another. */
export async function statementsOf(wish: Wish): Promise<string[]> {
  const { up } = await generated(wish)
  return up.map(({ sql }) => sql.replace(/\s+/g, ' '))
}
