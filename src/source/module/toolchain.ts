/** What transforms TypeScript and finds modules: rolldown, loaded when the first code migration is. */
import { loadPackage } from '../../migrate/loadPackage.ts'

export type Toolchain = typeof import('rolldown/experimental')

let loading: Promise<Toolchain> | undefined

/** @throws NotInstalledError, NotLoadedError */
export function toolchain(): Promise<Toolchain> {
  loading ??= loadPackage('rolldown', 'A migration in TypeScript or JavaScript', () => import('rolldown/experimental'))
  loading.catch(() => {
    loading = undefined
  })
  return loading
}
