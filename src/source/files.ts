/**
 * Builds a source from files, wherever they are stored: given their names and texts, it lists and reads the migrations.
 * The other sources are built on it.
 */
import { DuplicateVersionError, UnreadableFileError } from '../migrate/errors.ts'
import { turn } from '../migrate/realTime.ts'
import type {
  CodeBody,
  CodeKey,
  Direction,
  Migration,
  MigrationBody,
  MigrationContext,
  NoCodeKey,
  Relations,
  Source,
} from '../migrate/source.ts'
import { fingerprintOf, readScript } from '../sql/script.ts'
import { type FileName, parseFileName } from './fileNames.ts'

export interface Files {
  /** The source's name in messages, such as `directory migrations`. */
  readonly name: string
  /** The absolute path of the folder, if the files are in one. */
  readonly folder?: string
  /** Returns the file names, without their folder. */
  readonly names: () => Promise<readonly string[]>
  /** See {@link Source.remarks}. */
  readonly remarks?: () => readonly string[]
  readonly text: (name: string) => Promise<string>
  /** Returns a value that changes when the text does, and that costs less than reading the text. */
  readonly stamp?: (name: string) => string
  /** Returns the relations that a code migration declares to others. */
  readonly relations?: (name: string) => Promise<Relations | undefined>
  readonly module: (name: string) => Promise<LoadedModule>
  /** Returns what determines a code migration's effect, without running it. */
  readonly codeKey?: (name: string) => Promise<CodeKey | NoCodeKey>
  /** Loads a code migration from its record in the history. */
  readonly revive?: (record: string) => Promise<LoadedModule>
  /** Returns the file's name for messages. */
  readonly show: (name: string) => string
}

/**
 * The exports of a code migration, by name or as its default export. `Client`: the driver's client, such as
 * `pg.Client`.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration that does not name its client can use it without a type
export interface ModuleMigration<Client = any> {
  readonly up?: ((context: MigrationContext<Client>) => unknown) | undefined
  readonly down?: ((context: MigrationContext<Client>) => unknown) | undefined
  /** `false`: do not run it in a transaction of ours. */
  readonly transaction?: boolean | undefined
  /** Names or versions of migrations below this one; default: the one before it. */
  readonly dependsOn?: readonly (string | number)[] | undefined
}

/**
 * Returns its argument, and gives the editor the types:
 * `export default defineMigration<pg.Client>({ async up({ client, sql }) { … } })`.
 */
export function defineMigration<Client = unknown>(migration: ModuleMigration<Client>): ModuleMigration<Client> {
  return migration
}

/** A code migration with the facts that its loader determined. */
export interface LoadedModule extends ModuleMigration, Pick<CodeBody, 'text' | 'remarks' | 'locate'> {
  readonly fingerprint?: (half: Direction) => string
  readonly record?: () => string | undefined
}

