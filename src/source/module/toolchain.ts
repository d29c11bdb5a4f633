/** What transforms TypeScript and finds modules: rolldown, loaded when the first code migration is. */
import { NotInstalledError } from '../../migrate/errors.ts'

export type Toolchain = typeof import('rolldown/experimental')

let loading: Promise<Toolchain> | undefined

/** @throws NotInstalledError */
export function toolchain(): Promise<Toolchain> {
  loading ??= import('rolldown/experimental').catch((cause) => {
    loading = undefined
    throw new NotInstalledError('rolldown', 'A migration in TypeScript or JavaScript', cause)
  })
  return loading
}
