import { expect, test } from 'vitest'
import { advisoryLockId } from '../../src/database/locking.ts'
import ids from '../conformance/lock-ids.json' with { type: 'json' }

test.each(ids)(
  'the lock of $databaseName $additional is golang-migrate’s',
  ({ databaseName, additional, expected }) => {
    expect(String(advisoryLockId(databaseName, ...additional))).toBe(expected)
  },
)
