/** Lists the files of a folder and of the folders in it. */
import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Lists a folder and all folders in it by their paths relative to it, in no order. Leaves out `node_modules`, which may be
 * huge and has no migrations of the project.
 */
export function entriesBelow(folder: string): { readonly path: string; readonly entry: Dirent }[] {
  const found: { path: string; entry: Dirent }[] = []
  const visit = (below: string) => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      if (entry.name === 'node_modules') continue
      const path = join(below, entry.name)
      found.push({ path, entry })
      if (entry.isDirectory()) visit(path)
    }
  }
  visit('')
  return found
}
