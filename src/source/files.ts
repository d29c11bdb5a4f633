/** A source made of files, wherever they are: names in, migrations out. The other sources are built on it. */
import { DuplicateVersionError, UnreadableFileError } from '../migrate/errors.ts'
import type {
  CodeBody,
  Direction,
  Migration,
  MigrationBody,
  MigrationContext,
  Relations,
  Source,
} from '../migrate/source.ts'
import { fingerprintOf, readScript } from '../sql/script.ts'
import { type FileName, parseFileName } from './fileNames.ts'

export interface Files {
  /** For messages, as `directory migrations`. */
  readonly name: string
  /** File names without their folder. */
  readonly names: () => Promise<readonly string[]>
  readonly text: (name: string) => Promise<string>
  /** Changes when the text does, and costs less than reading it. */
  readonly stamp?: (name: string) => string
  /** What a code migration says of others. */
  readonly relations?: (name: string) => Promise<Relations | undefined>
  readonly module: (name: string) => Promise<LoadedModule>
  /** What was recorded of a code migration. */
  readonly revive?: (record: string) => Promise<LoadedModule>
  /** The file as a person would say it. */
  readonly show: (name: string) => string
}

/** What a code migration exports, by name or as its default export. `Client`: of the driver, as `pg.Client`. */
// biome-ignore lint/suspicious/noExplicitAny: whoever names no client says nothing about it
export interface ModuleMigration<Client = any> {
  readonly up?: ((context: MigrationContext<Client>) => unknown) | undefined
  readonly down?: ((context: MigrationContext<Client>) => unknown) | undefined
  /** False: no transaction of ours around it. */
  readonly transaction?: boolean | undefined
  /** Names or versions of migrations below this one; default the one before it. */
  readonly dependsOn?: readonly (string | number)[] | undefined
}

/** Gives the editor the types: `export default defineMigration<pg.Client>({ async up({ client, sql }) { … } })`. */
export function defineMigration<Client = unknown>(migration: ModuleMigration<Client>): ModuleMigration<Client> {
  return migration
}

/** A code migration with what its loader knows of it. */
export interface LoadedModule extends ModuleMigration, Pick<CodeBody, 'text' | 'remarks' | 'locate'> {
  readonly fingerprint?: (half: Direction) => string
  readonly record?: () => string | undefined
}

export function sourceOfFiles(files: Files): Source {
  /** From "12 up" to the name of the file; filled by list(). */
  let halves = new Map<string, string>()
  let passedOver: string[] = []

  /** What was read off a file, as long as its stamp is the same. */
  const known = new Map<string, { stamp: string; relations: Relations | undefined }>()
  /** Texts that were read for relations, for who reads them next: a few, and each once. */
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
        // The up's title names the migration; a down alone names it too.
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
    get passedOver() {
      return passedOver
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
      for (const [key, name] of halves) {
        if (!key.endsWith(' up')) continue
        // One that cannot be read says so when it is to be run; until then it says nothing of others.
        const relations = await relationsOf(name).catch((error) => {
          if (error instanceof UnreadableFileError && name.endsWith('.sql')) return undefined
          throw error
        })
        if (relations) found.set(Number.parseInt(key, 10), relations)
      }
      return found
    },
    ...(files.revive && {
      revive: async (record: string, direction: Direction) => {
        const module = await files.revive?.(record)
        return module ? bodyOf(module, direction) : null
      },
    }),
  }
}

/** Decodes a migration's bytes. @throws UnreadableFileError where they are not UTF-8 */
export function decode(bytes: Uint8Array, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    throw new UnreadableFileError(`${shown}: not UTF-8 text${utf16 ? ' (it looks like UTF-16)' : ''}.`, {
      hint: 'Save it as UTF-8.',
      cause,
    })
  }
}

/** The exports of a module as a migration. @throws UnreadableFileError where they are none */
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
      `${shown}: exports a class (${named[0]}) with an up method, as TypeORM's migrations are.`,
      {
        hint: 'Export functions instead: "export async function up({ sql }) { … }", and a down beside it.',
      },
    )
  }
  throw new UnreadableFileError(`${shown}: exports neither up nor down.`, {
    hint: 'Write "export async function up({ sql }) { … }", and a down beside it; or move the file if it is not a migration.',
  })
}

/** What an object says of others, as {@link Source.relations} gives it. */
export function relationsIn({ dependsOn }: ModuleMigration): Relations | undefined {
  return dependsOn && { dependsOn: dependsOn.map(String) }
}

/** A code migration that is there already; it is known by the text of its functions. */
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

// --- internal ---

const MOST_LETTERS_KEPT = 2 ** 20
const GENERATORS = new Set(['[object GeneratorFunction]', '[object AsyncGeneratorFunction]'])

/** Read by the lexer only where the words are there. */
function relationsInSql(text: string): Relations | undefined {
  if (!/--[ \t]*migrate:[ \t]*(?:depends-on|replaces)\b/.test(text)) return undefined
  // Comments are the same in all dialects; what else is wrong is told when it is read to be run.
  const { dependsOn, replaces } = readScript(text, 'postgres')
  return dependsOn || replaces ? { dependsOn, replaces } : undefined
}

const modules = new WeakMap<object, LoadedModule>()

/** The same object for the same module: what is worked out of a body is kept with it. */
function bodyOf(module: LoadedModule, direction: Direction): CodeBody | null {
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

const bodies = new WeakMap<LoadedModule, { up?: CodeBody; down?: CodeBody }>()

function directions(parsed: Extract<FileName, { kind: 'sql' | 'code' }>): readonly ('up' | 'down')[] {
  return parsed.kind === 'sql' ? [parsed.direction] : ['up', 'down']
}
