/**
 * The base of all sources for folders of other tools. A format says what the tool does; {@link sourceOfFormat} makes a
 * source of it.
 */

import { DuplicateVersionError, UsageError } from '../../migrate/errors.ts'
import type {
  Alongside,
  Bookkeeping,
  CodeKey,
  Direction,
  Migration,
  MigrationBody,
  NewSql,
  NoCodeKey,
  OneTransaction,
  Source,
  SqlBody,
} from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { LoadedModule } from '../files.ts'
import { keyOfObject, textOfOptions } from '../identity.ts'
import type { Adapt } from '../module/loader.ts'
import { withSql } from './withSql.ts'

/** The files of a folder, wherever they are stored. */
export interface Folder {
  /** The folder as messages name it, such as `prisma/migrations`. */
  readonly shown: string
  /** The absolute path of a folder on disk. */
  readonly path?: string | undefined
  /** Lists all files, also those in subfolders, as paths relative to the folder: `20240612_split/migration.sql`. */
  files(): readonly string[]
  /** Reads a file. @throws UnreadableFileError */
  bytes(path: string): Uint8Array
  /** Reads a file as UTF-8 text; a byte order mark stays. @throws UnreadableFileError */
  text(path: string): string
  /**
   * Loads a file that is code. Returns the same object until the file, or one that it imports, changes.
   * @param adapt makes a migration of its exports @throws ScriptError, UnreadableFileError, NotInstalledError
   */
  load?(path: string, adapt: Adapt): Promise<LoadedModule>
  /**
   * Imports a package as a migration in the folder would: the project's own copy.
   * @param purpose what needs it, as the subject of a sentence: `A migration of Knex` @throws NotInstalledError
   */
  importPackage?(name: string, purpose: string): Promise<object>
  /**
   * Returns what determines the effect of a file that is code, without running it.
   * @param library the package that the tool's migrations run with
   * @param drivers see {@link CodeFormat.drivers}
   */
  codeKey?(path: string, library: string, drivers?: readonly string[]): Promise<CodeKey | NoCodeKey>
  /** Reads a file of the folder above, if there is one. */
  above?(name: string): string | undefined
}

/** Describes one tool's folder and how the tool runs it. `Data` is the type of what the format keeps for each migration. */
export interface Format<Data = undefined> {
  /** The tool's name, such as `Prisma`. */
  readonly tool: string
  /** `false` if the tool has no downs. A format that finds out from the folder has the answer after `list()`. */
  readonly downs: boolean
  /** May depend on the folder too, as {@link downs}. */
  readonly outOfOrder: 'error' | 'apply' | 'ignore'
  /** How the tool treats an applied migration whose file is gone; default `error`. */
  readonly missing?: 'error' | 'ignore'
  /** See {@link SourceFormat.nameless}; may depend on the folder, as {@link downs}. */
  readonly nameless?: boolean
  /** See {@link SourceFormat.oneTransaction}; may depend on the folder, as {@link downs}. */
  readonly oneTransaction?: OneTransaction | undefined
  /** Returns the part of a migration's name by which the tool identifies it; default: the whole name. */
  identify?(name: string): string
  /**
   * Lists the migrations in the tool's order.
   * @throws SourceNotFoundError, FileNameError, UsageError for a folder that the tool would refuse
   */
  list(folder: Folder): Listing<Data>
  /**
   * Returns the SQL texts that the tool, or its platform, runs in a new database before the first migration: in a test's
   * database, and in one that `watch` has made.
   */
  before?(folder: Folder): readonly string[]
  /** Reads one half; returns null if there is none. Offsets in the text must be those in the file. */
  body(folder: Folder, entry: Entry<Data>, direction: Direction): SqlBody | null
  bookkeeping(dialect: Dialect, books: Books<Data>): Bookkeeping
  /**
   * Returns the files of a new migration without SQL, by path. A path that exists already, such as a journal, is
   * replaced. @throws UsageError if the tool makes its migrations in another way
   */
  create(title: string, made: NewMigration<Data>): Readonly<Record<string, string>>
  /** See {@link Source.alongside}; for tools that list their migrations. */
  alongside?(folder: Folder, changes: ReadonlyMap<string, string | null>): Alongside
}

