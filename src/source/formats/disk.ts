/** A folder of another tool on disk. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { URL } from 'node:url'
import { SourceNotFoundError, UnreadableFileError } from '../../migrate/errors.ts'
import { readBytes, shorten } from '../directory.ts'
import { decode } from '../files.ts'
import { pathOf } from '../folder.ts'
import type { Folder } from './format.ts'

/** @param path absolute, relative to the working directory, or a `file:` URL; throws UsageError for another URL */
export function folderOnDisk(path: string | URL): Folder {
  const folder = resolve(pathOf(path))
  const shown = shorten(folder)
  const bytes = (name: string) => readBytes(join(folder, name), join(shown, name))
  return {
    shown,
    path: folder,
    files: () => filesIn(folder, shown),
    bytes,
    text: (name) => decode(bytes(name), join(shown, name)),
    above: (name) => {
      const file = join(dirname(folder), name)
      return existsSync(file) ? decode(readBytes(file, shorten(file)), shorten(file)) : undefined
    },
  }
}

// --- internal ---

function filesIn(folder: string, shown: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
      .sort()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new SourceNotFoundError(`There is no directory ${shown} (looked for ${folder}).`, {
        hint: 'Pass the path of the folder with the migrations.',
        cause,
      })
    }
    if (code === 'ENOTDIR') throw new SourceNotFoundError(`${shown} is a file, not a directory.`, { cause })
    throw new UnreadableFileError(`${shown} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
