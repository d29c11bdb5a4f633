/** Writes the files of a new migration, in the format of its folder. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { Context } from './context.ts'
import { type Numbering, nextNumber, numberingOf, oneAtATime } from './numbering.ts'

/** The folder of a new migration, and what decides on its name. */
export interface NewPlace extends Numbering {
  readonly source: Source
  /** The dialect of the SQL that is written. */
  readonly dialect: Dialect
}

export async function newPlace(context: Context): Promise<NewPlace> {
  return { ...numberingOf(context), source: await context.source(), dialect: context.dialect }
}

export type NewTexts = { readonly ts: string } | { readonly up: string; readonly down: string }

/**
 * Writes all files or none, and returns their paths.
 * @param nth 0, or how many were written just before: a format that numbers by time counts on from there
 * @param finished returns what is written of an SQL file's text
 * @throws UsageError if a file is there already, or the folder's tool does not make its migrations this way
 */
export async function writeMigration(
  place: NewPlace,
  title: string,
  texts: NewTexts,
  nth = 0,
  finished = (text: string) => text,
): Promise<string[]> {
  const { folder, source } = place
  if (source.newFiles) return oneAtATime(folder, () => writeOther(place, title, texts, nth, finished))
  mkdirSync(folder, { recursive: true })
  return oneAtATime(folder, async () => {
    const number = await nextNumber(place)
    const halves = 'ts' in texts ? { ts: texts.ts } : { 'up.sql': texts.up, 'down.sql': texts.down }
    const files = Object.entries(halves).map(([ending, text]) => ({
      file: join(folder, `${number}_${title}.${ending}`),
      content: text,
    }))
    for (const { file } of files) if (existsSync(file)) throw new UsageError(`${file} already exists.`)
    return write(files, 'wx')
  })
}

/** A migration of several that follow one another. */
export interface NextMigration {
  readonly title: string
  readonly up: string
  readonly down: string
  /** `true` if a half must not run in a transaction. */
  readonly alone: boolean
  /** The file in TypeScript that stands for both halves. */
  readonly code?: string | undefined
}

/**
 * Writes all migrations or none, and returns their paths.
 * @throws UsageError like {@link writeMigration}, and for a folder whose tool runs every migration in a transaction
 */
export async function writeMigrations(place: NewPlace, migrations: readonly NextMigration[]): Promise<string[]> {
  const { format } = place.source
  if (format && migrations.some(({ alone }) => alone)) {
    throw new UsageError(
      `--online: ${place.folder} is a folder of ${format.tool}, which has its own way of running a migration outside of a transaction.`,
      {
        hint: 'Write what --dry-run prints into files of your own.',
      },
    )
  }
  const written: string[] = []
  try {
    for (const [i, { title, up, down, code }] of migrations.entries())
      written.push(...(await writeMigration(place, title, code === undefined ? { up, down } : { ts: code }, i)))
  } catch (error) {
    if (!format) for (const file of written) rmSync(file, { force: true })
    throw error
  }
  return written
}

// --- internal ---

/** Writes a migration in the format of another tool. A journal is replaced; no other file may be there already. */
async function writeOther(
  { folder, source, dialect }: NewPlace,
  title: string,
  texts: NewTexts,
  nth: number,
  finished: (text: string) => string,
): Promise<string[]> {
  if ('ts' in texts) throw new UsageError(`--ts: ${folder} is a folder of another tool, whose migrations are SQL.`)
  const sql = texts.up === '' && texts.down === '' ? undefined : texts
  const { contents, replaces } = (await source.newFiles?.(title, new Date(Date.now() + nth * 1000), sql, dialect)) ?? {
    contents: {},
    replaces: [],
  }
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    content: path.endsWith('.sql') ? finished(text) : text,
    file: join(folder, path),
  }))
  const there = files.find(({ path, file }) => existsSync(file) && !replaces.includes(path))
  if (there) throw new UsageError(`${there.file} already exists.`)
  return write(files, 'w')
}

/** A file that cannot be written takes those before it along. */
function write(files: readonly { readonly file: string; readonly content: string }[], flag: 'w' | 'wx'): string[] {
  const written: string[] = []
  try {
    for (const { file, content } of files) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content, { flag })
      written.push(file)
    }
  } catch (error) {
    if (flag === 'wx') for (const file of written) rmSync(file, { force: true })
    throw error
  }
  return files.map(({ file }) => file)
}
