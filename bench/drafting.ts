/** From a save of the wanted schema to the database: the draft is generated, proven, written and applied, rows carried. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { draftMark, sealed } from '../src/generate/draft.ts'
import { median } from './measure.ts'

const PATIENCE_MS = 60_000

/** @param tables the number of tables in the schema, each made by two migrations */
export async function drafting(
  freshDatabase: () => Promise<string>,
  { tables, rounds }: { tables: number; rounds: number },
): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'migratest-drafting-'))
  mkdirSync(join(cwd, 'migrations'))
  const write = (name: string, text: string) => writeFileSync(join(cwd, name), text)
  const schema: string[] = []
  for (let i = 1; i <= tables; i++) {
    const refers = i > 1 ? `, other int references t${i - 1}` : ''
    write(
      `migrations/${number(2 * i - 1)}_t.up.sql`,
      `create table t${i} (id int primary key, name text not null${refers});`,
    )
    write(`migrations/${number(2 * i - 1)}_t.down.sql`, `drop table t${i};`)
    write(`migrations/${number(2 * i)}_c.up.sql`, `alter table t${i} add c int; create index t${i}_c on t${i} (c);`)
    write(`migrations/${number(2 * i)}_c.down.sql`, `alter table t${i} drop column c;`)
    schema.push(
      `create table t${i} (id int primary key, name text not null${refers}, c int); create index t${i}_c on t${i} (c);`,
    )
  }
  const save = (round: number) =>
    write('schema.sql', `${schema.join('\n')}\nalter table t${tables} add r${round} int;\n`)
  const half = (text: string) => sealed(`${draftMark('schema.sql')}${text}\n`)
  write(`migrations/${number(2 * tables + 1)}_draft.up.sql`, half(`ALTER TABLE t${tables} ADD COLUMN r0 integer;`))
  write(`migrations/${number(2 * tables + 1)}_draft.down.sql`, half(`ALTER TABLE t${tables} DROP COLUMN r0;`))
  save(0)
  const url = await freshDatabase()
  const name = new URL(url).pathname.slice(1)
  const main = join(import.meta.dirname, '..', 'dist', 'lib', 'main.js')
  const args = ['watch', '--json', '--schema', 'schema.sql', '-d', url, '--confirm', name]
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'], cwd })
  const times: number[] = []
  let trouble: string | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { type } = JSON.parse(line) as { type: string }
    if (['failed', 'unreadable', 'questions', 'skipped'].includes(type)) trouble = line
  })
  const client = new pg.Client(url)
  await client.connect()
  const until = async (column: string) => {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const { rowCount } = await client.query('select from pg_attribute where attname = $1 and not attisdropped', [
        column,
      ])
      if (rowCount) return
      if (trouble !== undefined || Date.now() > deadline) throw new Error(trouble ?? `${column} did not come`)
      await sleep(2)
    }
  }
  try {
    await until('r0')
    await client.query(`insert into t${tables} (id, name) select i, 'row ' || i from generate_series(1, 10000) i`)
    for (let round = 1; round <= rounds; round++) {
      await sleep(300)
      const begun = performance.now()
      save(round)
      await until(`r${round}`)
      // The first round also loads the generator and makes the snapshot.
      if (round > 1) times.push(performance.now() - begun)
    }
    const { rows } = await client.query(`select count(*)::int as n from t${tables}`)
    if (rows[0]?.n !== 10_000) throw new Error(`rows were lost: ${rows[0]?.n}`)
  } finally {
    child.kill('SIGTERM')
    await client.end()
    rmSync(cwd, { recursive: true })
  }
  const sorted = [...times].sort((a, b) => a - b)
  console.log(
    `## From a save of the schema file to the database, proof included: ${2 * tables} migrations, ${tables} tables, 10 000 rows in the changed one (${times.length} saves)\n\np50 ${median(times).toFixed(0)} ms, best ${sorted[0]?.toFixed(0)} ms, most ${sorted.at(-1)?.toFixed(0)} ms\n`,
  )
}

// --- internal ---

function number(n: number): string {
  return String(n).padStart(4, '0')
}
