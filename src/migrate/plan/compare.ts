/** Compares the applied migrations with the current files. */

import { hash } from 'node:crypto'
import { attempt, throwAll } from '../attempt.ts'
import type { HistoryEntry, HistoryRecord } from '../driver.ts'
import { EditedMigrationError, LateMigrationError, MigratestError, MissingMigrationError } from '../errors.ts'
import { fingerprintOfHalf, type LoadInput, loadHalf, recordOf } from '../load.ts'
import type { Migration, Source, SqlBody } from '../source.ts'
import { labelOf } from '../version.ts'

/** Policies for differences between the applied migrations and the files. */
export interface Policies {
  /** A migration below the current version that was never applied: `error` (default), `apply` it, or `ignore` it. */
  readonly outOfOrder?: 'error' | 'apply' | 'ignore'
  /** An applied migration whose up was edited since: `error` (default) or `ignore`. */
  readonly edited?: 'error' | 'ignore'
  /** An applied migration whose file is gone: `error` (default) or `ignore`. */
  readonly missing?: 'error' | 'ignore'
}

export interface Comparison {
  readonly edited: readonly Migration[]
  /** Downs that were added or changed while the up is unchanged; they replace the recorded ones. */
  readonly newDowns: readonly HistoryRecord[]
  /** Errors of files that cannot be read, by version. */
  readonly broken: ReadonlyMap<number, MigratestError>
}

export async function compareWithFiles(input: LoadInput): Promise<Comparison> {
  const { source, driver, applied } = input
  const edited: Migration[] = []
  const newDowns: HistoryRecord[] = []
  const broken = new Map<number, MigratestError>()
  for (const migration of input.migrations.values()) {
    const entry = applied.entries.get(migration.version)
    if (!entry) continue
    if (await isTextRecorded(source, migration, entry)) continue
    const halves = await attempt(async () => ({
      up: await loadHalf(source, migration, 'up', driver),
      down: await loadHalf(source, migration, 'down', driver),
    }))
    if (halves instanceof MigratestError) {
      broken.set(migration.version, halves)
      continue
    }
    const { up, down } = halves
    if (fingerprintOfHalf(up) !== entry.fingerprint) {
      edited.push(migration)
      continue
    }
    const downFingerprint = down.kind === 'nil' ? null : down.fingerprint
    if (downFingerprint === entry.downFingerprint) continue
    const { version, name, fingerprint } = entry
    newDowns.push({
      version,
      name,
      fingerprint: fingerprint ?? '',
      downFingerprint,
      up: null,
      down: recordOf(input, down),
    })
  }
  return { edited, newDowns, broken }
}

/**
 * Throws, before any up runs, if there are late, missing or edited migrations that the policies do not allow; the error
 * names them. Returns the changed downs, which must be recorded again.
 * @param independent late migrations on a separate branch, which may run now
 */
export async function refuseTrouble(
  input: LoadInput,
  policies: Policies,
  independent: ReadonlySet<number>,
): Promise<readonly HistoryRecord[]> {
  const { applied, migrations, source } = input
  const {
    outOfOrder = source.format?.outOfOrder ?? 'error',
    edited = 'error',
    missing = source.format?.missing ?? 'error',
  } = policies
  const late = applied.late.filter((version) => !independent.has(version))
  if (outOfOrder === 'error' && late.length > 0) {
    const files = late.map((version) => fileOf(migrations.get(version), version))
    throw new LateMigrationError(`Not applied, although the database has a higher version:\n${listed(files)}`, {
      hint: source.format
        ? `${source.format.tool} does not apply them either, or only if it is asked to. Make them again, so that they come last, or pass outOfOrder: 'apply' (or 'ignore').`
        : "Give them versions above the latest one. If they belong to another branch, declare what they depend on (-- migrate: depends-on …). Or pass outOfOrder: 'apply' (or 'ignore').",
    })
  }
  const gone = [...applied.entries.values()].filter((entry) => !migrations.has(entry.version))
  if (missing === 'error' && gone.length > 0) {
    const names = gone.map(labelOf)
    throw new MissingMigrationError(`Applied, but no longer in ${source.name}:\n${listed(names)}`, {
      hint:
        source.format && !source.format.downs
          ? "Restore the files, or pass missing: 'ignore'."
          : "Restore the files, undo these migrations first (the history has their downs), or pass missing: 'ignore'.",
    })
  }
  const compared = await compareWithFiles(input)
  throwAll([...compared.broken.values()])
  if (edited === 'error' && compared.edited.length > 0) {
    const files = compared.edited.map((migration) => fileOf(migration, migration.version))
    throw new EditedMigrationError(`Edited after they were applied:\n${listed(files)}`, {
      hint:
        source.format && !source.format.downs
          ? "Restore them and write the change as a new migration, or pass edited: 'ignore'."
          : "Restore them and write the change as a new migration, migrate down below them and up again, or pass edited: 'ignore'.",
    })
  }
  return compared.newDowns
}

// --- internal ---

/** Returns `true` if the files have the recorded texts, so that nothing can have been edited. */
async function isTextRecorded(source: Source, migration: Migration, { digests }: HistoryEntry): Promise<boolean> {
  if (!digests?.up) return false
  const same = await attempt(async () => {
    const up = await source.read(migration, 'up')
    if (up?.kind !== 'sql' || digestOf(up) !== digests.up) return false
    const down = await source.read(migration, 'down')
    return down === null ? digests.down === null : down.kind === 'sql' && digestOf(down) === digests.down
  })
  return same === true
}

/** By the bodies of sources that keep them, since each move compares all that is applied. */
const digests = new WeakMap<SqlBody, string>()

function digestOf(body: SqlBody): string {
  const { text, written = text } = body
  const digest = digests.get(body) ?? hash('sha256', written)
  digests.set(body, digest)
  return digest
}

function fileOf(migration: Migration | undefined, version: number): string {
  return migration?.up ?? migration?.down ?? String(version)
}

function listed(names: readonly string[]): string {
  return names.map((name) => `  ${name}`).join('\n')
}
