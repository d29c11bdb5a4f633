/** The data directory of a new PGlite database, which is made once and kept in a file. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { expect, test } from 'vitest'
import { readOrMake } from '../../src/testing/server/pgliteEmpty.ts'
import { folder } from '../support/cli.ts'

/** Returns the number that PostgreSQL gives to a data directory when it is made. */
async function identifier(directory: Blob): Promise<bigint | undefined> {
  const db = await PGlite.create({ loadDataDir: directory })
  const { rows } = await db.query<{ id: bigint }>('select system_identifier as id from pg_control_system()')
  await db.close()
  return rows[0]?.id
}

test('is read from the file by later processes, and made anew where the file is damaged', async () => {
  const path = folder({})
  const file = join(path, 'empty.tar.zst')
  const made = await identifier(await readOrMake(file))
  expect(await identifier(await readOrMake(file))).toBe(made)
  expect(readdirSync(path)).toEqual(['empty.tar.zst'])
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o077).toBe(0)

  const damaged = readFileSync(file)
  damaged.writeUInt8(damaged.readUInt8(5000) ^ 1, 5000)
  writeFileSync(file, damaged)
  const again = await identifier(await readOrMake(file))
  expect(again).not.toBe(made)
  expect(await identifier(await readOrMake(file))).toBe(again)
})

test('is made where no file can be written', async () => {
  expect(await identifier(await readOrMake(join(folder({}), 'nowhere', 'empty.tar.zst')))).toBeTypeOf('bigint')
})
