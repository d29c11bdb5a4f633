import assert from 'node:assert/strict'
import { readScript } from '../../sql/script.ts'
import type { Driver, HistoryRecord, MigrationStep } from '../driver.ts'
import { LockedError, StateMovedError, StatementError } from '../errors.ts'
import { NEVER } from '../never.ts'
import type { Direction, MigrationContext } from '../source.ts'

/** The database under test: empty, and can be opened more than once. */
export interface DriverSubject {
  open(): Promise<Driver>
  /** SQL that creates an object called `name`, drops it, inserts a row into it, and SQL that fails. */
  readonly sql: {
    create(name: string): string
    drop(name: string): string
    insert(name: string): string
    readonly fails: string
  }
  /** Returns whether an object with this name exists. */
  exists(name: string): Promise<boolean>
}

interface Rule {
  readonly name: string
  run(subject: DriverSubject): Promise<void>
}

export const driverContract: readonly Rule[] = [
  {
    name: 'reports nil and clean for an empty database, and writes nothing to do so',
    run: (subject) =>
      using(subject, async (driver) => {
        assert.deepEqual(await driver.state(), { version: -1, dirty: false, history: [] })
      }),
  },
  {
    name: 'applies a body, moves the version and records it',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        const state = await driver.state()
        assert.equal(await subject.exists('a'), true)
        assert.deepEqual([state.version, state.dirty], [1, false])
        const entry = state.history[0]
        assert(entry)
        assert.deepEqual([entry.version, entry.name, entry.running, entry.baseline], [1, 'm1', null, false])
        assert.equal(await driver.recorded(1, 'up'), subject.sql.create('a'))
        assert.equal(await driver.recorded(1, 'down'), 'down 1')
        assert(entry.appliedAt instanceof Date && (entry.durationMs ?? -1) >= 0)
      }),
  },
  {
    name: 'applies several at once, if it can; those before a failed one stay applied',
    run: (subject) =>
      locked(subject, async (driver) => {
        if (!driver.applyAll) return
        const { create, fails } = subject.sql
        await driver.applyAll([stepOf(driver, 'up', -1, 1, create('a')), stepOf(driver, 'up', 1, 2, null)], NEVER)
        assert.equal((await driver.state()).version, 2)
        const more = [
          stepOf(driver, 'up', 2, 3, create('b')),
          stepOf(driver, 'up', 3, 4, fails),
          stepOf(driver, 'up', 4, 5, create('c')),
        ]
        await assert.rejects(driver.applyAll(more, NEVER))
        const { version, dirty, history } = await driver.state()
        assert(!dirty && history.length === version && (version === 2 || version === 3))
        assert.deepEqual(
          [await subject.exists('a'), await subject.exists('b'), await subject.exists('c')],
          [true, version === 3, false],
        )
        await move(driver, 'up', version, 6, create('d'))
      }),
  },
  {
    name: 'removes an undone migration from the history and returns to nil',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        await move(driver, 'down', 1, -1, subject.sql.drop('a'))
        assert.deepEqual(await driver.state(), { version: -1, dirty: false, history: [] })
        assert.equal(await subject.exists('a'), false)
      }),
  },
  {
    name: 'moves the version for a nil migration',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 4, null)
        assert.equal((await driver.state()).version, 4)
      }),
  },
  {
    name: 'runs code with a client, and records it',
    run: (subject) =>
      locked(subject, async (driver) => {
        const said: string[] = []
        const run = async ({ sql, log }: MigrationContext) => {
          if (driver.transactionalDdl) await sql(subject.sql.create('a'))
          log('done')
        }
        const step: MigrationStep = {
          ...stepOf(driver, 'up', -1, 1, null),
          work: { kind: 'code', run, log: (text) => said.push(text) },
        }
        if (driver.transactionalDdl) await driver.apply(step, NEVER)
        else {
          await driver.begin(step)
          await driver.execute(step, 0, NEVER)
          await driver.finish(step)
        }
        assert.deepEqual(said, ['done'])
        assert.equal((await driver.state()).version, 1)
        assert.equal(await subject.exists('a'), driver.transactionalDdl)
      }),
  },
  {
    name: 'throws a StatementError with the place of a failed statement',
    run: (subject) =>
      locked(subject, async (driver) => {
        const text = `${subject.sql.create('a')};\n${subject.sql.fails}`
        await assert.rejects(move(driver, 'up', -1, 1, text), (error) => {
          assert(error instanceof StatementError)
          const { offset, statement } = error.info
          assert(offset !== undefined ? offset > text.indexOf('\n') : statement === 1)
          return true
        })
        const kept = !driver.transactionalDdl
        assert.equal(await subject.exists('a'), kept)
        const { version, dirty } = await driver.state()
        assert.deepEqual([version, dirty], kept ? [1, true] : [-1, false])
      }),
  },
  {
    name: 'refuses a step when the version is not what was expected, and undoes it',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        await assert.rejects(move(driver, 'up', 7, 8, subject.sql.create('b')), StateMovedError)
        assert.equal((await driver.state()).version, 1)
        assert.equal(await subject.exists('b'), false)
      }),
  },
  {
    name: 'runs statement by statement under the dirty flag, with a journal',
    run: (subject) =>
      locked(subject, async (driver) => {
        const step = stepOf(driver, 'up', -1, 1, `${subject.sql.create('a')};\n${subject.sql.create('b')}`)
        await driver.begin(step)
        assert.deepEqual(journalOf(await driver.state()), [1, true, { direction: 'up', started: 0, done: 0, total: 2 }])
        await driver.execute(step, 0, NEVER)
        assert.deepEqual(journalOf(await driver.state()), [1, true, { direction: 'up', started: 1, done: 1, total: 2 }])
        assert.deepEqual([await subject.exists('a'), await subject.exists('b')], [true, false])
        await driver.execute(step, 1, NEVER)
        await driver.finish(step)
        const state = await driver.state()
        assert.deepEqual([state.version, state.dirty, state.history[0]?.running], [1, false, null])
      }),
  },
  {
    name: 'records a refused statement in the journal as not done',
    run: (subject) =>
      locked(subject, async (driver) => {
        const step = stepOf(driver, 'up', -1, 1, `${subject.sql.create('a')};\n${subject.sql.fails}`)
        await driver.begin(step)
        await driver.execute(step, 0, NEVER)
        await assert.rejects(driver.execute(step, 1, NEVER), StatementError)
        assert.deepEqual(journalOf(await driver.state()), [1, true, { direction: 'up', started: 1, done: 1, total: 2 }])
      }),
  },
  {
    name: 'abandons a migration if no statement took effect',
    run: (subject) =>
      locked(subject, async (driver) => {
        if (!driver.abandon) return
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        const { fails } = subject.sql
        for (const step of [stepOf(driver, 'up', 1, 2, fails), stepOf(driver, 'down', 1, -1, fails)]) {
          await driver.begin(step)
          await assert.rejects(driver.execute(step, 0, NEVER), (error) => {
            assert(error instanceof StatementError)
            assert.equal(error.info.undone, true)
            return true
          })
          await driver.abandon(step)
          const { version, dirty, history } = await driver.state()
          assert.deepEqual([version, dirty, history.length, history[0]?.running], [1, false, 1, null])
        }
      }),
  },
  {
    name: 'reports whether an interrupted statement took effect, if it can',
    run: (subject) =>
      locked(subject, async (driver) => {
        if (!driver.wasApplied) return
        const step = stepOf(driver, 'up', -1, 1, `${subject.sql.create('a')};\n${subject.sql.create('b')}`)
        await driver.begin(step)
        assert.equal(await driver.wasApplied(1), undefined)
        await driver.execute(step, 0, NEVER)
        assert.equal(await driver.wasApplied(1), undefined)
      }),
  },
  {
    name: 'changes rows in one transaction, if it can: all or nothing',
    run: (subject) =>
      locked(subject, async (driver) => {
        if (!driver.transactionalDdl && !driver.transactionalRows) return
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        const { insert, fails } = subject.sql
        await assert.rejects(driver.apply(stepOf(driver, 'up', 1, 2, `${insert('a')};\n${fails}`), NEVER), (error) => {
          assert(error instanceof StatementError)
          return true
        })
        const { version, dirty } = await driver.state()
        assert.deepEqual([version, dirty], [1, false])
        await driver.apply(stepOf(driver, 'up', 1, 2, `${insert('a')};\n${insert('a')}`), NEVER)
        await assert.rejects(driver.apply(stepOf(driver, 'up', 1, 3, insert('a')), NEVER), StateMovedError)
        assert.equal((await driver.state()).version, 2)
      }),
  },
  {
    name: 'removes several entries of the history at once',
    run: (subject) =>
      locked(subject, async (driver) => {
        for (const version of [1, 2, 3]) await move(driver, 'up', version === 1 ? -1 : version - 1, version, null)
        await driver.apply(
          { ...stepOf(driver, 'up', 3, 4, null), history: { put: recordOf(4, ''), remove: [1, 2] } },
          NEVER,
        )
        assert.deepEqual(
          (await driver.state()).history.map((entry) => entry.version),
          [3, 4],
        )
      }),
  },
  {
    name: 'distinguishes a dirty nil from a clean one',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        const down = stepOf(driver, 'down', 1, -1, subject.sql.drop('a'))
        await driver.begin(down)
        const { version, dirty } = await driver.state()
        assert.deepEqual([version, dirty], [-1, true])
        await driver.execute(down, 0, NEVER)
        await driver.finish(down)
        assert.deepEqual(await driver.state(), { version: -1, dirty: false, history: [] })
      }),
  },
  {
    name: 'forces a version over a dirty one, and records a baseline at it',
    run: (subject) =>
      locked(subject, async (driver) => {
        await driver.begin(stepOf(driver, 'up', -1, 3, subject.sql.create('a')))
        await driver.force(2)
        const state = await driver.state()
        assert.deepEqual([state.version, state.dirty], [2, false])
        assert.deepEqual(
          state.history.map((e) => [e.version, e.baseline, e.fingerprint]),
          [[2, true, null]],
        )
        await driver.force(-1)
        assert.deepEqual(await driver.state(), { version: -1, dirty: false, history: [] })
      }),
  },
  {
    name: 'refuses the lock to a second holder until the first releases it',
    run: (subject) =>
      using(subject, (first) =>
        using(subject, async (second) => {
          await first.lock({ timeout: 0, signal: NEVER })
          await assert.rejects(first.lock({ timeout: 0, signal: NEVER }), LockedError)
          await assert.rejects(second.lock({ timeout: 20, signal: NEVER }), LockedError)
          await first.unlock()
          await second.lock({ timeout: 1000, signal: NEVER })
          await second.unlock()
        }),
      ),
  },
  {
    name: 'stops waiting for the lock when the signal aborts',
    run: (subject) =>
      using(subject, (first) =>
        using(subject, async (second) => {
          await first.lock({ timeout: 0, signal: NEVER })
          const begun = performance.now()
          await assert.rejects(second.lock({ timeout: 60_000, signal: AbortSignal.timeout(60) }))
          assert(performance.now() - begun < 30_000)
        }),
      ),
  },
  {
    name: 'replaces a recorded down',
    run: (subject) =>
      locked(subject, async (driver) => {
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        await driver.rerecord([{ ...recordOf(1, ''), down: 'fixed', downFingerprint: 'f' }])
        assert.equal(await driver.recorded(1, 'down'), 'fixed')
        assert.equal((await driver.state()).history[0]?.downFingerprint, 'f')
        assert.equal(await driver.recorded(1, 'up'), subject.sql.create('a'))
      }),
  },
  {
    name: 'drops everything that migrations created, and its own tables',
    run: (subject) =>
      using(subject, async (driver) => {
        await driver.lock({ timeout: 1000, signal: NEVER })
        await move(driver, 'up', -1, 1, subject.sql.create('a'))
        await driver.drop()
        await driver.unlock()
        assert.equal(await subject.exists('a'), false)
        assert.deepEqual(await driver.state(), { version: -1, dirty: false, history: [] })
      }),
  },
]

