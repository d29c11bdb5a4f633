/** Writes the files of a draft, and those of the newest migration anew, in the format of their folder. */
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readDraft, sealed, withoutMark } from '../generate/draft.ts'
import type { Migration, NewSql, Source } from '../migrate/source.ts'
import type { MigrationFiles } from '../watch/proposer.ts'
import { type NewPlace, writeMigration } from './newMigration.ts'

export function migrationFiles(place: NewPlace): MigrationFiles {
  const { source, folder } = place
  const current = (migration: Migration, text: (file: string) => string | null) =>
    new Map(pathsOf(source, migration).map((path) => [path, text(read(join(folder, path)))]))
  return {
    async draft() {
      const migration = (await source.list()).at(-1)
      const drafts = migration ? pathsOf(source, migration).map((path) => readDraft(read(join(folder, path)))) : []
      const [first] = drafts
      if (!migration || !first) return undefined
      // A down without its mark was written by hand.
      return { migration, answers: first.answers, isUntouched: drafts.every((draft) => draft?.isUntouched) }
    },
    write: (title, sql) => writeMigration(place, title, { up: sealed(sql.up), down: sealed(sql.down) }, 0, sealed),
    async writeCode(instead, title, code) {
      if (!instead) return writeMigration(place, title, { ts: code })
      return rewriteAsCode(place, instead, code)
    },
    async rewrite(migration, sql) {
      const texts = await halvesOf(source, migration, sql)
      const changed = [...texts].flatMap(([path, text]) =>
        isAlike(read(join(folder, path)), sealed(text)) ? [] : [[path, sealed(text)] as const],
      )
      return change(place, new Map(changed))
    },
    async has(migration, sql) {
      const texts = await halvesOf(source, migration, sql)
      return [...texts].every(([path, text]) => isAlike(read(join(folder, path)), text))
    },
    remove: (migration) =>
      change(
        place,
        current(migration, () => null),
      ),
    finish: (migration) => change(place, current(migration, withoutMark)),
  }
}

/** Writes a file in TypeScript in the place of a migration's SQL, under its name. */
export async function rewriteAsCode(place: NewPlace, migration: Migration, code: string): Promise<string[]> {
  const [first = '', ...others] = pathsOf(place.source, migration)
  const path = first.replace(/(?:\.up|\.down)?\.sql$/, '.ts')
  await change(place, new Map([[path, code], ...[first, ...others].map((old) => [old, null] as const)]))
  return [join(place.folder, path)]
}

// --- internal ---

/** Writes texts by their paths in the folder, and what has to change with them; null: the file goes. Returns all paths on disk. */
async function change({ source, folder }: NewPlace, texts: ReadonlyMap<string, string | null>): Promise<string[]> {
  if (texts.size === 0) return []
  const { contents, removed } = (await source.alongside?.(texts)) ?? { contents: {}, removed: [] }
  const all = new Map([...texts, ...Object.entries(contents), ...removed.map((path) => [path, null] as const)])
  return [...all].map(([path, text]) => {
    const file = join(folder, path)
    if (text === null) {
      rmSync(file, { force: true })
      // Some tools give each migration a folder of its own.
      if (dirname(path) !== '.' && readdirSync(dirname(file)).length === 0) rmdirSync(dirname(file))
    } else writeFileSync(file, text)
    return file
  })
}

/** Returns the texts of a migration's files, by their paths in the folder. */
async function halvesOf(source: Source, migration: Migration, sql: NewSql): Promise<Map<string, string>> {
  const { up, down } = migration
  const texts = new Map<string, string>()
  const add = (shown: string | undefined, text: string) => shown !== undefined && texts.set(pathOf(source, shown), text)
  if (!source.newFiles) {
    add(up, sql.up)
    add(down, sql.down)
    return texts
  }
  // The tool's own format composes the text; only the names are those that the migration has.
  const { contents } = await source.newFiles(migration.name, new Date(), sql)
  const all = Object.entries(contents).filter(([name]) => name.endsWith('.sql'))
  for (const [, text] of all) add(text === sql.down && all.length > 1 ? down : up, text)
  return texts
}

function pathsOf(source: Source, { up, down }: Migration): string[] {
  return [...new Set([up, down].flatMap((shown) => (shown === undefined ? [] : [pathOf(source, shown)])))]
}

/** Returns the path in the folder of a file that the source names. */
function pathOf({ name, format }: Source, shown: string): string {
  return format && shown.startsWith(`${name}/`) ? shown.slice(name.length + 1) : basename(shown)
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}

/** Line ends and a byte order mark are no difference: editors and git change them. */
function isAlike(text: string, other: string): boolean {
  const plain = (all: string) => all.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  return plain(text) === plain(other)
}
