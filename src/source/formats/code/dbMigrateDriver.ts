/** Runs a migration of db-migrate with the project's own driver, on the connection that we hold. */
import type { MigrationContext } from '../../../migrate/source.ts'
import { DIALECTS } from '../../../sql/dialect.ts'
import { type Folder, importLibrary } from '../format.ts'
import { heldMysql, heldPg } from './held.ts'

export interface DbMigrateHalf {
  /** The file's `setup`, which db-migrate calls before each half. */
  readonly setup: ((options: object, seedLink: object) => unknown) | undefined
  /** The file's `up` or `down`. It calls back, or returns a promise. */
  readonly run: (db: unknown, callback: (error?: unknown) => void) => unknown
  /** `true` without a transaction of ours. */
  readonly alone: boolean
  readonly schema: string | undefined
  readonly ignoreOnInit: boolean
}

/** @throws NotInstalledError without db-migrate or its driver for this database */
export async function onDriver(folder: Folder, context: MigrationContext, half: DbMigrateHalf): Promise<void> {
  const { client, dialect, sql, log } = context
  const isPostgres = dialect === 'postgres'
  const load = async <T>(name: string) => {
    const loaded = await importLibrary<{ default: T }>(folder, name, 'A migration of db-migrate')
    return loaded.default
  }
  const dbmigrate = await load<{ dataType: object }>('db-migrate')
  const driver = await load<Driver>(isPostgres ? 'db-migrate-pg' : 'db-migrate-mysql')
  if (isPostgres && half.schema !== undefined && half.schema !== 'public') {
    const first = DIALECTS.postgres.quote(half.schema)
    await sql("SELECT set_config('search_path', $1 || ', ' || current_setting('search_path'), false)", [first])
  }
  const held = isPostgres ? heldPg(client, half) : heldMysql(client, half)
  const db = await connect(driver, {
    // The drivers take a connection instead of its settings, and open it with a callback.
    config: { db: { ...held, connect: (done: (error: unknown) => void) => done(null) }, schema: half.schema },
    internals: {
      mod: { log: logTo(log), type: dbmigrate.dataType },
      interfaces: { MigratorInterface: {}, SeederInterface: {} },
      argv: {},
      // The transaction is ours.
      notransactions: true,
    },
  })
  // Its promises have more methods than JavaScript's, and migrations use them.
  const { constructor: Bluebird } = db.startMigration()
  half.setup?.({ dbmigrate, Promise: Bluebird, ignoreOnInit: half.ignoreOnInit }, NO_SEEDS)
  await settled(half, db)
}

// --- internal ---

/** The part of a connected driver that we use. */
interface Connected {
  /** Returns a promise, and does nothing else where it is told to begin no transactions. */
  startMigration(): object
}

/** Facts: db-migrate's `lib/driver/index.js`, which calls this with what it adds to its drivers. */
interface Driver {
  connect(config: object, internals: object, callback: (error: unknown, db: Connected) => void): void
}

function connect(driver: Driver, { config, internals }: { config: object; internals: object }): Promise<Connected> {
  return new Promise((resolve, reject) =>
    driver.connect(config, internals, (error, db) => (error ? reject(error) : resolve(db))),
  )
}

/** Facts: db-migrate-shared's `log.js`. Its statements and progress are ours to show. */
function logTo(log: (text: string) => void) {
  const say = (...words: unknown[]) => log(words.map(String).join(' '))
  const nothing = () => undefined
  return { warn: say, error: say, info: nothing, sql: nothing, verbose: nothing, silence: nothing }
}

/** Seeds of db-migrate are files of other folders, so a migration that links one cannot run here as it does there. */
const NO_SEEDS = {
  seed: refuseSeeds,
  link: refuseSeeds,
}

function refuseSeeds(): never {
  throw new Error("It runs seeds of db-migrate, which migratest cannot. Give them as the fixture's own seeds.")
}

/** Facts: `lib/skeleton.js`: the first of the callback and the promise ends the migration, and so does a returned null. */
function settled({ run }: DbMigrateHalf, db: Connected): Promise<void> {
  return new Promise((resolve, reject) => {
    const result = run(db, (error) => (error ? reject(error) : resolve()))
    const isPromise = typeof (result as { then?: unknown } | null | undefined)?.then === 'function'
    if (isPromise) Promise.resolve(result).then(() => resolve(), reject)
    else if (result === null) resolve()
    else if (run.length < 2) {
      reject(
        new Error(
          'It takes no callback and returns no promise, so nobody knows when it has ended. Return the promise.',
        ),
      )
    }
  })
}