/** A format whose migrations are code, or that has to load code to list them. */
export interface CodeFormat<Data = undefined> extends Omit<Format<Data>, 'list' | 'body'> {
  /** The package that the migrations run with. Its version is part of what they do. */
  readonly library: string
  /** Packages for single databases that the library runs with. The versions of those that are installed count, too. */
  readonly drivers?: readonly string[]
  list(folder: Folder): Listing<Data> | Promise<Listing<Data>>
  body(folder: Folder, entry: Entry<Data>, direction: Direction): Promise<MigrationBody | null>
  /** Returns the object or class of a migration that the tool was handed; undefined if it is a file. */
  handed?(entry: Entry<Data>): object | undefined | Promise<object | undefined>
}

/** Where and when a new migration is made. */
export interface NewMigration<Data = undefined> {
  readonly folder: Folder
  /** The migrations of the folder, in the tool's order. */
  readonly entries: readonly Entry<Data>[]
  readonly now: Date
  /** The text of the migration, for a tool that writes something about it elsewhere, such as a checksum. */
  readonly sql?: NewSql
}

/** The folder and its migrations, from which the SQL of a tool's table is made. */
export interface Books<Data> {
  readonly folder: Folder
  /** Finds a migration of the last `list()` by its identity. */
  entry(identity: string): Entry<Data> | undefined
}

export interface Listing<Data = undefined> {
  readonly entries: readonly Entry<Data>[]
  /** Notes for the user about the folder, one sentence each. */
  readonly remarks: readonly string[]
}

/** A migration in a folder. */
export interface Entry<Data = undefined> {
  /** The name, such as `20240612_split_names`; unique in the folder. */
  readonly name: string
  /** The number that the name begins with. */
  readonly number?: number | undefined
  /** Paths of the files with the halves, relative to the folder. */
  readonly up: string
  readonly down?: string | undefined
  readonly data: Data
}

/** Makes a source of a folder. @param options what the user chose for the format; another choice is another database */
export function sourceOfFormat<Data>(
  format: Format<Data> | CodeFormat<Data>,
  disk: Folder,
  options: object = {},
): Source {
  let files: readonly string[] | undefined
  // Reading a folder takes far longer than reading a file of it, so its names are read once for each list.
  const folder: Folder = {
    ...disk,
    files: () => {
      files ??= disk.files()
      return files
    },
  }
  let entries = new Map<string, Entry<Data>>()
  let remarks: readonly string[] = []
  const identify = format.identify ?? ((name: string) => name)
  const shown = (path: string | undefined) => (path === undefined ? undefined : `${folder.shown}/${path}`)
  const list = async (): Promise<Migration[]> => {
    files = undefined
    const listing = await format.list(folder)
    const found = new Map<string, Entry<Data>>()
    for (const entry of listing.entries) {
      const identity = identify(entry.name)
      const other = found.get(identity)
      if (other) throw new DuplicateVersionError(identity, shown(other.up) ?? '', shown(entry.up) ?? '')
      found.set(identity, entry)
    }
    entries = found
    remarks = listing.remarks
    return listing.entries.map(({ name, number, up, down, data }, place) => ({
      version: place + 0.5,
      name,
      number,
      ...(data !== undefined && { facts: JSON.stringify(data) }),
      up: shown(up),
      down: shown(down),
    }))
  }
  return {
    name: folder.shown,
    ...(folder.path !== undefined && { folder: folder.path }),
    get remarks() {
      return remarks
    },
    list,
    async newFiles(title, now, sql, dialect = 'postgres') {
      await list()
      const empty = format.create(title, { folder, entries: [...entries.values()], now, ...(sql && { sql }) })
      const contents = sql ? withSql(empty, sql, { tool: format.tool, downs: format.downs, dialect }) : empty
      return { contents, replaces: Object.keys(contents).filter((path) => GROWING.test(path)) }
    },
    ...('library' in format && {
      async codeKey({ name }: Migration) {
        if (entries.size === 0) await list()
        const entry = entries.get(identify(name))
        const given = entry && (await format.handed?.(entry))
        if (given) return keyOfObject(given)
        return (entry && (await folder.codeKey?.(entry.up, format.library, format.drivers))) ?? { because: undefined }
      },
    }),
    ...(format.alongside && {
      async alongside(changes: ReadonlyMap<string, string | null>) {
        files = undefined
        return format.alongside?.(folder, changes) ?? { contents: {}, removed: [] }
      },
    }),
    async read({ name }, direction) {
      if (entries.size === 0) await list()
      const entry = entries.get(identify(name))
      return entry ? format.body(folder, entry, direction) : null
    },
    format: {
      tool: format.tool,
      // Getters, because a format may know its rules only after it has listed the folder.
      get downs() {
        return format.downs
      },
      get outOfOrder() {
        return format.outOfOrder
      },
      missing: format.missing ?? 'error',
      get nameless() {
        return format.nameless ?? false
      },
      get oneTransaction() {
        return format.oneTransaction
      },
      settings: textOfOptions(options),
      identify,
      before: () => format.before?.(folder) ?? [],
      bookkeeping: (dialect) => format.bookkeeping(dialect, { folder, entry: (identity) => entries.get(identity) }),
    },
  }
}

