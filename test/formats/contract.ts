/** The contract between a tool and us, whoever of the two migrates a folder. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openSchemaReader } from '../../src/database/open.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { hiddenBy, type Source } from '../../src/migrate/source.ts'
import { diffText } from '../../src/schema/diff.ts'
import type { Schema } from '../../src/schema/schema.ts'
import { statementOf } from '../../src/schema/text.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { folder, write } from '../support/cli.ts'
import { test as onPostgres, type Scratch } from '../support/database.ts'
import { describeWithTool } from '../support/tools.ts'

/** A database and the folder of migrations for it. */
export interface Place {
  readonly url: string
  readonly folder: string
}

/** The part of a test database that the contract uses. */
export type Database = Pick<Scratch, 'url' | 'open' | 'rows'>

/** The kind of database that the contract runs on. */
export interface Ground {
  readonly dialect: Dialect
  readonly test: typeof onPostgres
  /** Returns the DDL of the tool's own table and its indexes. */
  tableOf(oracle: Oracle, db: Database): Promise<string>
}

export interface Oracle {
  /** The tool, and how it is run if there are several ways. */
  readonly name: string
  /** The packages of `test/tools` that it needs. */
  readonly packages: readonly string[]
  /** The number of migrations. */
  readonly count: number
  /** Returns the folder's files while it had only the first `count` migrations. */
  files(count: number): Readonly<Record<string, string>>
  /** Adds to a new folder what its files import. */
  prepare?(folder: string): void
  source(folder: string): Source
  /** Lets the tool apply what it finds to do. */
  up(place: Place): Promise<unknown>
  /** Lets the tool undo the last migration, if it can. */
  down?(place: Place): Promise<unknown>
  /** Returns what the tool finds to do, in the tool's own words; not for a tool that does not say. */
  pending?(place: Place): Promise<readonly unknown[]>
  /** The tool's table as the schema reader names it. */
  readonly table: string
  /** A query for the rows of that table, without numbers and times that differ from run to run. */
  readonly rows: string
  /** File and text of a migration that comes last, makes a table `half_done`, and then fails. */
  readonly failing?: readonly [file: string, text: string]
  /** The file of the first migration, if the tool has a checksum. */
  readonly edited?: string
}

/** Makes a place for a test: a folder with the first `count` migrations. */
export function placeOf(oracle: Oracle, { url }: Database, count = oracle.count): Place {
  const path = folder(oracle.files(count))
  oracle.prepare?.(path)
  return { url, folder: path }
}

/** Gives a folder the first `count` migrations, and no other file. */
export function refill(oracle: Oracle, place: Place, count = oracle.count): void {
  const wanted = oracle.files(count)
  for (const name of Object.keys(oracle.files(oracle.count))) {
    if (!(name in wanted)) rmSync(join(place.folder, dirOrFile(name, wanted)), { recursive: true, force: true })
  }
  for (const [name, text] of Object.entries(wanted)) write(place.folder, name, text)
}

/** Our migrator over the same folder; another object each time, as in another process. */
export async function ours(
  oracle: Oracle,
  db: Database,
  place: Place,
  options: Pick<MigratorOptions, 'batch' | 'lockTimeoutMs'> = {},
): Promise<Migrator> {
  return new Migrator({ ...options, source: oracle.source(place.folder), database: await db.open() })
}

/**
 * Returns the state of every migration, in order. Where the tool keeps no checksum, what it applied is `unrecorded`:
 * applied, and nobody knows with which text.
 */
export async function statesOf(oracle: Oracle, db: Database, place: Place): Promise<string[]> {
  const { migrations } = await (await ours(oracle, db, place)).status()
  return migrations.map(({ state }) => (oracle.edited === undefined && state === 'unrecorded' ? 'applied' : state))
}

/**
 * Lets the last migration of the folder fail, here and with the tool, and asserts that it leaves the same.
 * @param before how many migrations are applied before
 */
