/** Test databases one after another, by one, two and eight workers: how long a test waits, how many there are a second, what it costs. */
import { type ChildProcess, fork } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { record } from './figures.ts'
import type { TakerInput } from './taker.ts'

interface Result {
  readonly times: number[]
  readonly tests: number
  readonly all: number
}

export interface TakingInput extends Omit<TakerInput, 'way' | 'takes' | 'pauseMs'> {
  readonly ways: readonly string[]
  readonly workers: readonly number[]
  readonly takes: number
  readonly pauseMs?: number
  readonly rounds: number
  /** Under which the times of one worker are recorded. */
  readonly name?: string | undefined
}

/** Prints a table for each number of workers, the floor first. */
export async function taking({ ways, workers, takes, pauseMs = 0, rounds, name, ...rest }: TakingInput): Promise<void> {
  for (const count of workers) {
    const rows = new Map<string, { times: number[]; rates: number[]; cpu: number[]; seconds: number[] }>()
    for (let round = 0; round < rounds; round++) {
      for (const way of round % 2 ? ways.toReversed() : ways) {
        const each = Math.max(5, Math.round((slow(way) ? takes / 10 : takes) / count))
        const row = rows.get(way) ?? { times: [], rates: [], cpu: [], seconds: [] }
        rows.set(way, row)
        const { results, busyMs } = await run({ ...rest, way, takes: each, pauseMs }, count)
        const total = results.reduce((sum, { times }) => sum + times.length, 0)
        const wall = Math.max(...results.map(({ all }) => all))
        row.times.push(...results.flatMap(({ times }) => times))
        row.rates.push((total / wall) * 1000)
        row.cpu.push(busyMs / total)
        row.seconds.push(Math.max(...results.map(({ tests }) => tests)) / 1000)
      }
    }
    const series = [...rows].map(([way, { times }]) => ({ name: way, times }))
    if (name && count === 1) record(name, 'One worker, back to back', series)
    const floor = quantile(rows.get(ways[0] ?? '')?.times ?? [], 0.5)
    const lines = [...rows].map(
      ([way, { times, rates, cpu, seconds }]) =>
        `| ${way} | ${quantile(times, 0.5).toFixed(1)} ms | ${quantile(times, 0.95).toFixed(1)} | ${(quantile(times, 0.5) / floor).toFixed(2)} | ${quantile(rates, 0.5).toFixed(0)} | ${quantile(cpu, 0.5).toFixed(1)} ms | ${quantile(seconds, 0.5).toFixed(2)} s |`,
    )
    console.log(
      `${count} ${count === 1 ? 'worker' : 'workers'}${pauseMs ? `, tests of ${pauseMs} ms` : ''}\n\n| | p50 | p95 | × first | a second | CPU each | tests |\n|---|---|---|---|---|---|---|\n${lines.join('\n')}\n`,
    )
  }
}

function slow(way: string): boolean {
  return way === 'pgsql-test' || way === 'umzug' || way === 'node-pg-migrate' || way.endsWith('WAL_LOG')
}

/** All begin together, once each is warm. */
async function run(input: TakerInput, workers: number): Promise<{ results: Result[]; busyMs: number }> {
  const children = Array.from({ length: workers }, () =>
    fork(join(import.meta.dirname, 'taker.ts'), { env: { ...process.env, TAKER: JSON.stringify(input) } }),
  )
  await Promise.all(children.map((child) => message(child)))
  const before = busy()
  const results = children.map((child) => message(child) as Promise<Result>)
  for (const child of children) child.send('go')
  const done = await Promise.all(results)
  return { results: done, busyMs: busy() - before }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => code && reject(new Error(`a worker ended with ${code}`)))
  })
}

/** Milliseconds that all processors worked, whoever for: nothing else runs beside. */
function busy(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice + times.irq, 0)
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN
}
