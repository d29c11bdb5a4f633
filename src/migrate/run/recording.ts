/** Finds the SQL of a code migration by running it against a client that only records statements. */
import type { Dialect } from '../../sql/dialect.ts'
import { inlineParameters } from '../../sql/parameters.ts'
import { clearTimeout, setTimeout } from '../realTime.ts'
import type { CodeBody, RunSql } from '../source.ts'

export interface RecordedSql {
  readonly statements: readonly string[]
  /** Reasons why `statements` may be incomplete. */
  readonly notes: readonly string[]
}

/**
 * Runs the code and records its statements. No statement reaches a database, but other side effects of the code (files,
 * requests) do happen.
 */
export async function recordSql({ run }: Pick<CodeBody, 'run'>, dialect: Dialect): Promise<RecordedSql> {
  const statements: string[] = []
  const notes = new Set<string>()
  const hear = (text: string, params: readonly unknown[] = []): Heard => {
    if (statements.length >= MOST) throw new Error(`it ran more than ${MOST} statements`)
    statements.push(inlineParameters(text.trim(), params, dialect))
    const looked = () => notes.add(`depends on the rows of "${short(text)}", shown as if there were no rows`)
    return { rows: emptyRows(looked), looked }
  }
  const context = {
    client: listeningClient(hear),
    dialect,
    sql: (async (text, params) => hear(text, params).rows) as RunSql,
    signal: new AbortController().signal,
    log: () => undefined,
  }
  let timer: NodeJS.Timeout | undefined
  try {
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took more than ${LONGEST / 1000} s`)), LONGEST)
    })
    await Promise.race([run(context), tooLong])
  } catch (error) {
    notes.add(`stopped here, since there is no database: ${error instanceof Error ? error.message : String(error)}`)
  }
  clearTimeout(timer)
  return { statements, notes: [...notes] }
}

// --- internal ---

type Rows = Record<string, unknown>[]
type Heard = { readonly rows: Rows; readonly looked: () => void }
type Hear = (text: string, params?: readonly unknown[]) => Heard

const MOST = 10_000
const LONGEST = 5000

/** Returns an empty array that calls `looked` when the code reads it. */
function emptyRows(looked: () => void): Rows {
  return new Proxy([] as Rows, {
    get(target, key) {
      // Awaiting (`then`) or printing (symbols) the rows does not count as reading them.
      if (key !== 'then' && typeof key === 'string') looked()
      if (key === Symbol.iterator) looked()
      return Reflect.get(target, key)
    },
  })
}

/**
 * Returns a client with the query functions of `pg`, PGlite and mysql2. Every other method throws, because it needs a
 * database.
 */
function listeningClient(hear: Hear): unknown {
  const answer = ({ rows, looked }: Heard) => ({
    rows,
    fields: [],
    get rowCount() {
      looked()
      return 0
    },
    get affectedRows() {
      looked()
      return 0
    },
  })
  const query = (asked: string | Asked, ...more: unknown[]) => {
    const { text, values = more[0], callback, submit } = typeof asked === 'string' ? { text: asked } : (asked as Asked)
    if (submit) throw new Error('a cursor or stream needs a database')
    const result = answer(hear(text, Array.isArray(values) ? values : []))
    const done = callback ?? more.at(-1)
    if (typeof done === 'function') return void queueMicrotask(() => done(null, result))
    return Promise.resolve(result)
  }
  const known: Record<string, unknown> = {
    query,
    exec: async (text: string) => [answer(hear(text))],
    sql: async (parts: readonly string[], ...values: unknown[]) =>
      answer(
        hear(
          parts.reduce((text, part, i) => `${text}$${i}${part}`),
          values,
        ),
      ),
  }
  known.transaction = (work: (client: unknown) => unknown) => work(known)
  return new Proxy(known, {
    get(target, key) {
      if (typeof key === 'symbol' || key === 'then' || key in target) return Reflect.get(target, key)
      return () => {
        throw new Error(`client.${key}() needs a database`)
      }
    },
  })
}

/** A query object as `pg` accepts it. */
interface Asked {
  readonly text: string
  readonly values?: unknown
  readonly callback?: unknown
  readonly submit?: unknown
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}…` : line
}
