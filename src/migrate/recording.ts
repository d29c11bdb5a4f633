/** What SQL a code migration runs, found by running it against a client that only listens. */
import type { Dialect } from '../sql/dialect.ts'
import { inlineParameters } from '../sql/parameters.ts'
import type { CodeBody, Sql } from './source.ts'

export interface RecordedSql {
  readonly statements: readonly string[]
  /** Why that may not be all of it. */
  readonly notes: readonly string[]
}

/** Nothing reaches a database; what else the code does (files, requests) it does. */
export async function recordSql({ run }: Pick<CodeBody, 'run'>, dialect: Dialect): Promise<RecordedSql> {
  const statements: string[] = []
  const notes = new Set<string>()
  const hear = (text: string, params: readonly unknown[] = []): Rows => {
    statements.push(inlineParameters(text.trim(), params, dialect))
    return emptyRows(() => notes.add(`goes by the rows of "${short(text)}", shown as if there were none`))
  }
  const context = {
    client: listeningClient(hear),
    sql: (async (text, params) => hear(text, params)) as Sql,
    signal: new AbortController().signal,
    log: () => undefined,
  }
  try {
    await run(context)
  } catch (error) {
    notes.add(`stopped here without a database: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { statements, notes: [...notes] }
}

// --- internal ---

type Rows = Record<string, unknown>[]
type Hear = (text: string, params?: readonly unknown[]) => Rows

/** No rows, which tell when somebody looks at them. */
function emptyRows(looked: () => void): Rows {
  return new Proxy([] as Rows, {
    get(target, key) {
      // Being awaited or printed is no look.
      if (key !== 'then' && typeof key === 'string') looked()
      if (key === Symbol.iterator) looked()
      return Reflect.get(target, key)
    },
  })
}

/** As `pg`, PGlite and mysql2 are called; what else a client can do has no answer without a database. */
function listeningClient(hear: Hear): unknown {
  const answer = (rows: Rows) => ({ rows, rowCount: 0, affectedRows: 0, fields: [] })
  const query = (asked: string | { text: string; values?: readonly unknown[] }, ...more: unknown[]) => {
    const { text, values } = typeof asked === 'string' ? { text: asked, values: more[0] } : asked
    const result = answer(hear(text, Array.isArray(values) ? values : []))
    const done = more.at(-1)
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
        throw new Error(`client.${key}() needs one`)
      }
    },
  })
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}…` : line
}
