/** golang-migrate's own tables, row by row. */
import { describe, expect, test } from 'vitest'
import {
  DirtyError,
  LockedError,
  type MigratestError,
  ShortLimitError,
  VersionNotFoundError,
} from '../../src/migrate/errors.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { MigrationPlan } from '../../src/migrate/plan/moves.ts'
import { memory } from '../../src/source/memory.ts'
import rows from '../conformance/transitions.json' with { type: 'json' }
import { PlainDatabase, PlainDriver } from './plainDriver.ts'

type ConformanceRow = (typeof rows)[number]

const ERRORS: Record<string, new (...args: never[]) => MigratestError> = {
  NotExist: VersionNotFoundError,
  ShortLimit: ShortLimitError,
  Dirty: DirtyError,
  Locked: LockedError,
}

describe.each(rows as ConformanceRow[])('$name: $call $args from $startVersion', (row) => {
  test('moves as golang-migrate does', async () => {
    const { db, plan, error } = await perform(row)
    const expected = row.expectedError as { code: string; short?: number; version?: number } | null
    // A plan that comes up short says so and is a plan; "no change" and "no version" are answers, not errors.
    const wanted = expected && !(plan && expected.short) ? ERRORS[expected.code] : undefined
    if (wanted) expect(error).toBeInstanceOf(wanted)
    else expect(error).toBeUndefined()
    if (expected?.short !== undefined) expect((plan ?? (error as ShortLimitError)).short).toBe(expected.short)
    if (expected?.version !== undefined) expect((error as DirtyError).version).toBe(expected.version)
    if (row.call.startsWith('read')) {
      const steps = (plan?.steps ?? []).map((step) => [
        step.version,
        step.direction === 'up' ? step.version : step.to,
        step.direction,
      ])
      expect(steps).toEqual(row.expectedSteps.map((step) => [step.version, step.targetVersion, step.direction]))
      if (plan) expect(plan.to).toBe(row.expectedVersionAfter)
    } else {
      expect(db.executed).toEqual(row.expectedSequence)
      expect([db.version, db.dirty]).toEqual([row.expectedVersionAfter, row.expectedDirtyAfter])
    }
  })
})

async function perform(row: ConformanceRow) {
  const files: Record<string, string> = {}
  for (const { version, up, down } of row.sourceVersions) {
    if (up) files[`${version}_m.up.sql`] = `CREATE ${version}`
    if (down) files[`${version}_m.down.sql`] = `DROP ${version}`
  }
  const db = new PlainDatabase()
  const driver = new PlainDriver(db)
  if (row.startVersion >= 0) await driver.force(row.startVersion)
  db.dirty = row.startDirty
  const migrator = new Migrator({ source: memory(files), database: driver })
  let plan: MigrationPlan | undefined
  let error: unknown
  try {
    plan = await call(row, migrator, driver)
  } catch (caught) {
    error = caught
  }
  return { db, plan, error }
}

async function call(row: ConformanceRow, migrator: Migrator, driver: PlainDriver): Promise<MigrationPlan | undefined> {
  const [first = 0, second = 0] = row.args as number[]
  switch (row.call) {
    case 'migrate':
      await migrator.to(first)
      return
    case 'steps':
      await migrator.steps(first)
      return
    case 'up':
      await migrator.up()
      return
    case 'down':
      await migrator.down('all')
      return
    case 'force':
      await migrator.force(first)
      return
    case 'drop':
      await migrator.drop()
      return
    case 'version':
      expect((await migrator.version()).version).toBe(row.expectedVersionAfter)
      return
    case 'run':
      await migrator.run(...(row.args as unknown as { version: number; targetVersion: number; body: null }[]))
      return
    case 'lock,lock':
      await driver.lock({ timeout: 0, signal: new AbortController().signal })
      await driver.lock({ timeout: 0, signal: new AbortController().signal })
      return
    case 'read':
      return migrator.plan(second, { from: first })
    case 'readUp':
      return migrator.plan({ kind: 'up', limit: second }, { from: first })
    case 'readDown':
      return migrator.plan({ kind: 'down', limit: second }, { from: first })
    default:
      throw new Error(`no such call: ${row.call}`)
  }
}
