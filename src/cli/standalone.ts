/** Runs the command inside a bundle, which contains its migrations and settings. */
import { type BundledSource, bundled } from '../source/bundled.ts'
import type { MigratestConfig } from './config.ts'
import { endWithReader } from './output.ts'
import { run } from './run.ts'

export { asNamespace } from '../source/module/commonJs.ts'

export interface Standalone {
  readonly version: string
  readonly config: Omit<MigratestConfig, 'migrations'>
  readonly migrations: BundledSource
}

export async function runStandalone({ version, config, migrations }: Standalone): Promise<void> {
  endWithReader()
  const found = { config: { ...config, migrations: bundled(migrations) }, folder: process.cwd(), file: undefined }
  process.exitCode = await run(process.argv.slice(2), { version: () => version, reference: () => '', config: found })
}
