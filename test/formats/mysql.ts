/** The grounds of the contract on MySQL and MariaDB. */
import type { Connection } from 'mysql2/promise'
import { test as base } from 'vitest'
import type { TestServer } from '../../src/testing/testServer.ts'
import type { test as onPostgres } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'
import type { Ground } from './contract.ts'

/** Runs a specification on MySQL and on MariaDB. */
export function describeOnMysql(specification: (ground: Ground) => void): void {
  describeOnDatabases(['MySQL', 'MariaDB'], ({ server: any }) => {
    const server = any as TestServer<Connection>
    const scratch = ({ task: _ }: { task: unknown }) => mysqlScratch(server)
    // It has what the contract needs of it.
    const test = base.extend('db', scratch).extend('other', scratch) as unknown as typeof onPostgres
    specification({
      dialect: 'mysql',
      test,
      async tableOf({ table }, db) {
        const [row] = await db.rows(`SHOW CREATE TABLE \`${table}\``)
        return String(row?.['Create Table']).replace(/ AUTO_INCREMENT=\d+/, '')
      },
    })
  })
}
