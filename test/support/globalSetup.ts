/**
 * Before all tests: looks which servers this machine can have (tests that need another are skipped, visibly), and bundles the
 * package for the processes that tests start.
 */
import type { TestProject } from 'vitest/node'
import { findEmbedded, findInstalled } from '../../src/server/binaries.ts'
import { MISSING } from '../../src/server/choose.ts'
import { findEngine } from '../../src/server/engine.ts'
import type { ServerKind } from '../../src/server/kinds.ts'
import { findInstalledMysql } from '../../src/server/mysqlBinaries.ts'
import { bundleProduct, COMPILED } from './product.ts'

export interface Availability {
  readonly kind: ServerKind
  readonly from: 'container' | 'embedded' | 'installed'
  /** Undefined where it can be had. */
  readonly missing: string | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: Availability[]
    /** The folder of the bundled package, in each folder that has a vitest. */
    product: string
  }
}

export default async function setup(project: TestProject): Promise<void> {
  // Vitest's workers and what they start have this environment. Most of them load the same files.
  process.env.NODE_COMPILE_CACHE ??= COMPILED
  const bundle = async () => project.provide('product', await bundleProduct())
  await bundle()
  project.onTestsRerun(bundle)
  const embedded = findEmbedded(process.cwd())
  const kinds: readonly ServerKind[] = ['postgres', 'mysql', 'mariadb']
  const all = kinds.map(async (kind): Promise<Availability[]> => {
    const engine = await findEngine({ kind, image: undefined, version: undefined })
    const installed = kind === 'postgres' ? findInstalled() : findInstalledMysql(kind)
    return [
      { kind, from: 'container', missing: engine === true ? undefined : engine.why },
      { kind, from: 'installed', missing: installed.length > 0 ? undefined : MISSING[kind] },
    ]
  })
  const missing = typeof embedded === 'string' ? embedded : undefined
  project.provide('servers', [{ kind: 'postgres', from: 'embedded', missing }, ...(await Promise.all(all)).flat()])
}