export function sourceOfFiles(files: Files): Source {
  /** File names by version and direction, such as "12 up"; filled by list(). */
  let halves = new Map<string, string>()
  let passedOver: string[] = []

  /** The relations read from each file, valid while its stamp is unchanged. */
  const known = new Map<string, { stamp: string; relations: Relations | undefined }>()
  /**
   * Texts that were read for their relations, so that the next reader need not read them again. Holds few, and each is
   * handed out once.
   */
  const justRead = new Map<string, { stamp: string; text: string }>()
  let lettersKept = 0

  const relationsOf = async (name: string): Promise<Relations | undefined> => {
    const stamp = files.stamp?.(name)
    const before = known.get(name)
    if (before && before.stamp === stamp) return before.relations
    if (!name.endsWith('.sql')) {
      const relations = await files.relations?.(name)
      if (stamp !== undefined) known.set(name, { stamp, relations })
      return relations
    }
    const text = await files.text(name)
    const relations = relationsInSql(text)
    if (stamp !== undefined) {
      known.set(name, { stamp, relations })
      lettersKept -= justRead.get(name)?.text.length ?? 0
      justRead.delete(name)
      if (lettersKept + text.length <= MOST_LETTERS_KEPT) {
        lettersKept += text.length
        justRead.set(name, { stamp, text })
      }
    }
    return relations
  }

  const textOf = async (name: string): Promise<string> => {
    const kept = justRead.get(name)
    if (!kept) return files.text(name)
    justRead.delete(name)
    lettersKept -= kept.text.length
    return files.stamp?.(name) === kept.stamp ? kept.text : files.text(name)
  }

  const list = async () => {
    const found = new Map<string, string>()
    const other: string[] = []
    const migrations = new Map<number, Migration>()
    const show = (name: string) => files.show(name)
    for (const name of [...(await files.names())].sort()) {
      const parsed = parseFileName(name, show(name))
      if (parsed.kind === 'other') other.push(show(name))
      if (parsed.kind !== 'sql' && parsed.kind !== 'code') continue
      for (const direction of directions(parsed)) {
        const key = `${parsed.version} ${direction}`
        const taken = found.get(key)
        if (taken !== undefined) throw new DuplicateVersionError(parsed.version, show(taken), show(name))
        found.set(key, name)
        const before = migrations.get(parsed.version)
        // The up's title names the migration; without an up, the down's title does.
        const title = direction === 'up' || !before ? parsed.title : before.name
        migrations.set(parsed.version, { ...before, version: parsed.version, name: title, [direction]: show(name) })
      }
    }
    halves = found
    passedOver = other
    return [...migrations.values()].sort((a, b) => a.version - b.version)
  }

  return {
    name: files.name,
    ...(files.folder !== undefined && { folder: files.folder }),
    get passedOver() {
      return passedOver
    },
    get remarks() {
      return files.remarks?.() ?? []
    },
    list,
    async read({ version }, direction): Promise<MigrationBody | null> {
      if (halves.size === 0) await list()
      const name = halves.get(`${version} ${direction}`)
      if (name === undefined) return null
      if (name.endsWith('.sql')) return { kind: 'sql', text: await textOf(name) }
      return bodyOf(await files.module(name), direction)
    },
    async relations() {
      if (halves.size === 0) await list()
      const found = new Map<number, Relations>()
      let count = 0
      for (const [key, name] of halves) {
        if (!key.endsWith(' up')) continue
        // Reading does not wait, so it lets go on what does: a connection that is being opened.
        if (count++ % FILES_AT_ONCE === 0) await turn()
        // A file that cannot be read throws when it is to be run. Until then it has no relations.
        const relations = await relationsOf(name).catch((error) => {
          if (error instanceof UnreadableFileError && name.endsWith('.sql')) return undefined
          throw error
        })
        if (relations) found.set(Number.parseInt(key, 10), relations)
      }
      return found
    },
    ...(files.codeKey && {
      codeKey: async ({ version }: Migration) => {
        if (halves.size === 0) await list()
        const name = halves.get(`${version} up`) ?? halves.get(`${version} down`)
        return (name === undefined ? undefined : await files.codeKey?.(name)) ?? { because: undefined }
      },
    }),
    ...(files.revive && {
      revive: async (record: string, direction: Direction) => {
        const module = await files.revive?.(record)
        return module ? bodyOf(module, direction) : null
      },
    }),
  }
}

/** Decodes a migration's bytes. @throws UnreadableFileError if they are not UTF-8 */
export function decode(bytes: Uint8Array, shown: string): string {
  try {
    return DECODER.decode(bytes)
  } catch (cause) {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    throw new UnreadableFileError(`${shown}: not UTF-8 text${utf16 ? ' (it looks like UTF-16)' : ''}.`, {
      hint: 'Save it as UTF-8.',
      cause,
    })
  }
}

