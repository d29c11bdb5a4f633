/** From a save to the database: `migrate watch` and graphile-migrate's, each a process, on the same change in the same run. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { directory, Migrator, openDatabase } from '../dist/index.js'
import { record } from './figures.ts'
import { median, type Series } from './measure.ts'
import { writeMigrations } from './migrations.ts'

interface Split {
  readonly noticed: number
  readonly planned: number
  readonly run: number
  readonly shown: number
}

const ROWS = 10_000
const PATIENCE_MS = 30_000

/** @param at the migration that is edited, of `count` */
export async function watching(
  freshDatabase: () => Promise<string>,
  { count, at, rounds, beside }: { count: number; at: number; rounds: number; beside: boolean },
): Promise<void> {
  const files = writeMigrations(count)
  for (const name of readdirSync(files.folder))
    renameSync(join(files.folder, name), join(files.folder, name.replace('_', '0_')))
  // Between two of those, so that what others need is there.
  const stem = join(files.folder, `${String(at).padStart(6, '0')}5_items`)
  const up = (round: number) =>
    `create table items (id bigint generated always as identity primary key, name text not null, amount numeric(12, 2) not null default 0, at timestamptz not null default now(), c${round} int);\ncreate index items_name on items (name);\n`
  const down = 'drop table if exists items cascade;\n'
  writeFileSync(`${stem}.up.sql`, up(0))
  writeFileSync(`${stem}.down.sql`, down)
  const ours = await contender(await freshDatabase(), async (url) => {
    const main = join(import.meta.dirname, '..', 'dist', 'lib', 'main.js')
    const name = new URL(url).pathname.slice(1)
    const child = spawn(process.execPath, [main, 'watch', '--json', '-p', files.folder, '-d', url, '--confirm', name], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: files.folder,
    })
    const splits: Split[] = []
    await new Promise<void>((ready, fail) => {
      child.once('exit', (code) => fail(new Error(`watch ended with ${code}`)))
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const event = JSON.parse(line)
        if (event.type === 'ready') ready()
        if (event.type === 'applied') splits.push(event.ms)
        if (event.type === 'failed' || event.type === 'skipped') fail(new Error(line))
      })
    })
    return { child, splits, save: (round: number) => writeFileSync(`${stem}.up.sql`, up(round)) }
  })
  const theirs = beside
    ? await contender(await freshDatabase(), async (url) => {
        // All but the last as they would be committed; that one is its current.sql.
        rmSync(`${stem}.up.sql`)
        const database = await openDatabase(url)
        await new Migrator({ source: directory(files.folder), database }).up()
        await database.close()
        writeFileSync(`${stem}.up.sql`, up(0))
        const home = join(dirname(files.folder), 'graphile')
        mkdirSync(join(home, 'migrations', 'committed'), { recursive: true })
        const current = join(home, 'migrations', 'current.sql')
        writeFileSync(join(home, '.gmrc'), JSON.stringify({ connectionString: url }))
        writeFileSync(current, `${down}${up(0)}`)
        const program = join(import.meta.dirname, 'node_modules', '.bin', 'graphile-migrate')
        const child = spawn(program, ['watch'], {
          stdio: 'ignore',
          cwd: home,
          env: { ...process.env, DATABASE_URL: url },
        })
        return { child, splits: [], save: (round: number) => writeFileSync(current, `${down}${up(round)}`) }
      })
    : undefined
  const contenders = [
    { name: 'migrate watch', ...ours },
    ...(theirs ? [{ name: 'graphile-migrate (loses rows)', ...theirs }] : []),
  ]
  const series: Series[] = contenders.map(({ name }) => ({ name, times: [] }))
  try {
    for (const { client } of contenders) {
      await until(async () => (await columnsOf(client)).includes('c0'))
      await client.query("insert into items (name, amount) select 'item ' || i, i from generate_series(1, $1) i", [
        ROWS,
      ])
    }
    ours.splits.length = 0
    for (let round = 1; round <= rounds; round++) {
      for (const [i, { client, save }] of contenders.entries()) {
        await sleep(150)
        const begun = performance.now()
        save(round)
        await until(async () => (await columnsOf(client)).includes(`c${round}`))
        series[i]?.times.push(performance.now() - begun)
      }
    }
    const { rows } = await ours.client.query('select count(*)::int as n, max(id)::int as last from items')
    if (rows[0]?.n !== ROWS || rows[0]?.last !== ROWS) throw new Error(`rows were lost: ${JSON.stringify(rows)}`)
  } finally {
    for (const { client, child } of contenders) {
      child.kill('SIGKILL')
      await client.end()
    }
    rmSync(dirname(files.folder), { recursive: true })
  }
  if (beside) record('watch', `The last of ${count} migrations saved`, series)
  const line = ({ name, times }: Series) =>
    `| ${name} | ${median(times).toFixed(0)} ms | ${quantile(times, 0.95).toFixed(0)} ms | ${Math.max(...times).toFixed(0)} ms |`
  console.log(
    `## From a save to the database: after migration ${at} of ${count}, ${ROWS} rows in its table (${rounds} saves)\n`,
  )
  console.log(['| | p50 | p95 | most |', '|---|---|---|---|', ...series.map(line)].join('\n'))
  const part = (key: keyof Split) => {
    const times = ours.splits.map((split) => split[key])
    return `${key} ${median(times).toFixed(0)} (${quantile(times, 0.95).toFixed(0)})`
  }
  console.log(
    `\nOf ours, in ms, p50 (p95): ${(['noticed', 'planned', 'run', 'shown'] as const).map(part).join(', ')}\n`,
  )
}

// --- internal ---

interface Started {
  readonly child: ChildProcess
  readonly splits: Split[]
  readonly save: (round: number) => void
}

async function contender(url: string, start: (url: string) => Promise<Started>) {
  const client = new pg.Client(url)
  await client.connect()
  return { client, ...(await start(url)) }
}

async function columnsOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    "select attname::text as name from pg_attribute where attrelid = to_regclass('items') and attnum > 0 and not attisdropped",
  )
  return rows.map(({ name }) => name)
}

async function until(is: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error('what was saved does not arrive')
    await sleep(1)
  }
}

function quantile(times: readonly number[], q: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
