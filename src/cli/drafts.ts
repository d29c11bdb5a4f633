/** Writes the files of a draft, and those of the newest migration anew, in the format of their folder. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readDraft, sealed, withoutMark } from '../generate/draft.ts'
import type { Migration, NewSql, Source } from '../migrate/source.ts'
import type { MigrationFiles } from '../watch/proposer.ts'
import { type NewPlace, writeMigration } from './newMigration.ts'

export function migrationFiles(place: NewPlace): MigrationFiles {
  const { source, folder } = place
  return {
    get fixed() {
      return fixedIn(source)
    },
    async draft() {
      const migration = (await source.list()).at(-1)
      const drafts = migration ? filesOf(source, folder, migration).map((file) => readDraft(read(file))) : []
      const [first] = drafts
      if (!migration || !first) return undefined
      // A down without its mark was written by hand.
      return { migration, answers: first.answers, isUntouched: drafts.every((draft) => draft?.isUntouched) }
    },
    async write(title, sql) {
      const files = await writeMigration(place, title, sql)
      for (const file of files) if (file.endsWith('.sql')) writeIfOther(file, sealed(read(file)))
      return files
    },
    async writeCode(instead, title, code) {
      if (!instead) return writeMigration(place, title, { ts: code })
      return rewriteAsCode(place, instead, code)
    },
    async rewrite(migration, sql) {
      const files = await halvesOf(source, folder, migration, sql)
      return files.filter(({ file, text }) => writeIfOther(file, sealed(text))).map(({ file }) => file)
    },
    async has(migration, sql) {
      const files = await halvesOf(source, folder, migration, sql)
      return files.every(({ file, text }) => isAlike(read(file), text))
    },
    async remove(migration) {
      const files = filesOf(source, folder, migration)
      for (const file of files) rmSync(file, { force: true })
      return files
    },
    async finish(migration) {
      const files = filesOf(source, folder, migration)
      for (const file of files) writeFileSync(file, withoutMark(read(file)))
      return files
    },
  }
}

/** Writes a file in TypeScript in the place of a migration's SQL, under its name. */
export function rewriteAsCode({ source, folder }: NewPlace, migration: Migration, code: string): string[] {
  const files = filesOf(source, folder, migration)
  const file = (files[0] ?? '').replace(/(?:\.up|\.down)?\.sql$/, '.ts')
  writeFileSync(file, code)
  for (const old of files) rmSync(old, { force: true })
  return [file]
}

// --- internal ---

/** Returns why a migration cannot be written anew; undefined if it can. */
function fixedIn({ format }: Source): string | undefined {
  const tool = format?.tool ?? ''
  if (!['Atlas', 'Drizzle'].includes(tool)) return undefined
  return `${tool} keeps a list of its migrations, so each change is a migration of its own, and none is written anew.`
}

/** Returns the files of a migration with their new texts. */
async function halvesOf(source: Source, folder: string, migration: Migration, sql: NewSql) {
  const path = (shown: string) => pathOf(source, folder, shown)
  if (!source.newFiles) {
    const { up, down } = migration
    return [
      ...(up === undefined ? [] : [{ file: path(up), text: sql.up }]),
      ...(down === undefined ? [] : [{ file: path(down), text: sql.down }]),
    ]
  }
  // The tool's own format composes the text; only the names are those that the migration has.
  const { contents } = await source.newFiles(migration.name, new Date(), sql)
  const texts = Object.entries(contents).filter(([name]) => name.endsWith('.sql'))
  const isDown = (text: string) => text === sql.down && texts.length > 1
  return texts.flatMap(([, text]) => {
    const shown = isDown(text) ? migration.down : migration.up
    return shown === undefined ? [] : [{ file: path(shown), text }]
  })
}

function filesOf(source: Source, folder: string, { up, down }: Migration): string[] {
  const shown = [up, down].filter((path) => path !== undefined)
  return [...new Set(shown.map((path) => pathOf(source, folder, path)))]
}

/** Returns the path of a file that the source names. */
function pathOf({ name, format }: Source, folder: string, shown: string): string {
  return join(folder, format && shown.startsWith(`${name}/`) ? shown.slice(name.length + 1) : basename(shown))
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}

/** Returns `false` if the file has this text already. */
function writeIfOther(file: string, text: string): boolean {
  if (isAlike(read(file), text)) return false
  writeFileSync(file, text)
  return true
}

/** Line ends and a byte order mark are no difference: editors and git change them. */
function isAlike(text: string, other: string): boolean {
  const plain = (all: string) => all.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  return plain(text) === plain(other)
}
