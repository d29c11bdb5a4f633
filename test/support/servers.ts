/** The servers that specifications run on. In CI none may be missing that CI promises to have. */
import { describe, inject } from 'vitest'
import { postgres } from '../../presets/postgres.ts'
import type { From } from '../../src/server/request.ts'

/** One specification, run on each kind of server that is here; the others are skipped with their reason in the name. */
export function describeOnServers(kinds: readonly From[], name: string, specification: (from: From) => void): void {
  const servers = inject('servers')
  for (const kind of kinds) {
    const missing = servers.find((server) => server.name === kind)?.missing
    const allowed = missing === undefined || (process.env.CI === 'true' && kind !== 'installed')
    if (allowed) describe(`${name} (${kind})`, () => specification(kind))
    else describe.skip(`${name} (${kind}: ${missing})`, () => specification(kind))
  }
}

/** The server most specifications run on: whichever this machine has. */
export const anyPostgres = postgres()
