/** Looks once, before all tests, which servers this machine can have; tests that need another are skipped, visibly. */
import type { TestProject } from 'vitest/node'
import { findEmbedded, findInstalled } from '../../src/server/binaries.ts'
import { findEngine } from '../../src/server/container.ts'

export interface Availability {
  readonly name: 'container' | 'embedded' | 'installed'
  /** Undefined where it can be had. */
  readonly missing: string | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: Availability[]
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const engine = await findEngine({ kind: 'postgres', image: undefined, version: undefined })
  const embedded = findEmbedded(process.cwd())
  const installed = findInstalled()
  project.provide('servers', [
    { name: 'container', missing: engine === true ? undefined : engine },
    { name: 'embedded', missing: typeof embedded === 'string' ? embedded : undefined },
    {
      name: 'installed',
      missing: installed.length > 0 ? undefined : 'no initdb and postgres on PATH or in the usual places',
    },
  ])
}
