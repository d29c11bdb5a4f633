/** Migrates a database of MySQL or MariaDB up and down, over and over, until it is killed. Arguments: URL, seed. */
import { bundled } from '../support/bundled.ts'
import { FILES } from './mysqlFiles.ts'

const { Migrator, memory, openDatabase } = await bundled()
const [, , url = ''] = process.argv
const migrator = new Migrator({ source: memory(FILES), database: await openDatabase(url) })
process.send?.('ready')
for (;;) {
  await migrator.up()
  await migrator.to(1)
}
