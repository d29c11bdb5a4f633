/** Finds out what a statement runs that does not say so itself: EXECUTE of a prepared text, and LOCK TABLES. */
import type { ObservedStatement } from '../../../migrate/driver.ts'
import type { Blocks } from '../../effects.ts'

type Query = ObservedStatement['query']

/** The statements that a session has prepared. */
export class Prepared {
  readonly #texts = new Map<string, string>()

  /** Returns the text that the server runs for a statement: the prepared one for EXECUTE, otherwise its own. */
  async textOf(statement: string, query: Query): Promise<string> {
    const [, name, from] = /^prepare\s+(`[^`]+`|[\w$]+)\s+from\s+([\s\S]+)$/i.exec(statement) ?? []
    if (name && from) {
      const text = await askedFor(from, query)
      if (text === undefined) this.#texts.delete(name.toLowerCase())
      else this.#texts.set(name.toLowerCase(), text)
      return statement
    }
    const [, immediate] = /^execute\s+immediate\s+([\s\S]+)$/i.exec(statement) ?? []
    if (immediate) return (await askedFor(immediate, query)) ?? statement
    // With values, it is a query or changes rows, and its text alone would not run.
    const [, executed] = /^execute\s+(`[^`]+`|[\w$]+)\s*$/i.exec(statement) ?? []
    return (executed && this.#texts.get(executed.toLowerCase())) ?? statement
  }
}

/** Returns what LOCK TABLES keeps others from, by table. */
export function lockedBy(statement: string): (readonly [table: string, blocks: Blocks])[] {
  const [, list = ''] = /^lock\s+tables?\s+([^;]+)/i.exec(statement) ?? []
  return list.split(',').flatMap((one): [string, Blocks][] => {
    const [, name = '', how = ''] = /^\s*(\S+)[\s\S]*\b(read|write)(?:\s+local)?\s*$/i.exec(one) ?? []
    if (name === '') return []
    return [[(name.split('.').at(-1) ?? name).replaceAll('`', ''), /write/i.test(how) ? 'reads' : 'writes']]
  })
}

// --- internal ---

/** Asks the server for the value of a variable, or of a text, that is to be prepared. */
async function askedFor(sql: string, query: Query): Promise<string | undefined> {
  const [row] = await query(`SELECT ${sql} AS text`).catch(() => [])
  return row?.text == null ? undefined : String(row.text)
}
