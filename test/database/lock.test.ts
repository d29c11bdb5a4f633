import { expect, test } from 'vitest'
import { advisoryLockId } from '../../src/database/locking.ts'
import { migrationLockName } from '../../src/database/mysql/lock.ts'
import ids from '../conformance/lock-ids.json' with { type: 'json' }

test.each(ids)(
  'the lock of $databaseName $additional is golang-migrate’s',
  ({ databaseName, additional, expected }) => {
    expect(String(advisoryLockId(databaseName, ...additional))).toBe(expected)
  },
)

test('on MySQL it is called like golang-migrate’s: the id of database and table, in digits', () => {
  // crc32('shop:schema_migrations') × 1486364155, in 32 bits.
  expect(migrationLockName({ database: 'shop', version: 'schema_migrations' })).toBe('2821548460')
})
