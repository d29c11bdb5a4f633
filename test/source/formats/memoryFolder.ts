/** A folder in memory, for tests of formats. */
import type { Folder } from '../../../src/source/formats/format.ts'

/** @param files text by path; a text may begin with a byte order mark */
export function memoryFolder(files: Readonly<Record<string, string>>, shown = 'migrations'): Folder {
  const text = (path: string): string => {
    const found = files[path]
    if (found === undefined) throw new Error(`there is no file ${path}`)
    return found
  }
  return { shown, files: () => Object.keys(files), text, bytes: (path) => Buffer.from(text(path), 'utf8') }
}
