/** Runs a migration of MikroORM that needs a driver, on the connection that we hold. */
import { UsageError } from '../../../migrate/errors.ts'
import type { Direction, MigrationContext } from '../../../migrate/source.ts'
import type { Folder } from '../format.ts'
import { type HeldOptions, heldMysql, heldPg } from './held.ts'
import { type MikroMigrationClass, rememberPlaces } from './mikroQueries.ts'

export interface MikroRun {
  readonly migration: MikroMigrationClass
  readonly direction: Direction
  readonly isTransactional: boolean
  /** The user's options of MikroORM, such as `entities`. */
  readonly orm: object | undefined
}

/** Facts: @mikro-orm/migrations 7.2.1, `MigrationRunner.run`. @throws UsageError for a version that cannot do it */
export async function onHeldConnection(folder: Folder, context: MigrationContext, run: MikroRun): Promise<void> {
  const { migration, direction, isTransactional } = run
  if (migration.prototype.getKnex !== undefined) {
    throw new UsageError(
      'This migration of MikroORM asks for a connection (execute, getKnex or getEntityManager), which versions before 7 cannot take from us.',
      { hint: 'Use addSql only, or update MikroORM to version 7.' },
    )
  }
  const orm = await openOrm(folder, context, run.orm, { alone: !isTransactional })
  try {
    const { driver } = orm.em
    const instance = new migration(driver, orm.config)
    const places = rememberPlaces(instance)
    const work = async (transaction: unknown) => {
      instance.setTransactionContext(transaction)
      await instance[direction]()
      for (const [i, query] of instance.getQueries().entries()) {
        await driver.execute(query, undefined, 'all', transaction).catch((error: Error) => {
          error.stack = `${error.stack}\n${places[i]?.stack?.replace(/^.*\n/, '')}`
          throw error
        })
      }
    }
    if (isTransactional) await driver.getConnection().transactional(work)
    else await work(undefined)
  } finally {
    await orm.close(true)
  }
}

// --- internal ---

interface Orm {
  readonly em: { readonly driver: OrmDriver }
  readonly config: unknown
  close(force: boolean): Promise<void>
}

interface OrmDriver {
  execute(query: unknown, params: undefined, method: 'all', transaction: unknown): Promise<unknown>
  getConnection(): { transactional(work: (transaction: unknown) => Promise<void>): Promise<void> }
}

interface OrmPackage {
  readonly MikroORM: { init(options: object): Promise<Orm & { readonly em: { getDriver(): OrmDriver } }> }
}

const PURPOSE = 'A migration of MikroORM that uses a connection'

async function openOrm(
  folder: Folder,
  context: MigrationContext,
  more: object | undefined,
  held: HeldOptions,
): Promise<Orm> {
  const { client, dialect, sql } = context
  const load = async (name: string) => folder.importPackage?.(name, PURPOSE)
  const { MikroORM } = (await load(`@mikro-orm/${dialect === 'postgres' ? 'postgresql' : 'mysql'}`)) as OrmPackage
  const database = dialect === 'postgres' ? 'current_database()' : 'database()'
  const [row] = await sql<{ name: string }>(`SELECT ${database} AS name`)
  const orm = await MikroORM.init({
    entities: [],
    discovery: { warnWhenNoEntities: false },
    ...more,
    dbName: row?.name,
    driverOptions: dialect === 'postgres' ? pgOptions(client, held) : await mysqlDialect(client, held, load),
  })
  return { em: { driver: orm.em.getDriver() }, config: orm.config, close: (force) => orm.close(force) }
}

/** MikroORM hands its options to a pool of `pg`, which makes its clients with the class that it is given. */
function pgOptions(client: unknown, options: HeldOptions): object {
  const held = heldPg(client, options)
  class Client {
    constructor({ types }: { types: unknown }) {
      const self = {
        ...held,
        _queryable: true,
        connect: (callback: (error?: unknown) => void) => callback(),
        query: (text: string, values?: unknown) =>
          held.query({ text, types, ...(Array.isArray(values) && { values }) }),
      }
      // biome-ignore lint/correctness/noConstructorReturn: the pool calls it with `new`
      return self as unknown as Client
    }
  }
  return { Client }
}

async function mysqlDialect(
  client: unknown,
  options: HeldOptions,
  load: (name: string) => Promise<object | undefined>,
): Promise<unknown> {
  const { MysqlDialect } = (await load('kysely')) as { MysqlDialect: new (options: object) => unknown }
  const held = heldMysql(client, options)
  return new MysqlDialect({
    pool: {
      getConnection: (callback: (error: unknown, connection: unknown) => void) => callback(null, held),
      end: (callback: () => void) => callback(),
    },
  })
}
