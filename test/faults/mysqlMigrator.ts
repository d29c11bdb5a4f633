/** Migrates a database of MySQL or MariaDB up and down, over and over, until it is killed; with `quick`, only up. */
import { openDatabase } from '../../src/database/open.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import { FILES, QUICK } from './mysqlFiles.ts'

const [, , url = '', kind] = process.argv
const isQuick = kind === 'quick'
const migrator = new Migrator({ source: memory(isQuick ? QUICK : FILES), database: await openDatabase(url) })
process.send?.('ready')
for (;;) {
  await migrator.up()
  if (!isQuick) await migrator.to(1)
}
