/** Lets two processes migrate one database at once: one has to wait for the other. */
import type { Migration } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'
import type { Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { isOfAMigration } from './notRepeatable.ts'
import { WayDatabase } from './wayDatabase.ts'
import { differenceOf, type Whole } from './whole.ts'

export async function twoAtOnce<Client>(verified: Verified<Client>, halves: Halves): Promise<Observed> {
  const { migrations } = verified
  const last = migrations.at(-1)
  if (!last) return {}
  const found = await race(verified, last)
  if (typeof found === 'string') return { remark: found }
  if (!found) return {}
  // The search by halves finds the first version up to which two processes disturb each other.
  let [low, high] = [0, migrations.length - 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const migration = migrations[middle]
    if (migration && (await race(verified, migration))) high = middle
    else low = middle + 1
  }
  const what = `two processes that migrate at once get in each other's way: ${found.text}`
  return { observations: [lostLock(migrations[low] ?? last, halves, what)] }
}

export function lostLock(migration: Migration, halves: Halves, what: string): Observation {
  const half = halves.of(versionOf(migration), 'up')
  return {
    rule: 'migration-lock-lost',
    version: versionOf(migration),
    half: 'up',
    file: half?.file ?? migration.up,
    objects: [labelOf(migration)],
    message: `With ${labelOf(migration)}, ${what}`,
    fix: {
      text: 'Let no migration release locks that it has not taken (pg_advisory_unlock_all, DISCARD ALL, RELEASE_ALL_LOCKS).',
    },
  }
}

// --- internal ---

/** Returns what is wrong when two processes migrate at once, or a remark. */
async function race<Client>(
  verified: Verified<Client>,
  to: Migration,
): Promise<{ readonly text: string } | string | undefined> {
  const database = await WayDatabase.create(verified)
  try {
    if (database.url === undefined) return 'there is only one session'
    const results = await database.moveTwice(versionOf(to))
    const failed = results.find((one) => one.status === 'rejected')
    if (failed?.status === 'rejected') {
      if (!isOfAMigration(failed.reason)) throw failed.reason
      // What fails for one process alone, too, says nothing about two.
      await replay(verified, to).catch((error) => {
        if (!isOfAMigration(error)) throw error
        throw new VerificationError(`Not reached: ${error.message.split('\n')[0]}`)
      })
      return { text: failed.reason.message.split('\n')[0] ?? '' }
    }
    const difference = await differenceOf(await replay(verified, to), await database.whole(), () =>
      replay(verified, to),
    )
    return difference && { text: difference.text }
  } finally {
    await database.dispose()
  }
}

async function replay<Client>(verified: Verified<Client>, to: Migration): Promise<Whole> {
  const database = await WayDatabase.create(verified)
  try {
    await database.move(versionOf(to))
    return await database.whole()
  } finally {
    await database.dispose()
  }
}
