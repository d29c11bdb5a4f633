import type { Source } from '../migrate/source.ts'
import { asModuleMigration, type ModuleMigration, sourceOfFiles } from './files.ts'

/** Migrations given as an object: file names to SQL texts, or to `{ up, down }` functions for `.ts` and `.js` names. */
export function memory(files: Readonly<Record<string, string | ModuleMigration>>, name = 'memory'): Source {
  return sourceOfFiles({
    name,
    names: async () => Object.keys(files),
    text: async (file) => {
      const value = files[file]
      return typeof value === 'string' ? value : `${value?.up ?? ''}\n${value?.down ?? ''}`
    },
    module: async (file) => asModuleMigration(files[file], file),
    show: (file) => file,
  })
}
