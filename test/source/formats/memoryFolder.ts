/** A folder in memory, for tests of formats, and what a format would add to it. */
import { UnreadableFileError } from '../../../src/migrate/errors.ts'
import type { Folder, Format } from '../../../src/source/formats/format.ts'

/** @param files the contents by path, such as `{ '20240612_split/migration.sql': 'select 1' }` */
export function memoryFolder(files: Readonly<Record<string, string>>, shown = 'migrations'): Folder {
  const bytes = (path: string) => {
    const text = files[path]
    if (text === undefined) throw new UnreadableFileError(`${shown}/${path} cannot be read: it does not exist`)
    return Buffer.from(text, 'utf8')
  }
  return { shown, files: () => Object.keys(files), bytes, text: (path) => bytes(path).toString('utf8') }
}

/** Returns the files of a new migration in a folder. */
export function newFiles<Data>(
  format: Format<Data>,
  folder: Folder,
  title: string,
  now: Date,
): Readonly<Record<string, string>> {
  return format.create(title, { folder, entries: format.list(folder).entries, now })
}
