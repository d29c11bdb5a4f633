/** A server for test databases where no preset was chosen. */
import { postgresServer } from './postgres/server.ts'
import type { TestServer } from './testServer.ts'

/** @param url of an administrator; undefined: `MIGRATEST_SERVER_URL`, else a server on demand, whichever this machine has */
export function anyServer(url = serverUrl()): TestServer<unknown> {
  return postgresServer({
    url,
    request: { kind: 'postgres', from: 'auto', version: undefined, image: undefined, flags: {}, setup: [] },
    idleMs: undefined,
    extensions: [],
    init: () => [],
  })
}

/** Never DATABASE_URL: that one may be somebody's data. */
export function serverUrl(): string | undefined {
  const url = process.env.MIGRATEST_SERVER_URL
  return url && /^postgres(ql)?:/.test(url) ? url : undefined
}
