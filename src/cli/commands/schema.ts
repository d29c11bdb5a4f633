import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { UsageError } from '../../migrate/errors.ts'
import { textDiff } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { paintedDiff } from '../render.ts'

/** @returns what stands before it: in its order, some refer to what comes later. */
function headOf({ dialect }: Schema): string {
  const unchecked = dialect === 'postgres' ? 'SET check_function_bodies = false;' : 'SET foreign_key_checks = 0;'
  return `-- The schema, as migratest schema writes it: to be read, compared, and to make an empty database of.\n${unchecked}\n\n`
}

export async function run(context: Context, [named]: readonly string[]): Promise<number> {
  const { check, fresh } = context.options
  if (context.options.server !== undefined && !fresh)
    throw new UsageError('--server is where --fresh makes a database.')
  if (named === '') throw new UsageError('The name of the file is empty.')
  const { schemaFile } = context.config
  const file = named ?? (schemaFile === undefined ? undefined : fromConfig(context.found, schemaFile))
  if (check && file === undefined)
    throw new UsageError('Which file is to be checked? For example: migratest schema --check schema.sql')
  const schema = fresh ? await ofMigrations(context) : await ofDatabase(context)
  const text = `${headOf(schema)}${schema}`
  if (file === undefined) {
    context.print(text.trimEnd(), schema)
    return 0
  }
  const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : ''
  if (check) {
    const same = before.replaceAll('\r\n', '\n') === text
    const words = same
      ? `${file} is up to date.`
      : `${file} differs from the schema:\n\n${paintedDiff(textDiff(before, text))}\n\nWrite it anew: migratest schema ${file}`
    context.print(words, { file, same })
    return same ? 0 : 1
  }
  write(file, text)
  context.print(before === text ? `${file} is as it was.` : `Wrote ${file}: ${schema.objects.length} objects.`, {
    file,
    objects: schema.objects.length,
    changed: before !== text,
  })
  return 0
}

/** Whoever reads it meanwhile gets the old one or the new one. A link stays one; what is no file is written to. */
function write(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file
  if (existsSync(target) && !statSync(target).isFile()) {
    writeFileSync(target, text)
    return
  }
  const part = `${target}.${process.pid}.part`
  try {
    writeFileSync(part, text, { flag: 'wx' })
    renameSync(part, target)
  } finally {
    rmSync(part, { force: true })
  }
}

async function ofDatabase(context: Context): Promise<Schema> {
  const { openSchemaReader } = await import('../../database/open.ts')
  const reader = await openSchemaReader(context.url, context.openOptions)
  try {
    return await reader.read()
  } finally {
    await reader.close()
  }
}

async function ofMigrations(context: Context): Promise<Schema> {
  const { MigratedDatabase } = await import('../../testing/migratedDatabase.ts')
  const server = await context.testServer()
  context.busy('applying the migrations to an empty database')
  const db = await MigratedDatabase.create({ server, migrations: context.migrations })
  try {
    return await db.schema()
  } finally {
    await db[Symbol.asyncDispose]()
  }
}
