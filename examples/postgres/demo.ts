/** `npm run demo`: the shop's migrations up and down on embedded PostgreSQL, then its transition tests. Needs no Docker. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createMigratedDatabase, type MigrateEvent, type PlanStep } from '../../index.ts'
import { postgres } from '../../presets/postgres.ts'

const server = postgres({ from: 'embedded' })
const moved: { step: PlanStep; ms: number }[] = []
const onEvent = (event: MigrateEvent) => {
  if (event.type === 'finished') moved.push({ step: event.step, ms: event.ms })
}

const db = await createMigratedDatabase({
  server,
  migrations: new URL('./migrations', import.meta.url),
  version: 'nil',
  onEvent,
})
try {
  await db.migrate('latest')
  await db.migrate('nil')
  const [left] = await db.query<{ objects: number }>(
    "select count(*)::int as objects from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S') and relname not like 'schema_migrations%'",
  )
  printTable()
  console.log(left?.objects === 0 ? '\nNothing is left at nil.' : `\n${left?.objects} objects are left at nil.`)

  console.log('\nThe transition tests, each row on a database of its own:')
  const vitest = join(import.meta.dirname, '..', '..', 'node_modules', 'vitest', 'vitest.mjs')
  const url = new URL(db.url ?? '')
  url.pathname = '/postgres'
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--reporter=verbose', 'examples/postgres/transitions.test.ts'],
    {
      cwd: join(import.meta.dirname, '..', '..'),
      stdio: 'inherit',
      env: { ...process.env, MIGRATEST_SERVER_URL: url.href },
    },
  )
  process.exitCode = status ?? 1
} finally {
  await db[Symbol.asyncDispose]()
}

function printTable(): void {
  const ups = moved.filter(({ step }) => step.direction === 'up')
  const width = Math.max(...ups.map(({ step }) => title(step).length))
  console.log(`\n  ${'migration'.padEnd(width)}      up      down`)
  for (const up of ups) {
    const down = moved.find(({ step }) => step.direction === 'down' && step.version === up.step.version)
    console.log(`  ${title(up.step).padEnd(width)}  ${time(up.ms)}  ${time(down?.ms ?? 0)}`)
  }
  const total = moved.reduce((sum, { ms }) => sum + ms, 0)
  console.log(`  ${moved.length} moves in ${total.toFixed(0)} ms`)
}

function title({ version, name }: PlanStep): string {
  return `${String(version).padStart(2)} ${name}`
}

function time(ms: number): string {
  return `${ms.toFixed(1)} ms`.padStart(8)
}
