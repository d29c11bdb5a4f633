/** The wanted side: a schema that is there already, or what SQL builds in an empty database. */
import type { Hidden, Source } from '../../migrate/source.ts'
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { statementOf } from '../../schema/text.ts'
import { hiddenOf } from '../../testing/lease/migratedDatabase.ts'
import { sourceOf } from '../../testing/lease/migrations.ts'
import type { TestServer } from '../../testing/testServer.ts'
import type { GenerateOptions } from '../generateOptions.ts'
import { sentTexts } from '../text.ts'
import { loadWanted, type WantedText } from './wanted.ts'

export interface WantedSchema {
  readonly to: Schema
  readonly left: readonly string[]
}

/** Reads the wanted schema. What it returns adds what is left alone, once the other side is known. */
export async function wantedSchema<Client>(
  options: GenerateOptions<Client>,
  source: Source,
): Promise<(from: Schema) => Promise<WantedSchema>> {
  const { wanted, server } = options
  if ('schema' in wanted) return async () => ({ to: wanted.schema, left: [] })
  const hidden = hiddenOf(source, options, server.dialect)
  const to = await onEmptyDatabase(server, source, hidden, async (run, read) => {
    await loadWanted(run, wanted.sql, server.dialect)
    return read()
  })
  return async (from) => {
    if (!wanted.partial || !knowsLess(from, to)) return { to, left: [] }
    return onEmptyDatabase(server, source, hidden, async (run, read) => {
      await loadWanted(run, wanted.sql, server.dialect)
      const left = await leave(run, from, to)
      return { to: left.length === 0 ? to : await read(), left }
    })
  }
}

/** Reads the schema that SQL describes. @throws NothingWantedError, WantedSqlError */
export async function readWanted<Client>(
  options: Pick<GenerateOptions<Client>, 'server' | 'migrations' | 'table' | 'schema'>,
  sql: readonly WantedText[],
): Promise<Schema> {
  const source = await sourceOf(options.migrations)
  const hidden = hiddenOf(source, options, options.server.dialect)
  return onEmptyDatabase(options.server, source, hidden, async (run, read) => {
    await loadWanted(run, sql, options.server.dialect)
    return read()
  })
}

// --- internal ---

async function onEmptyDatabase<Client, T>(
  server: TestServer<Client>,
  source: Source,
  hidden: Hidden,
  work: (run: (sql: string) => Promise<unknown>, read: () => Promise<Schema>) => Promise<T>,
): Promise<T> {
  const database = await server.create(source.format?.before())
  try {
    const client = await database.connect()
    try {
      return await work(
        async (sql) => {
          for (const one of sentTexts(sql, server.dialect)) await database.query(client, one)
        },
        () => database.readSchema(hidden),
      )
    } finally {
      await database.disconnect(client)
    }
  } finally {
    await database.drop()
  }
}

/** Kinds of objects that tables do not need, and that a tool which prints SQL may know nothing of. */
const LEFT_ALONE: readonly SchemaObject['kind'][] = [
  'extension',
  'routine',
  'view',
  'trigger',
  'rule',
  'policy',
  'statistics',
  'event-trigger',
  'event',
  'default-privileges',
  'other',
]

function knowsLess(from: Schema, to: Schema): boolean {
  const known = new Set(to.objects.map(({ kind }) => kind))
  return from.objects.some(({ kind }) => LEFT_ALONE.includes(kind) && !known.has(kind))
}

/** Makes the objects of the kinds that the wanted side has none of, as far as they still can be made. */
async function leave(run: (sql: string) => Promise<unknown>, from: Schema, to: Schema): Promise<string[]> {
  const known = new Set(to.objects.map(({ kind }) => kind))
  const left: string[] = []
  let open = from.objects.filter(
    ({ kind, head }) => LEFT_ALONE.includes(kind) && !known.has(kind) && !head.startsWith('--'),
  )
  for (let before = -1; before !== open.length; ) {
    before = open.length
    const failed: SchemaObject[] = []
    for (const object of open) {
      try {
        await run(statementOf(object))
        for (const sql of object.more) if (!sql.startsWith('--')) await run(sql)
        left.push(`${object.kind} ${object.name}`)
      } catch {
        failed.push(object)
      }
    }
    open = failed
  }
  return left
}