/** Files that list the migrations or their hashes. */
const GROWING = /(?:^|\/)(?:_journal\.json|atlas\.sum)$|^index\.ts$/

/**
 * Imports the library of the project that a migration runs with.
 * @param purpose see {@link Folder.importPackage} @throws NotInstalledError
 */
export async function importLibrary<T>(folder: Folder, name: string, purpose: string): Promise<T> {
  if (!folder.importPackage)
    throw new UsageError(`${purpose} needs the package "${name}", and nothing can be imported.`)
  return (await folder.importPackage(name, purpose)) as T
}

/** Returns the body of a down that the tool refuses to run. @param reason completes "cannot be undone: …" */
export function irreversible(reason: string): SqlBody {
  return { kind: 'sql', text: `-- migrate: irreversible ${reason.replace(/\s+/g, ' ')}\n` }
}

/** Returns a time as many tools begin their names with it: 14 digits, in UTC. */
export function timestampOf(now: Date): string {
  return now.toISOString().replace(/\D/g, '').slice(0, 14)
}

/**
 * Returns the digits of the next migration: the number after the last one with as many digits, so that `0009` follows
 * `0008_users`. A time follows a time, which is a number of ten digits or more.
 */
export function digitsAfter(name: string, now: Date): string {
  const digits = /^\d+/.exec(name)?.[0] ?? ''
  if (digits.length >= 10) return timestampOf(now)
  return String(Number(digits) + 1).padStart(digits.length, '0')
}

/** Returns the whole number that a name begins with; undefined if there is none, or JavaScript cannot count so far. */
export function leadingNumber(name: string): number | undefined {
  const digits = /^\d+/.exec(name)?.[0]
  const number = digits === undefined ? Number.NaN : Number(digits)
  return Number.isSafeInteger(number) ? number : undefined
}

/** Returns a sentence's list of names: three of them, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return `${names.slice(0, 3).join(', ')}${more}`
}

/** Returns the text without a byte order mark. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/**
 * Returns the text with everything outside of the given ranges replaced by spaces. Line ends stay, so that offsets and
 * lines are those of the file.
 */
export function onlyRanges(text: string, ranges: readonly { start: number; end: number }[]): string {
  const blank = (part: string) => part.replace(/[^\r\n]/g, ' ')
  let at = 0
  let out = ''
  for (const { start, end } of ranges) {
    out += blank(text.slice(at, start)) + text.slice(start, end)
    at = end
  }
  return out + blank(text.slice(at))
}
