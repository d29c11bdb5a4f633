/** Snapshots on a PostgreSQL server: databases that nobody can connect to, copied by CREATE DATABASE … TEMPLATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import {
  type Admin,
  briefAdmin,
  canBeCopied,
  createDatabase,
  dropIfUnused,
  listDatabases,
} from '../database/postgres/cluster.ts'
import { connect } from '../database/postgres/connection.ts'
import { literal } from '../database/postgres/tables.ts'
import type { Snapshots, TestDatabase } from './testServer.ts'

export interface SnapshotPlace {
  readonly url: string
  readonly admin: Admin
  readonly fileCopy: boolean
}

/** @param make a test's database from that template */
export function postgresSnapshots(
  { url, admin, fileCopy }: SnapshotPlace,
  ground: readonly string[],
  make: (template: string) => Promise<TestDatabase<Client>>,
): Snapshots<Client> {
  return {
    ground: [...sessionSettings(), '', ...ground],
    nearest: async (keys) => {
      const names = keys.map((key) => literal(snapshotName(key)))
      if (names.length === 0) return undefined
      const { rows } = await admin.query<{ datname: string }>(
        `SELECT datname FROM pg_database WHERE datconnlimit = -1 AND datname IN (${names.join(', ')})`,
      )
      const there = new Set(rows.map(({ datname }) => datname))
      return keys.findLast((key) => there.has(snapshotName(key)))
    },
    clone: (key) =>
      // Whatever keeps it from being copied, the migrations can still run.
      make(snapshotName(key)).catch(() => undefined),
    freeze: async ({ name }, key) => {
      if (refused.has(key)) return
      // Its own connection: others of this process need not wait.
      const client = await connect(url).catch(() => undefined)
      if (!client) return
      try {
        const brief = briefAdmin(client)
        // Sessions that were ended a moment ago may still be there.
        let ready = false
        for (let i = 0; i < 5 && !ready; i++) {
          if (i > 0) await sleep(20)
          ready = await canBeCopied(brief, name)
        }
        if (!ready) {
          refused.add(key)
          return
        }
        await createDatabase(brief, snapshotName(key), { template: name, fileCopy, closed: true })
        await dropSurplus(brief)
      } catch {
        // Another process was first, or there is no room: the next who needs it makes it.
      } finally {
        await client.end().catch(() => undefined)
      }
    },
  }
}

// --- internal ---

/** Each takes about 8 MiB, mostly of memory. */
const MOST_SNAPSHOTS = 24

/** Keys whose databases could not be copied: asking again would only take time. */
const refused = new Set<string>()

/** What `pg` tells each session from the environment, which may change how texts are understood. */
function sessionSettings(): string[] {
  const names = ['PGOPTIONS', 'PGDATESTYLE', 'PGTZ', 'PGCLIENTENCODING', 'PGGEQO']
  return names.map((name) => `${name}=${process.env[name] ?? ''}`)
}

const SNAPSHOT_PREFIX = 'migratest_snapshot_'

function snapshotName(key: string): string {
  return `${SNAPSHOT_PREFIX}${key}`
}

/** The oldest go first. One that is just being copied stays. */
async function dropSurplus(admin: Admin): Promise<void> {
  const names = await listDatabases(admin, SNAPSHOT_PREFIX)
  for (const name of names.slice(0, -MOST_SNAPSHOTS)) await dropIfUnused(admin, name).catch(() => undefined)
}
