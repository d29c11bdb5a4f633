/** Administration of test databases on a PostgreSQL server. */
import { URL } from 'node:url'
import { connect } from '../../../database/postgres/connection.ts'
import { briefAdmin, dropIfUnused, listDatabases, sizeOf } from '../../../database/postgres/databases.ts'
import type { Administered } from '../administration.ts'

export const postgresAdministration: Administered = {
  plainUrl: (url) => url,
  async open(url) {
    const administration = new URL(url)
    administration.pathname = '/postgres'
    const client = await connect(administration.href)
    const admin = briefAdmin(client)
    return {
      list: (prefix) => listDatabases(admin, prefix),
      sizeOf: (name) => sizeOf(admin, name),
      dropIfUnused: (name) => dropIfUnused(admin, name),
      close: () => client.end(),
    }
  },
}
