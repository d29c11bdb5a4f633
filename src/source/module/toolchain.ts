/**
 * Provides rolldown, which transforms TypeScript and resolves modules. It is loaded when the first file needs it: with what
 * other processes have kept (see `keptFiles.ts`), perhaps never.
 */
import { loadPackage } from '../../migrate/loadPackage.ts'

export type Toolchain = typeof import('rolldown/experimental')

let loading: Promise<Toolchain> | undefined
let loaded: Toolchain | undefined

/** Loads the tools. @throws NotInstalledError, NotLoadedError */
export async function toolchain(): Promise<Toolchain> {
  loading ??= loadPackage('rolldown', 'A migration in TypeScript or JavaScript', () => import('rolldown/experimental'))
  loading.catch(() => {
    loading = undefined
  })
  loaded = await loading
  return loaded
}

/** Returns the tools, which somebody must have loaded. @throws Error */
export function tools(): Toolchain {
  if (!loaded) throw new Error('rolldown has not been loaded.')
  return loaded
}

/** Returns whether somebody has loaded the tools. */
export function hasTools(): boolean {
  return loaded !== undefined
}
