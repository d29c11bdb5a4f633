/** A new migration of Drizzle: what `drizzle-kit generate --custom` writes, in both layouts. */
import { randomUUID } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Alongside } from '../../migrate/source.ts'
import { type Folder, type NewMigration, someOf, timestampOf } from './format.ts'

/** Facts: drizzle-kit 0.31.11 and 1.0.0-rc.5, `writeResult` and `prepareMigrationMetadata` in `bin.cjs`. */
export function newDrizzleFiles(title: string, made: NewMigration<Timed>): Record<string, string> {
  if (made.folder.files().includes(JOURNAL)) return withJournal(title, made)
  if (made.entries.length > 0) return withFolder(title, made)
  throw new UsageError(
    `${made.folder.shown} has no migration of Drizzle yet, so that its layout and its database are not known.`,
    { hint: 'Make the first one with "drizzle-kit generate --custom".' },
  )
}

/** Returns what goes with migrations whose files go: their entries in the journal, and their snapshots. A text alone is listed nowhere. */
export function afterRemoval(folder: Folder, changes: ReadonlyMap<string, string | null>): Alongside {
  const gone = [...changes].flatMap(([path, text]) =>
    text === null ? [path.replace(/(?:\/migration)?\.sql$/, '')] : [],
  )
  const snapshots = gone.map((name) =>
    folder.files().includes(JOURNAL) ? `meta/${name.split('_')[0]}_snapshot.json` : `${name}/snapshot.json`,
  )
  const removed = snapshots.filter((path) => folder.files().includes(path))
  if (gone.length === 0 || !folder.files().includes(JOURNAL)) return { contents: {}, removed }
  const journal = readJson(folder, JOURNAL) as { entries: readonly JournalEntry[] }
  const entries = journal.entries.filter(({ tag }) => !gone.includes(tag))
  return { contents: { [JOURNAL]: json({ ...journal, entries }) }, removed }
}

// --- internal ---

const JOURNAL = 'meta/_journal.json'
const TEXT = '-- Custom SQL migration file, put your code below! --'

/** The part of Drizzle's migrations that is needed here: the time in milliseconds; NaN if there is none. */
interface Timed {
  readonly when: number
}

interface Snapshot {
  readonly id?: unknown
  readonly version?: unknown
  readonly prevIds?: unknown
  readonly dialect?: unknown
  readonly ddl?: unknown
  /** `base` or `diff`, in snapshots with the changes only. */
  readonly type?: unknown
}

interface JournalEntry {
  readonly idx?: number
  readonly version?: unknown
  readonly tag: string
}

// The layout of 0.x.

function withJournal(title: string, { folder, entries, now }: NewMigration<Timed>): Record<string, string> {
  const journal = readJson(folder, JOURNAL) as { version?: unknown; entries: readonly JournalEntry[] }
  const last = journal.entries.at(-1)
  const idx = last === undefined ? 0 : (last.idx ?? entries.length - 1) + 1
  const prefix = prefixOf(last?.tag, idx, now)
  const tag = `${prefix}_${title}`
  const latest = latestSnapshot(folder)
  const version = latest?.version ?? last?.version ?? journal.version
  // Drizzle silently skips a migration that is not above the others, see `outOfOrder`.
  const when = Math.max(now.getTime(), ...entries.map(({ data }) => data.when + 1))
  const all = [...journal.entries, { idx, version, when, tag, breakpoints: true }]
  return {
    [`${tag}.sql`]: TEXT,
    [JOURNAL]: json({ ...journal, entries: all }),
    // A snapshot of an empty schema says the same as none.
    ...(latest && { [`meta/${prefix}_snapshot.json`]: json(copyOf(latest)) }),
  }
}

/** The option `migrations.prefix` of drizzle.config.ts is not known here; the last migration shows it. */
function prefixOf(lastTag: string | undefined, idx: number, now: Date): string {
  const last = lastTag?.split('_')[0] ?? '0'
  if (last === '') return ''
  if (/^\d{14}$/.test(last)) return timestampOf(now)
  if (/^\d{10}$/.test(last)) return String(Math.floor(now.getTime() / 1000))
  return String(idx).padStart(4, '0')
}

function latestSnapshot(folder: Folder): Snapshot | undefined {
  const snapshots = folder.files().filter((file) => /^meta\/[^/_][^/]*\.json$/.test(file))
  const path = snapshots.sort().at(-1)
  return path === undefined ? undefined : readJson(folder, path)
}

/** Returns the same schema as the next link of the chain. Renames belong to the migration that made them. */
function copyOf(latest: Snapshot): Snapshot {
  const renames = { columns: {}, schemas: {}, tables: {} }
  return Object.assign({ id: '', prevId: '' }, latest, { id: randomUUID(), prevId: latest.id, _meta: renames })
}

// The layout of 1.0.

function withFolder(title: string, { folder, entries, now }: NewMigration<Timed>): Record<string, string> {
  const times = entries.map(({ data }) => data.when).filter((when) => !Number.isNaN(when))
  const time = new Date(Math.max(now.getTime(), ...times.map((when) => when + 1000)))
  const name = `${timestampOf(time)}_${title}`
  const leaves = leafSnapshots(folder)
  return {
    [`${name}/migration.sql`]: TEXT,
    ...(leaves.length > 0 && { [`${name}/snapshot.json`]: json(nextOf(leaves)) }),
  }
}

/** Returns the snapshots that no other one follows: more than one, if branches were merged. */
function leafSnapshots(folder: Folder): Snapshot[] {
  const paths = folder.files().filter((file) => /^[^/]+\/snapshot\.json$/.test(file))
  const snapshots = paths.sort().map((path) => ({ path, snapshot: readJson(folder, path) }))
  const followed = new Set(snapshots.flatMap(({ snapshot }) => snapshot.prevIds))
  const leaves = snapshots.filter(({ snapshot }) => !followed.has(snapshot.id))
  if (new Set(leaves.map(({ snapshot: { ddl, id } }) => JSON.stringify(ddl ?? id))).size > 1) {
    throw new UsageError(
      `${folder.shown} has migrations of several branches with different schemas, which only Drizzle can put together: ${someOf(leaves.map(({ path }) => path))}.`,
      { hint: 'Run "drizzle-kit generate --custom" once.' },
    )
  }
  return leaves.map(({ snapshot }) => snapshot)
}

/** From version 9 on, snapshots for PostgreSQL have the changes only; all others have the whole schema. */
function nextOf(leaves: readonly Snapshot[]): Snapshot {
  const leaf: Snapshot = leaves.at(-1) ?? {}
  const id = randomUUID()
  const prevIds = leaves.map((snapshot) => snapshot.id)
  if (leaf.type === undefined) return Object.assign({ id, prevIds }, leaf, { id, prevIds, renames: [] })
  const { version, dialect } = leaf
  return Object.assign({ type: 'diff', version, dialect, id, prevIds }, { footprints: [], deltas: [] })
}

// Files.

function readJson(folder: Folder, path: string): Snapshot {
  try {
    return Object(JSON.parse(folder.text(path).replace(/^\uFEFF/, ''))) as Snapshot
  } catch (cause) {
    throw new UsageError(`${folder.shown}/${path} is not valid JSON.`, {
      hint: 'A merge may have left conflict markers in it.',
      cause,
    })
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