export async function expectSameAfterFailure(
  oracle: Oracle,
  db: Database,
  other: Database,
  { before, dialect = 'postgres' }: { readonly before: number; readonly dialect?: Dialect },
): Promise<void> {
  const [place, theirs] = [placeOf(oracle, db), placeOf(oracle, other)]
  for (const { folder } of [place, theirs]) write(folder, ...(oracle.failing as readonly [string, string]))
  await (await ours(oracle, db, place)).up(before)
  await (await ours(oracle, other, theirs)).up(before)
  await expect(ours(oracle, db, place).then((migrator) => migrator.up())).rejects.toThrow()
  await expect(oracle.up(theirs)).rejects.toThrow()
  const [own, expected] = [await schemaOf(oracle, db, place, dialect), await schemaOf(oracle, other, theirs, dialect)]
  expect(diffText(own.diff(expected))).toBe('')
  expect(await db.rows(oracle.rows)).toEqual(await other.rows(oracle.rows))
}

export function contract(oracle: Oracle, { dialect, test, tableOf }: Ground = POSTGRES): void {
  const { count } = oracle
  const half = Math.floor(count / 2)
  const all = (state: string) => Array(count).fill(state)

  /** Returns what a database contains that the tool has migrated. */
  const contentsOf = async (db: Database, place: Place) => ({
    schema: await schemaOf(oracle, db, place, dialect),
    rows: await db.rows(oracle.rows),
    table: await tableOf(oracle, db),
  })

  /** The contents after the tool alone has migrated an empty database. They are the same each time, so it is asked once. */
  let alone: ReturnType<typeof contentsOf> | undefined

  const letToolMigrate = async (db: Database) => {
    const place = placeOf(oracle, db)
    await oracle.up(place)
    return contentsOf(db, place)
  }

  /** Asserts that a database cannot be told from one that the tool alone has migrated, such as `other` if none has been yet. */
  const expectAsTheTool = async (db: Database, other: Database) => {
    alone ??= letToolMigrate(other).catch((error) => {
      alone = undefined
      throw error
    })
    const expected = await alone
    const own = await contentsOf(db, placeOf(oracle, db))
    expect(expected.schema.objects.length).toBeGreaterThan(3)
    expect(diffText(own.schema.diff(expected.schema))).toBe('')
    expect(own.rows).toEqual(expected.rows)
    expect(own.rows.length).toBeGreaterThanOrEqual(count)
    expect(own.table).toBe(expected.table)
  }

  /** Asserts that neither the tool nor we find anything to do. */
  const expectDone = async (db: Database, place: Place) => {
    const rows = await db.rows(oracle.rows)
    if (oracle.pending) expect(await oracle.pending(place)).toEqual([])
    await oracle.up(place)
    expect((await (await ours(oracle, db, place)).up()).steps).toEqual([])
    expect(await db.rows(oracle.rows)).toEqual(rows)
    expect(await statesOf(oracle, db, place)).toEqual(all('applied'))
  }

  describeWithTool(oracle.packages, oracle.name, () => {
    test.for([
      { way: 'one by one', batch: false },
      { way: 'many at once', batch: true },
    ])('what we migrate cannot be told from what the tool migrates ($way)', async ({ batch }, { db, other }) => {
      const place = placeOf(oracle, db)
      expect((await (await ours(oracle, db, place, { batch })).up()).steps).toHaveLength(count)
      await expectAsTheTool(db, other)
      await expectDone(db, place)
    })

    test('after the tool, all migrations are applied for us', async ({ db }) => {
      const place = placeOf(oracle, db)
      await oracle.up(place)
      expect(await statesOf(oracle, db, place)).toEqual(all('applied'))
      expect((await (await ours(oracle, db, place)).up()).steps).toEqual([])
      await expectDone(db, place)
    })

    test('the tool begins and we go on', async ({ db, other }) => {
      const place = placeOf(oracle, db, half)
      await oracle.up(place)
      refill(oracle, place)
      expect(await statesOf(oracle, db, place)).toEqual(all('applied').fill('pending', half))
      expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(count - half)
      await expectDone(db, place)
      await expectAsTheTool(db, other)
    })

    test('we begin and the tool goes on', async ({ db, other }) => {
      const place = placeOf(oracle, db)
      await (await ours(oracle, db, place)).up(half)
      if (oracle.pending) expect(await oracle.pending(place)).toHaveLength(count - half)
      await oracle.up(place)
      await expectDone(db, place)
      await expectAsTheTool(db, other)
    })

    test('one applied migration whose file is gone is missing, whoever applied it', async ({ db, other }) => {
      const place = placeOf(oracle, db)
      await oracle.up(place)
      const second = placeOf(oracle, other)
      await (await ours(oracle, other, second)).up()
      for (const [scratch, there] of [[db, place] as const, [other, second] as const]) {
        refill(oracle, there, count - 1)
        expect(await statesOf(oracle, scratch, there)).toEqual(all('applied').fill('missing', count - 1))
      }
    })

    const { failing } = oracle
    if (failing) {
      test.for([
        { what: 'everything is pending', before: 0 },
        { what: 'a part is applied', before: half },
      ])('a migration that fails leaves what it leaves with the tool ($what)', async ({ before }, { db, other }) => {
        await expectSameAfterFailure(oracle, db, other, { before, dialect })
      })
    }

    const { edited } = oracle
    if (edited !== undefined) {
      test('a file that was edited after it was applied is edited, whoever applied it', async ({ db, other }) => {
        const place = placeOf(oracle, db)
        await oracle.up(place)
        const second = placeOf(oracle, other)
        await (await ours(oracle, other, second)).up()
        for (const [scratch, there] of [[db, place] as const, [other, second] as const]) {
          write(there.folder, edited, `${oracle.files(count)[edited]}\ncreate table added_later (id int);\n`)
          expect(await statesOf(oracle, scratch, there)).toEqual(['edited', ...all('applied').slice(1)])
        }
      })
    }

    const { down } = oracle
    if (down) {
      test('we undo what the tool applied, and the tool applies it again', async ({ db, other }) => {
        const place = placeOf(oracle, db)
        await oracle.up(place)
        expect((await (await ours(oracle, db, place)).down(2)).steps).toHaveLength(2)
        if (oracle.pending) expect(await oracle.pending(place)).toHaveLength(2)
        expect(await statesOf(oracle, db, place)).toEqual(all('applied').fill('pending', count - 2))
        await oracle.up(place)
        await expectDone(db, place)
        await expectAsTheTool(db, other)
      })

      test('the tool undoes what we applied, and we apply it again', async ({ db, other }) => {
        const place = placeOf(oracle, db)
        await (await ours(oracle, db, place)).up()
        await down(place)
        if (oracle.pending) expect(await oracle.pending(place)).toHaveLength(1)
        expect(await statesOf(oracle, db, place)).toEqual(all('applied').fill('pending', count - 1))
        expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(1)
        await expectDone(db, place)
        await expectAsTheTool(db, other)
      })

      test('we undo everything that the tool applied, and nothing stays', async ({ db }) => {
        const place = placeOf(oracle, db)
        await oracle.up(place)
        await (await ours(oracle, db, place)).down('all')
        if (oracle.pending) expect(await oracle.pending(place)).toHaveLength(count)
        expect((await schemaOf(oracle, db, place, dialect)).objects.filter(({ kind }) => kind !== 'schema')).toEqual([])
      })
    }
  })
}

// --- internal ---

/** Reads the schema without the tables of the tool and ours. */
async function schemaOf(oracle: Oracle, db: Database, place: Place, dialect: Dialect): Promise<Schema> {
  const reader = await openSchemaReader(db.url, { hidden: hiddenBy(oracle.source(place.folder), dialect) })
  return reader.read().finally(() => reader.close())
}

const POSTGRES: Ground = {
  dialect: 'postgres',
  test: onPostgres,
  async tableOf({ table }, db) {
    const reader = await openSchemaReader(db.url, { table: 'none_of_ours' })
    const { objects } = await reader.read().finally(() => reader.close())
    const own = objects.filter((object) => object.name === table || object.table === table)
    expect(own).not.toEqual([])
    return own.flatMap((object) => [statementOf(object), ...object.more]).join('\n')
  },
}

/** Returns the first folder of a path if nothing in it stays; otherwise the path. */
function dirOrFile(name: string, wanted: Readonly<Record<string, string>>): string {
  const top = name.split('/')[0] ?? name
  return Object.keys(wanted).some((other) => other.startsWith(`${top}/`)) ? name : top
}
