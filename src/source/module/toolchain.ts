/** Provides rolldown, which transforms TypeScript and resolves modules. It is loaded with the first code migration. */
import { loadPackage } from '../../migrate/loadPackage.ts'

export type Toolchain = typeof import('rolldown/experimental')

let loading: Promise<Toolchain> | undefined

/** Loads the tools. @throws NotInstalledError, NotLoadedError */
export function toolchain(): Promise<Toolchain> {
  loading ??= loadPackage('rolldown', 'A migration in TypeScript or JavaScript', () => import('rolldown/experimental'))
  loading.catch(() => {
    loading = undefined
  })
  return loading
}
