/** Migrates a database up and down, over and over, until it is killed; each time with many migrations unanswered. */
import { bundled } from '../support/bundled.ts'
import { FILES } from './postgresFiles.ts'

const { Migrator, memory, openDatabase } = await bundled()
const [, , url = ''] = process.argv
const database = await openDatabase(url)
// The driver sends as many migrations ahead as it would to a server that is far away.
Object.defineProperty(database, 'window', { get: () => 8 })
const migrator = new Migrator({ source: memory(FILES), database })
process.send?.('ready')
for (;;) {
  await migrator.up()
  await migrator.to(1)
}
