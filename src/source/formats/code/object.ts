/** Migrations that are objects of a tool's public interface, such as Kysely's `MigrationProvider`, and not files. */
import type { CodeBody, Direction } from '../../../migrate/source.ts'
import { fingerprintOf } from '../../../sql/script.ts'
import { bodyOf, type LoadedModule, type ModuleMigration } from '../../files.ts'
import { folderOnDisk } from '../disk.ts'
import type { Folder } from '../format.ts'

/**
 * Stands for the folder where there is none: it has no files, and packages are those of the working directory.
 * @param shown names the object in messages, such as `Kysely's provider`
 */
export function noFolder(shown: string): Folder {
  const { importPackage, bytes, text } = folderOnDisk('.')
  return { shown, bytes, text, files: () => [], ...(importPackage && { importPackage }) }
}

/**
 * Returns the body of a half of a migration object. The text that people see, and that tells whether it has changed, is
 * that of its functions.
 * @param adapt makes a migration of ours of the object
 */
export function bodyOfObject(
  given: object & { readonly up?: unknown; readonly down?: unknown },
  direction: Direction,
  adapt: (given: object) => ModuleMigration,
): CodeBody | null {
  const known = modules.get(given)
  if (known) return bodyOf(known, direction)
  const texts = { up: String(given.up ?? ''), down: String(given.down ?? '') }
  const made: LoadedModule = {
    ...adapt(given),
    text: `${texts.up}\n${texts.down}`,
    fingerprint: (half) => fingerprintOf([half, texts[half]]),
  }
  modules.set(given, made)
  return bodyOf(made, direction)
}

/** Returns a class of the tool's as a loaded module: its text tells whether it has changed. */
export function moduleOfClass<M extends object>(Class: object, adapted: M): LoadedModule & M {
  const text = String(Class)
  return { ...adapted, text, fingerprint: (half) => fingerprintOf([half, text]) }
}

// --- internal ---

const modules = new WeakMap<object, LoadedModule>()
