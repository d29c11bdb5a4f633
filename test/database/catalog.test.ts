/** The schema as it is read from a database, and its text. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { readSchema } from '../../src/database/postgres/catalog.ts'
import { openClient } from '../../src/database/postgres/connection.ts'
import { diffText } from '../../src/schema/diff.ts'
import type { Schema } from '../../src/schema/schema.ts'
import { test as base } from '../support/database.ts'
import { anyPostgres } from '../support/servers.ts'

const EVERYTHING = readFileSync(join(import.meta.dirname, 'everything.sql'), 'utf8')

const test = base.extend('read', async ({ db }) => async (): Promise<Schema> => {
  return readSchema(await openClient(db.client), { exclude: [] })
})

describe('the schema of a PostgreSQL database', () => {
  test('its text makes the same schema in an empty database', async ({ db, read }) => {
    await db.rows(EVERYTHING)
    const schema = await read()
    const kinds = new Set(schema.objects.map(({ kind }) => kind))
    expect([...kinds].sort()).toEqual(
      // biome-ignore format: a list
      ['default privileges', 'event trigger', 'extension', 'foreign key', 'index', 'other', 'policy', 'routine', 'rule', 'schema', 'sequence', 'statistics', 'table', 'trigger', 'type', 'view'],
    )
    const other = await anyPostgres.create()
    onTestFinished(() => other.drop())
    const client = await other.connect()
    onTestFinished(() => client.end())
    await client.query(`set check_function_bodies = off; ${schema}`)
    // What has no DDL here is only named.
    const named = (some: Schema) => some.objects.filter(({ kind }) => kind !== 'other')
    const again = await readSchema(await openClient(client), { exclude: [] })
    expect(diffText({ changes: again.diff(schema).changes.filter(({ object }) => !object.startsWith('other')) })).toBe(
      '',
    )
    expect(named(again)).toEqual(named(schema))
  })

  test('nothing is left of it after drop()', async ({ db, read }) => {
    const empty = await read()
    await db.rows(EVERYTHING)
    await (await db.open()).drop()
    expect((await read()).diff(empty).changes.filter(({ object }) => !object.startsWith('default privileges'))).toEqual(
      [],
    )
  })
})
