/**
 * Runs beside a statement that needs no transaction: one session that has read every table, and one that has written to
 * it, both with their transactions open. A third looks at the locks of the statement from outside.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObservedStatement, OtherSession } from '../../../migrate/driver.ts'
import type { Relation } from './snapshot.ts'

interface Beside {
  /** Ends the sessions. */
  end(): Promise<void>
  /** The modes of the locks that the statement had, or waited for, at some time, by the oid of the relation. */
  readonly seen: ReadonlyMap<number, ReadonlySet<string>>
  waited(): ('readers' | 'writers')[]
}

/** Opens the sessions; undefined if the database has only one. */
export async function besideOthers(
  { another, query }: ObservedStatement,
  tables: readonly Relation[],
): Promise<Beside | undefined> {
  if (!another) return undefined
  const [row] = await query('SELECT pg_catalog.pg_backend_pid() AS pid')
  const pid = Number(row?.pid)
  const opened: OtherSession[] = []
  const open = async () => {
    const session = await another()
    opened.push(session)
    return session
  }
  const [reader, writer, watcher] = [await open(), await open(), await open()]
  const holders = {
    readers: await holding(reader, tables, 'ACCESS SHARE'),
    writers: await holding(writer, tables, 'ROW EXCLUSIVE'),
  }
  const seen = new Map<number, Set<string>>()
  const waited = new Set<'readers' | 'writers'>()
  let isOver = false
  const watch = async () => {
    while (!isOver) {
      const rows = await watcher.query(LOOK.replaceAll('PID', String(pid)))
      for (const { relation, mode } of rows) {
        if (relation === null) continue
        const modes = seen.get(Number(relation)) ?? new Set()
        seen.set(Number(relation), modes.add(String(mode)))
      }
      const blockers = (rows[0]?.blockers ?? []) as number[]
      for (const who of ['readers', 'writers'] as const) {
        if (!blockers.includes(holders[who].pid)) continue
        waited.add(who)
        await holders[who].release()
      }
      await sleep(2)
    }
  }
  const watching = watch().catch(() => undefined)
  return {
    async end() {
      isOver = true
      await watching
      await Promise.all(opened.map((session) => session.close().catch(() => undefined)))
    },
    seen,
    waited: () => [...waited],
  }
}

// --- internal ---

/** The locks of a session, granted or waited for, and the sessions that it waits for. */
const LOOK = `SELECT l.relation::int8 AS relation, l.mode, pg_catalog.pg_blocking_pids(PID) AS blockers
  FROM (SELECT) one LEFT JOIN pg_catalog.pg_locks l ON l.pid = PID AND l.locktype = 'relation' AND l.relation >= 16384 ORDER BY l.relation, l.mode`

async function holding(session: OtherSession, tables: readonly Relation[], mode: string) {
  const [row] = await session.query('SELECT pg_catalog.pg_backend_pid() AS pid')
  await session.query('BEGIN')
  const names = tables
    .filter(({ kind }) => kind === 'r' || kind === 'p')
    .map(({ schema, name }) => `${quoted(schema)}.${quoted(name)}`)
  if (names.length > 0) await session.query(`LOCK TABLE ${names.join(', ')} IN ${mode} MODE`)
  return { pid: Number(row?.pid), release: () => session.query('ROLLBACK') }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