/** Returns the exports of a module as a migration. @throws UnreadableFileError if they are not one */
export function asModuleMigration(exports: unknown, shown: string): ModuleMigration {
  const namespace = exports as { default?: unknown }
  const found = (
    typeof namespace.default === 'object' && namespace.default ? namespace.default : namespace
  ) as ModuleMigration
  const wrong = (['up', 'down'] as const).find((half) => found[half] !== undefined && typeof found[half] !== 'function')
  if (wrong) throw new UnreadableFileError(`${shown}: its export "${wrong}" is not a function.`)
  const generator = (['up', 'down'] as const).find((half) =>
    GENERATORS.has(Object.prototype.toString.call(found[half])),
  )
  if (generator) {
    throw new UnreadableFileError(
      `${shown}: its ${generator} is a generator function, which would be called and never run.`,
      {
        hint: `Write "export async function ${generator}({ sql }) { … }" and await each statement instead of yielding it.`,
      },
    )
  }
  if (found.up || found.down) return found
  const named = Object.entries(exports as object).find(
    ([, value]) => typeof value === 'function' && typeof value.prototype?.up === 'function',
  )
  if (named) {
    throw new UnreadableFileError(
      `${shown}: exports a class (${named[0]}) with an up method, like TypeORM's migrations.`,
      {
        hint: 'Export functions instead: "export async function up({ sql }) { … }", and a down beside it.',
      },
    )
  }
  throw new UnreadableFileError(`${shown}: exports neither up nor down.`, {
    hint: 'Write "export async function up({ sql }) { … }", and a down beside it; or move the file if it is not a migration.',
  })
}

/** Returns the relations that a migration object declares, in the form of {@link Source.relations}. */
export function relationsIn({ dependsOn }: ModuleMigration): Relations | undefined {
  return dependsOn && { dependsOn: dependsOn.map(String) }
}

/** Returns an already loaded code migration. Its fingerprint is a hash of the text of its functions. */
export function loadedModule(exports: unknown, shown: string): LoadedModule {
  const known = modules.get(exports as object)
  if (known) return known
  const migration = asModuleMigration(exports, shown)
  const { up = '', down = '' } = migration
  const made = {
    ...migration,
    text: `${up}\n${down}`,
    fingerprint: (half: Direction) => fingerprintOf([half, String(migration[half])]),
  }
  modules.set(exports as object, made)
  return made
}

/** Returns the body of a module's half. Returns the same object for the same module, since values computed from a body are stored with it. */
export function bodyOf(module: LoadedModule, direction: Direction): CodeBody | null {
  const run = module[direction]
  if (!run) return null
  const known = bodies.get(module) ?? {}
  const { text, transaction, remarks, locate } = module
  known[direction] ??= {
    kind: 'code',
    text,
    run,
    transaction,
    get fingerprint() {
      return module.fingerprint?.(direction)
    },
    get record() {
      return module.record?.()
    },
    remarks,
    locate,
  }
  bodies.set(module, known)
  return known[direction]
}

// --- internal ---

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const MOST_LETTERS_KEPT = 2 ** 20
const FILES_AT_ONCE = 8
const GENERATORS = new Set(['[object GeneratorFunction]', '[object AsyncGeneratorFunction]'])

/** Returns the relations in a SQL text. Runs the lexer only if the text contains such a directive. */
function relationsInSql(text: string): Relations | undefined {
  if (!/--[ \t]*migrate:[ \t]*(?:depends-on|replaces)\b/.test(text)) return undefined
  // Comments are the same in all dialects. Any other error in the text is reported when it is read to be run.
  const { dependsOn, replaces } = readScript(text, 'postgres')
  return dependsOn || replaces ? { dependsOn, replaces } : undefined
}

const modules = new WeakMap<object, LoadedModule>()

const bodies = new WeakMap<LoadedModule, { up?: CodeBody; down?: CodeBody }>()

function directions(parsed: Extract<FileName, { kind: 'sql' | 'code' }>): readonly ('up' | 'down')[] {
  return parsed.kind === 'sql' ? [parsed.direction] : ['up', 'down']
}
