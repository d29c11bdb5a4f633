/** Measures what a test costs a MySQL or MariaDB server when its database is given back, with and without the binary log. */
import { acquireServer, stopServer } from '../dist/src/server/acquire.js'
import { MigratedDatabase, settled } from '../dist/src/testing/lease/migratedDatabase.js'
import { mysqlServer } from '../dist/src/testing/server/mysql/server.js'
import { processWith, spentBy } from './cost.ts'
import { median } from './measure.ts'

const TESTS = 40
const ROUNDS = 7

const WAYS = {
  'binary log': { 'innodb-lock-wait-timeout': '48' },
  'no binary log: everything is compared': { 'innodb-lock-wait-timeout': '47', 'skip-log-bin': '' },
}

/** The ways take turns on two servers in one process, so the ratio holds on a busy machine, too. */
export async function givingBack(kind: 'mysql' | 'mariadb', migrations: string): Promise<void> {
  const ways = await Promise.all(Object.entries(WAYS).map(([name, flags]) => start(kind, name, flags, migrations)))
  const rows: string[] = []
  for (const sql of ["insert into t1 (name) values ('mine')", 'select count(*) as n from t1']) {
    const costs = new Map(ways.map(({ name }) => [name, { server: [] as number[], ours: [] as number[] }]))
    const takes = new Map(ways.map(({ name }) => [name, [] as number[]]))
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { name, server, take } of round % 2 ? ways : ways.toReversed()) {
        const before = { server: spentBy(server), ours: process.cpuUsage() }
        const times: number[] = []
        for (let i = 0; i < TESTS; i++) times.push(await take(sql))
        await settled()
        const { user, system } = process.cpuUsage(before.ours)
        // The first round makes the snapshot and the first copies.
        if (round === 0) continue
        takes.get(name)?.push(...times)
        costs.get(name)?.server.push((spentBy(server) - before.server) / TESTS)
        costs.get(name)?.ours.push((user + system) / 1000 / TESTS)
      }
    }
    for (const [name, { server, ours }] of costs) {
      rows.push(
        `| ${sql.split(' ')[0]}, ${name} | ${median(server).toFixed(1)} ms | ${median(ours).toFixed(1)} ms | ${median(takes.get(name) ?? []).toFixed(1)} ms |`,
      )
    }
  }
  console.log(
    `## A test back to back on ${kind}: processor time each, and how long a test waits (${ROUNDS} rounds of ${TESTS})\n\n| | of the server | of the client | wait |\n|---|---|---|---|\n${rows.join('\n')}\n`,
  )
  for (const { stop } of ways) await stop()
}

// --- internal ---

async function start(kind: 'mysql' | 'mariadb', name: string, flags: Record<string, string>, migrations: string) {
  const request = { kind, from: 'auto', version: undefined, image: undefined, flags, setup: [] } as const
  const lease = await acquireServer(request)
  const server = mysqlServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
  return {
    name,
    server: processWith(`innodb-lock-wait-timeout=${flags['innodb-lock-wait-timeout']}`),
    /** Takes a database, runs the SQL in it, and gives it back. Returns the milliseconds that taking took. */
    take: async (sql: string) => {
      const begun = performance.now()
      const db = await MigratedDatabase.create({ server, migrations })
      const ms = performance.now() - begun
      await db.query(sql)
      await db[Symbol.asyncDispose]()
      return ms
    },
    stop: async () => {
      lease.release()
      await stopServer(request)
    },
  }
}
