/** Statements of a down whose tables foreign keys tie together, observed on MySQL and MariaDB. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test.for([
    ['drops the table that refers first', 'drop table orders;\ndrop table users'],
    ['renames it first', 'rename table orders to old_orders;\ndrop table old_orders;\ndrop table users'],
  ] as const)('a down that %s is observed, since what is gone is not held', async ([, down]) => {
    const made = await verification({
      server,
      migrations: memory({
        '1_shop.up.sql':
          'create table users (id int primary key);\ncreate table orders (id int primary key, user_id int not null, foreign key (user_id) references users (id))',
        '1_shop.down.sql': down,
      }),
      groups: ['live'],
    } as VerifyOptions<unknown>)
    try {
      for (const check of made.checks) {
        const { notRun, remark } = await check.examine()
        expect([notRun, remark]).toEqual([undefined, undefined])
      }
    } finally {
      await made.dispose()
    }
  })
})
