/** Writes the files of a new migration, in the format of its folder. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import type { Context } from './context.ts'
import { type Numbering, nextNumber, numberingOf, oneAtATime } from './numbering.ts'

/** The folder of a new migration, and what decides on its name. */
export interface NewPlace extends Numbering {
  readonly source: Source
}

export async function newPlace(context: Context): Promise<NewPlace> {
  return { ...numberingOf(context), source: await context.source() }
}

export type NewTexts = { readonly ts: string } | { readonly up: string; readonly down: string }

/**
 * Writes all files or none, and returns their paths.
 * @throws UsageError if a file is there already, or the folder's tool does not make its migrations this way
 */
export async function writeMigration(place: NewPlace, title: string, texts: NewTexts): Promise<string[]> {
  const { folder, source } = place
  if (source.newFiles) return oneAtATime(folder, () => writeOther(place, title, texts))
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

// --- internal ---

/** Writes a migration in the format of another tool. A journal is replaced; no other file may be there already. */
async function writeOther({ folder, source }: NewPlace, title: string, texts: NewTexts): Promise<string[]> {
  if ('ts' in texts) throw new UsageError(`--ts: ${folder} is a folder of another tool, whose migrations are SQL.`)
  const sql = texts.up === '' && texts.down === '' ? undefined : texts
  const { contents, replaces } = (await source.newFiles?.(title, new Date(), sql)) ?? { contents: {}, replaces: [] }
  const files = Object.entries(contents).map(([path, content]) => ({ path, content, file: join(folder, path) }))
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
