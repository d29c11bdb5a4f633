/** Migrates a database of MySQL or MariaDB up and down, over and over, until it is killed. Arguments: URL, seed. */
import { openDatabase } from '../../src/database/open.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import { FILES } from './mysqlFiles.ts'

const [, , url = ''] = process.argv
const migrator = new Migrator({ source: memory(FILES), database: await openDatabase(url) })
process.send?.('ready')
for (;;) {
  await migrator.up()
  await migrator.to(1)
}
