/** A source made of files, wherever they are: names in, migrations out. The other sources are built on it. */
import { DuplicateVersionError, UnreadableFileError } from '../migrate/errors.ts'
import type { Body, CodeBody, Migration, Source } from '../migrate/source.ts'
import { type FileName, parseFileName } from './fileNames.ts'

export interface Files {
  /** For messages, as `directory migrations`. */
  readonly name: string
  /** File names without their folder. */
  readonly names: () => Promise<readonly string[]>
  readonly text: (name: string) => Promise<string>
  /** A code migration's exports. */
  readonly module: (name: string) => Promise<ModuleMigration>
  /** The file as a person would say it. */
  readonly show: (name: string) => string
}

/** What a code migration exports, by name or as its default export. */
export interface ModuleMigration {
  readonly up?: CodeBody['run'] | undefined
  readonly down?: CodeBody['run'] | undefined
  /** False: no transaction of ours around it. */
  readonly transaction?: boolean | undefined
}

export function sourceOfFiles(files: Files): Source {
  /** From "12 up" to the name of the file; filled by list(). */
  let halves = new Map<string, string>()
  let passedOver: string[] = []
  /** A module is run once for each text it has. */
  const loaded = new Map<string, { text: string; module: ModuleMigration }>()

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
    async read({ version }, direction): Promise<Body | null> {
      if (halves.size === 0) await list()
      const name = halves.get(`${version} ${direction}`)
      if (name === undefined) return null
      const text = await files.text(name)
      if (name.endsWith('.sql')) return { kind: 'sql', text }
      const known = loaded.get(name)
      const module = known?.text === text ? known.module : await files.module(name)
      loaded.set(name, { text, module })
      const run = module[direction]
      return run ? { kind: 'code', text: `${direction}\n${text}`, run, transaction: module.transaction } : null
    },
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
  if (found.up || found.down) return found
  throw new UnreadableFileError(`${shown}: exports neither up nor down.`, {
    hint: 'Write "export async function up({ sql }) { … }", and a down beside it; or move the file if it is not a migration.',
  })
}

// --- internal ---

function directions(parsed: Extract<FileName, { kind: 'sql' | 'code' }>): readonly ('up' | 'down')[] {
  return parsed.kind === 'sql' ? [parsed.direction] : ['up', 'down']
}
