/** A folder that is plainly ours is opened without the formats of other tools; it must be none of theirs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatOf } from '../../src/source/open.ts'
import { isPlainlyOurs, openAnyFolder } from '../../src/source/openAny.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'migratest-any-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

test.for([
  ['numbers', { '1_a.up.sql': '', '1_a.down.sql': '' }],
  ['a text of dbmate', { '1_a.up.sql': '-- migrate:up\nselect 1', '1_a.down.sql': '' }],
  ['a text of goose', { '1_a.up.sql': '-- +goose Up\nselect 1' }],
  ['a text of node-pg-migrate', { '1_a.up.sql': '-- Up Migration\nselect 1' }],
  ['the names of sqlx', { '20240101000000_a.up.sql': '', '20240101000000_a.down.sql': '' }],
  ['a crate and packages beside it', { '1_a.up.sql': '' }],
] as const)('%s: it is ours, whoever looks', async ([what, files], { expect }) => {
  root = join(root, what.replaceAll(' ', '_'), 'migrations')
  write(files)
  if (what.startsWith('a crate')) {
    writeFileSync(join(root, '..', 'Cargo.toml'), '[dependencies]\nsqlx = "0.8"\n')
    const dependencies = { 'postgres-migrations': '5', knex: '3', kysely: '1', 'db-migrate': '1', payload: '3' }
    writeFileSync(join(root, '..', 'package.json'), JSON.stringify({ dependencies }))
  }
  expect(isPlainlyOurs(root)).toBe(true)
  expect(formatOf(root)).toBeUndefined()
  expect((await openAnyFolder(root)).format).toBeUndefined()
  root = join(root, '..', '..')
})

test.for([
  ['no file', {}],
  ['a folder', { '1_a.up.sql': '', 'meta/_journal.json': '{}' }],
  ['another file', { '1_a.up.sql': '', 'atlas.sum': '' }],
  ['code', { '1_a.up.sql': '', '2_b.ts': 'export const up = async () => {}' }],
  ['a name without a direction', { '1_a.up.sql': '', '2_b.sql': '' }],
] as const)('%s: more is looked at', ([, files]) => {
  write(files)
  expect(isPlainlyOurs(root)).toBe(false)
})

test('in the place of Supabase, it is not plainly ours, nor is a folder that is not there', async () => {
  write({ 'supabase/migrations/1_a.up.sql': '' })
  expect(isPlainlyOurs(join(root, 'supabase', 'migrations'))).toBe(false)
  expect(isPlainlyOurs(join(root, 'nowhere'))).toBe(false)
})
