/** Migrations in code, applied by a process that has loaded nothing before: by us and by the tool's own runner. */
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { folderOf, type Language, TOOLS, type Tool, writeFolders } from './codeMigrations.ts'
import { type Series, table } from './measure.ts'

/**
 * Runs new processes in turns. The time is from starting Node to its end, with the library and the migrations; processor
 * time is that of the process with all of its threads.
 */
export async function coldCode(count: number, rounds: number, freshDatabase: () => Promise<string>): Promise<void> {
  for (const language of ['js', 'ts'] as const) {
    const root = writeFolders(count, language)
    for (const tool of TOOLS) {
      const ways = programs(root, tool, language)
      const times = ways.map(({ name }): Series => ({ name, times: [] }))
      const used = ways.map(({ name }): Series => ({ name, times: [] }))
      // The first round warms up the files and is not counted.
      for (let round = 0; round <= rounds; round++) {
        const order = [...ways.entries()]
        for (const [at, { name, command, isFirst }] of round % 2 ? order : order.toReversed()) {
          if (isFirst) rmSync(join(root, KEPT), { recursive: true, force: true })
          const url = await freshDatabase()
          const args = [...command, url, folderOf(root, tool), language]
          const begun = performance.now()
          const out = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
          const ms = performance.now() - begun
          await check(url, count, name)
          if (round === 0) continue
          times[at]?.times.push(ms)
          used[at]?.times.push(Number(out))
        }
      }
      console.log(
        `## Apply ${count} migrations of ${tool} in .${language}, a new process each time (${rounds} rounds)\n`,
      )
      console.log(`${table(times)}\n\nProcessor time\n\n${table(used)}\n`)
    }
    rmSync(root, { recursive: true })
  }
}

// --- internal ---

/** The tool's runner as a program; it gets the database's URL, the folder and the ending of the files. */
const OWN: Readonly<Record<Tool, string>> = {
  knex: `import knex from 'knex'
const own = knex({ client: 'pg', connection: url, migrations: { directory: folder } })
await own.migrate.latest()
await own.destroy()`,
  kysely: `import { promises as fs } from 'node:fs'
import path from 'node:path'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import pg from 'pg'
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) })
const provider = new FileMigrationProvider({ fs, path, migrationFolder: folder })
const { error } = await new Migrator({ db, provider }).migrateToLatest()
if (error) throw error
await db.destroy()`,
  typeorm: `import { DataSource } from 'typeorm'
const own = new DataSource({ type: 'postgres', url, migrations: [folder + '/*.' + ending] })
await own.initialize()
await own.runMigrations()
await own.destroy()`,
}

const HEAD = `const [, , url, folder, ending] = process.argv
process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(String((user + system) / 1000))
})
`

interface Way {
  readonly name: string
  readonly command: readonly string[]
  /** `true` if a process may use nothing that another one kept. */
  readonly isFirst?: boolean
}

/** The folder in which migratest keeps transformed files for later processes. */
const KEPT = join('node_modules', '.cache', 'migratest')

/**
 * Writes the programs. Node by itself removes the types of TypeScript, which is the fastest that users of these runners
 * can choose; tsx is what many use.
 */
function programs(root: string, tool: Tool, language: Language): Way[] {
  const lib = (name: string) => JSON.stringify(join(import.meta.dirname, '..', 'dist', 'lib', name))
  const own = join(root, `own-${tool}.mjs`)
  const ours = join(root, `ours-${tool}.mjs`)
  writeFileSync(own, HEAD + OWN[tool])
  writeFileSync(
    ours,
    `${HEAD}import { Migrator, openDatabase } from ${lib('index.js')}
import { ${tool} } from ${lib('sources.js')}
const database = await openDatabase(url)
await new Migrator({ source: ${tool}(folder), database }).up()
await database.close()`,
  )
  const ways: Way[] = [
    { name: `${tool}'s own runner`, command: [own] },
    { name: 'migratest', command: [ours] },
    { name: 'migratest, the first process that loads them', command: [ours], isFirst: true },
  ]
  return language === 'js' ? ways : [...ways, { name: `${tool}'s own runner, tsx`, command: ['--import', 'tsx', own] }]
}

async function check(url: string, count: number, name: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query("select count(*)::int as n from pg_tables where tablename ~ '^t[0-9]+$'")
  await client.end()
  if (rows[0].n !== count) throw new Error(`${name}: ${rows[0].n} tables`)
}
