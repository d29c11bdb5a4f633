/**
 * The time of `fill` per row on public schemas: `node bench/filling.ts FOLDER…`, after `npm run build`. Each folder of
 * migrations (`sqlx:FOLDER` where it could be of several tools) is applied as far as it goes on this machine's server. For each
 * kind of rows, all tables get 5 rows at once. Then each table alone gets 1, 5 and 500 rows: the first is the fixed
 * cost of a call, and the difference of the last two the cost of a further row. Everything is rolled back.
 */
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { Migrator } from '../dist/index.js'
import { mariadb } from '../dist/presets/mariadb.js'
import { mysql } from '../dist/presets/mysql.js'
import { postgres } from '../dist/presets/postgres.js'
import * as sources from '../dist/presets/sources.js'
import { kindOfClient } from '../dist/src/database/kinds.js'
import { notOfTheSchema } from '../dist/src/database/ownTables.js'
import { type Filled, fillTables } from '../dist/src/fill/fillTables.js'
import type { FillTable, RowSet } from '../dist/src/fill/model.js'
import { openFill } from '../dist/src/fill/openFill.js'
import { hiddenBy, type Source } from '../dist/src/migrate/source.js'
import { openAnyFolder } from '../dist/src/source/openAny.js'
import type { TestServer } from '../dist/src/testing/testServer.js'
import { median } from './measure.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { server: { type: 'string', default: 'postgres' }, verbose: { type: 'boolean', default: false } },
})
const SERVERS = { postgres, mysql, mariadb } as Record<string, () => TestServer<unknown>>
const SETS: readonly RowSet[] = ['plain', 'sparse', 'mixed', 'edge']
/** Rows of a table in the calls that are compared. */
const FEW = 5
const MANY = 500

const server = SERVERS[values.server]?.()
if (!server) throw new Error(`--server is one of ${Object.keys(SERVERS).join(', ')}`)
const header = [
  'schema',
  'tables',
  'rows, 5 each',
  'ms a row',
  'CPU',
  'first row, ms',
  'CPU',
  'worst',
  'a further row, ms',
  'CPU',
  'worst',
]
console.log(`| ${header.join(' | ')} |\n|${'---|'.repeat(header.length)}`)
const totals = { fillings: 0, tried: 0 }
for (const folder of positionals) await measure(folder, server)
console.log(`\n${totals.fillings} of ${totals.tried} fillings`)

/** Opens a folder; `sqlx:FOLDER` for one that could be of several tools. */
async function openSource(named: string): Promise<Source> {
  const [, tool, path] = /^(\w+):(.*)$/.exec(named) ?? []
  if (tool === undefined || path === undefined) return openAnyFolder(named)
  const open = (sources as unknown as Record<string, (folder: string) => Source>)[tool]
  if (!open) throw new Error(`there is no tool ${tool}`)
  return open(path)
}

async function measure(folder: string, on: TestServer<unknown>): Promise<void> {
  const source = await openSource(folder)
  const made = await on.create(source.format?.before())
  try {
    const client = (await made.connect()) as object
    const driver = await made.openDriver(client)
    const migrator = new Migrator({ source, database: driver })
    await migrator.up().catch((error: Error) => console.error(`${folder}: ${error.message.split('\n')[0]}`))
    await driver.close()
    const { borrow } = await kindOfClient(client)
    const borrowed = await borrow?.(client)
    if (!borrowed) throw new Error('cannot be filled')
    const database = openFill(borrowed)
    const tables = await database.readTables(notOfTheSchema(undefined, hiddenBy(source, on.dialect)))
    /** Fills tables and takes the rows away again. */
    const fillOnce = async (all: readonly FillTable[], rows: number, set: RowSet) => {
      let filled: Filled[] = []
      const cpu = process.cpuUsage()
      const begun = performance.now()
      let ms = 0
      let used = 0
      await database
        .transaction(async () => {
          filled = await fillTables(database, tables, new Map(all.map(({ id }) => [id, rows])), { set })
          ms = performance.now() - begun
          const { user, system } = process.cpuUsage(cpu)
          used = (user + system) / 1000
          throw new Error('undo')
        })
        .catch((error: Error) => {
          if (error.message !== 'undo') throw error
        })
      return { filled, ms, cpu: used, rows: filled.reduce((sum, one) => sum + one.rows, 0) }
    }
    const whole = { ms: 0, cpu: 0, rows: 0 }
    for (const set of SETS) {
      const { filled, ms, cpu, rows } = await fillOnce(tables, FEW, set)
      whole.ms += ms
      whole.cpu += cpu
      whole.rows += rows
      totals.tried += filled.length
      const less = filled.filter(({ why }) => why !== undefined)
      totals.fillings += filled.length - less.length
      for (const { table, why } of less) console.error(`${basename(folder)} ${set} ${table.name}: ${why}`)
    }
    const fixed: Cost[] = []
    const further: Cost[] = []
    for (const table of tables) {
      const one = await fillOnce([table], 1, 'plain')
      fixed.push({ ms: one.ms, cpu: one.cpu, name: table.name })
      const few = await fillOnce([table], FEW, 'plain')
      const many = await fillOnce([table], MANY, 'plain')
      const more = many.rows - few.rows
      if (more > 0) further.push({ ms: (many.ms - few.ms) / more, cpu: (many.cpu - few.cpu) / more, name: table.name })
      if (values.verbose) {
        console.error(
          `${table.name}: ${[one, few, many].map(({ ms, rows }) => `${rows} in ${ms.toFixed(1)} ms`).join(', ')}`,
        )
      }
    }
    const typical = (all: readonly Cost[]) => [
      median(all.map(({ ms }) => ms)).toFixed(2),
      median(all.map(({ cpu }) => cpu)).toFixed(2),
      worst(all),
    ]
    const cells = [
      folder,
      tables.length,
      whole.rows,
      (whole.ms / whole.rows).toFixed(2),
      (whole.cpu / whole.rows).toFixed(2),
      ...typical(fixed),
      ...typical(further),
    ]
    console.log(`| ${cells.join(' | ')} |`)
    await borrowed.session.close()
    await made.disconnect(client)
  } finally {
    await made.closeOwn?.()
    await made.drop()
  }
}

/** A call's cost: milliseconds until it ended, and milliseconds of the processor that our process used. */
interface Cost {
  readonly ms: number
  readonly cpu: number
  readonly name: string
}

function worst(all: readonly Cost[]): string {
  const [most] = all.toSorted((a, b) => b.ms - a.ms)
  return most ? `${most.ms.toFixed(2)} (CPU ${most.cpu.toFixed(2)}) ${most.name}` : ''
}