// --- internal ---

async function using(subject: DriverSubject, work: (driver: Driver) => Promise<void>): Promise<void> {
  const driver = await subject.open()
  try {
    await work(driver)
  } finally {
    await driver.close()
  }
}

function locked(subject: DriverSubject, work: (driver: Driver) => Promise<void>): Promise<void> {
  return using(subject, async (driver) => {
    await driver.lock({ timeout: 1000, signal: NEVER })
    await work(driver)
    await driver.unlock()
  })
}

/**
 * Runs one migration as the engine does: in one transaction if schema changes can be rolled back, otherwise with the
 * dirty flag set.
 */
async function move(
  driver: Driver,
  direction: Direction,
  from: number,
  to: number,
  text: string | null,
): Promise<void> {
  const step = stepOf(driver, direction, from, to, text)
  if (driver.transactionalDdl || text === null) return driver.apply(step, NEVER)
  await driver.begin(step)
  const count = step.work.kind === 'sql' ? step.work.script.statements.length : 0
  for (let i = 0; i < count; i++) await driver.execute(step, i, NEVER)
  await driver.finish(step)
}

function stepOf(
  { dialect }: Driver,
  direction: Direction,
  from: number,
  to: number,
  text: string | null,
): MigrationStep {
  const version = direction === 'up' ? to : from
  return {
    version,
    name: `m${version}`,
    direction,
    from,
    to,
    work: text === null ? { kind: 'nil' } : { kind: 'sql', script: readScript(text, dialect) },
    history: direction === 'up' ? { put: recordOf(version, text ?? '') } : { remove: version },
  }
}

function recordOf(version: number, text: string): HistoryRecord {
  return {
    version,
    name: `m${version}`,
    fingerprint: `up ${version}`,
    downFingerprint: null,
    up: text,
    down: `down ${version}`,
  }
}

function journalOf(state: Awaited<ReturnType<Driver['state']>>) {
  return [state.version, state.dirty, state.history.find((entry) => entry.running)?.running]
}
