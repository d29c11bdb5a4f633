/** Generated rows for the proof. They show what an empty table hides; what they show may still be the right thing to do. */
import { kindOfClient } from '../../database/kinds.ts'
import { fillTables } from '../../fill/fillTables.ts'
import { openFill } from '../../fill/openFill.ts'
import type { Attempts } from '../attempts.ts'
import { CannotGenerateError, GenerateProofError } from '../errors.ts'
import type { Proof } from './prove.ts'

interface Ways {
  /** A database with rows in the tables. */
  readonly withRows: Attempts
  readonly without: () => Promise<Attempts>
  readonly run: (attempts: Attempts) => Promise<Proof>
}

/**
 * Proves with rows in the tables. If that fails, proves without them, and says so: a new check, for example, may refuse generated values but
 * none that is really there.
 * @throws what the proof without rows throws
 */
export async function proveWithRows(
  tables: readonly string[],
  { withRows, without, run }: Ways,
): Promise<Proof & { readonly remark?: string }> {
  if (tables.length === 0) return told(await run(withRows), 'the rows that are there')
  let failed: Error
  try {
    return told(await run(withRows), `generated rows in ${named(tables)}`)
  } catch (error) {
    if (!(error instanceof CannotGenerateError || error instanceof GenerateProofError)) throw error
    failed = error
  }
  const attempts = await without()
  try {
    const remark = `With generated rows in ${named(tables)}, it fails: ${reasonOf(failed.message)}`
    return { ...(await run(attempts)), remark }
  } finally {
    await attempts.dispose()
  }
}

/** Adds a few rows to tables, and to those they refer to. A table that takes none stays empty. */
export async function someRows(client: object, names: readonly string[]): Promise<void> {
  const { borrow } = await kindOfClient(client)
  if (!borrow) return
  const borrowed = await borrow(client)
  try {
    const database = openFill(borrowed)
    const tables = await database.readTables({ tables: [], schemas: [] })
    const plain = new Set(names.map((name) => name.replace(/["`]/g, '')))
    const wanted = new Map(tables.filter(({ name }) => plain.has(name)).map(({ id }) => [id, ROWS]))
    await database.transaction(() => fillTables(database, tables, wanted, { set: 'plain', partitions: false }))
  } finally {
    await borrowed.session.close()
  }
}

// --- internal ---

const ROWS = 5

/** So many tables are named; more are counted. */
const MOST_NAMES = 5

function told(proof: Proof, rows: string): Proof {
  if (proof.remark === undefined) return proof
  return {
    ...proof,
    remark: `With ${rows}, the down fails, and rows would have to go before: ${reasonOf(proof.remark)}`,
  }
}

function named(tables: readonly string[]): string {
  return tables.length > MOST_NAMES ? `${tables.length} tables` : tables.join(', ')
}

function reasonOf(message: string): string {
  return message.replace(/^No statements were found that lead to the wanted schema\. /, '')
}
