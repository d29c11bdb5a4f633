/** Says how many rows of the development database are in what a migration drops. It only looks, and says nothing if it cannot. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RowReader } from '../database/rowReader.ts'
import type { Context } from './context.ts'
import { plural } from './render.ts'

/** Returns a sentence for each table and column with something in it. @param named `table users`, `column users.email` */
export async function destroyedRows(context: Context, named: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const objects = named.filter((object) => !object.startsWith('sequence '))
  if (objects.length === 0 || !context.hasDatabase) return new Map()
  const counting = count(context, objects).catch(() => new Map<string, string>())
  return Promise.race([counting, sleep(MOST_MS, new Map<string, string>(), { ref: false })])
}

// --- internal ---

/** Nobody waits longer for a database that does not answer. */
const MOST_MS = 3000

async function count(context: Context, objects: readonly string[]): Promise<Map<string, string>> {
  const [{ openRowReader, locateDatabase }, options] = await Promise.all([
    import('../database/open.ts'),
    context.openOptions(),
  ])
  const { url } = context
  const [reader, { database = '' }] = await Promise.all([openRowReader(url, options), locateDatabase(url)])
  try {
    const found = new Map<string, string>()
    for (const object of objects) {
      const total = await totalOf(reader, object).catch(() => 0)
      if (total === 0) continue
      const isColumn = object.startsWith('column ')
      found.set(
        object,
        `${object} has ${isColumn ? plural(total, 'value') : plural(total, 'row')} in the database ${database}.`,
      )
    }
    return found
  } finally {
    await reader.close()
  }
}

async function totalOf(reader: RowReader, object: string): Promise<number> {
  const path = (object.slice(object.indexOf(' ') + 1).match(/"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^.]+/g) ?? []).map(plain)
  const column = object.startsWith('column ') ? path.pop() : undefined
  const table = path.pop() ?? ''
  const near = (await reader.tables()).find(
    (one) => one.name === table && (path[0] === undefined ? one.near : one.schema === path[0]),
  )
  if (!near) return 0
  const filter = column === undefined ? undefined : ({ column, operator: 'set', value: '' } as const)
  return (await reader.rows({ schema: near.schema, table, filter })).total
}

function plain(name: string): string {
  const quote = name[0] ?? ''
  return quote === '"' || quote === '`' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name
}
