/** Looks once, before all tests, which servers this machine can have; tests that need another are skipped, visibly. */
import type { TestProject } from 'vitest/node'
import { findEmbedded, findInstalled } from '../../src/server/binaries.ts'
import { MISSING } from '../../src/server/choose.ts'
import { findEngine } from '../../src/server/container.ts'
import type { ServerKind } from '../../src/server/kinds.ts'
import { findInstalledMysql } from '../../src/server/mysqlBinaries.ts'

export interface Availability {
  readonly kind: ServerKind
  readonly from: 'container' | 'embedded' | 'installed'
  /** Undefined where it can be had. */
  readonly missing: string | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: Availability[]
  }
}

export default async function setup(project: TestProject): Promise<void> {
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
