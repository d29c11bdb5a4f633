import type { Source } from '../migrate/source.ts'
import { loadedModule, type ModuleMigration, relationsIn, sourceOfFiles } from './files.ts'
import { keyOfObject } from './identity.ts'

/**
 * Returns a source of migrations given as an object: file names to SQL texts, or to `{ up, down }` functions for `.ts`
 * and `.js` names.
 */
export function memory(files: Readonly<Record<string, string | ModuleMigration>>, name = 'memory()'): Source {
  return sourceOfFiles({
    name,
    names: async () => Object.keys(files),
    text: async (file) => String(files[file]),
    relations: async (file) => relationsIn(loadedModule(files[file], file)),
    codeKey: async (file) => keyOfObject(loadedModule(files[file], file)),
    module: async (file) => loadedModule(files[file], file),
    show: (file) => file,
  })
}
