import { existsSync, readFileSync, statSync } from 'node:fs'
import { UsageError } from '../../migrate/errors.ts'
import { textDiff } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { paintedDiff } from '../render.ts'
import { schemaFileText, writeSchema } from '../schemaFile.ts'

export async function run(context: Context, [named]: readonly string[]): Promise<number> {
  const { check, fresh } = context.options
  if (context.options.server !== undefined && !fresh)
    throw new UsageError('--server is only used together with --fresh.')
  if (named === '') throw new UsageError('The name of the file is empty.')
  const { schemaFile } = context.config
  const file = named ?? (schemaFile === undefined ? undefined : fromConfig(context.found, schemaFile))
  if (check && file === undefined)
    throw new UsageError('Which file is to be checked? For example: migratest schema --check schema.sql')
  const schema = fresh ? await ofMigrations(context) : await ofDatabase(context)
  for (const { head } of schema.objects) {
    if (head.startsWith('-- not ')) context.tell(`warning: ${head.slice(3)}`)
  }
  const text = schemaFileText(schema)
  if (file === undefined) {
    context.print(text.trimEnd(), schema)
    return 0
  }
  if (check) {
    const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : ''
    const same = before.replaceAll('\r\n', '\n') === text
    const words = same
      ? `${file} is up to date.`
      : `${file} differs from the schema:\n\n${paintedDiff(textDiff(before, text))}\n\nTo update it: migratest schema ${file}`
    context.print(words, { file, same })
    return same ? 0 : 1
  }
  const changed = writeSchema(file, schema)
  context.print(changed ? `Wrote ${file}: ${schema.objects.length} objects.` : `${file} is unchanged.`, {
    file,
    objects: schema.objects.length,
    changed,
  })
  return 0
}

async function ofDatabase(context: Context): Promise<Schema> {
  const { openSchemaReader } = await import('../../database/open.ts')
  const reader = await openSchemaReader(context.url, await context.openOptions())
  try {
    return await reader.read()
  } finally {
    await reader.close()
  }
}

async function ofMigrations(context: Context): Promise<Schema> {
  const { MigratedDatabase } = await import('../../testing/lease/migratedDatabase.ts')
  const server = await context.testServer()
  context.busy('applying the migrations to an empty database')
  const db = await MigratedDatabase.create({ server, migrations: context.migrations })
  try {
    return await db.schema()
  } finally {
    await db[Symbol.asyncDispose]()
  }
}
