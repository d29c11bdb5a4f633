/** Administration of test databases on a MySQL or MariaDB server. */
import { URL } from 'node:url'
import { plainUrl } from '../../../database/mysql/address.ts'
import { sizeOf } from '../../../database/mysql/databases.ts'
import type { Administered } from '../administration.ts'
import { MysqlRegistry } from './registry.ts'

export const mysqlAdministration: Administered = {
  plainUrl,
  /** Opens a registry, since the marks of the databases are in its table. */
  async open(url) {
    const administration = new URL(url)
    administration.pathname = '/mysql'
    const registry = await MysqlRegistry.open(administration.href, false)
    return {
      list: (prefix) => registry.list(prefix),
      sizeOf: (name) => sizeOf(registry.admin, name),
      dropIfUnused: (name) => registry.dropIfUnused(name),
      close: () => registry.admin.close(),
    }
  },
}
