/** Triggers of MySQL and MariaDB fire in an order that their definitions do not show: a down can leave another one. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { describeOnDatabases } from '../support/servers.ts'

const SHOP = [
  'create table orders (id int primary key, total int not null)',
  'create trigger check_total before insert on orders for each row set new.total = abs(new.total)',
  'create trigger round_total before insert on orders for each row set new.total = new.total - new.total % 5',
  'create trigger other_moment before update on orders for each row set new.total = abs(new.total)',
].join(';\n')

const CHECK = 'create trigger check_total before insert on orders for each row'

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  const findings = async (up: string, down: string) => {
    const made = await verification({
      server,
      migrations: memory({
        '1_shop.up.sql': SHOP,
        '1_shop.down.sql': 'drop table orders',
        '2_totals.up.sql': up,
        '2_totals.down.sql': down,
      }),
      base: false,
      groups: ['schema'],
    } as VerifyOptions<unknown>)
    try {
      const found = []
      for (const check of made.checks) found.push(...(await check.examine()).findings)
      return found
    } finally {
      await made.dispose()
    }
  }

  test('a down that makes a trigger again behind another one is found', async () => {
    const up = 'drop trigger check_total'
    const [found, ...others] = await findings(up, `${CHECK} set new.total = abs(new.total)`)
    expect(others).toEqual([])
    expect(found).toMatchObject({ rule: 'down-differs', version: 2, half: 'down' })
    expect(found?.evidence?.diff).toBe('- -- check_total fires first\n+ -- check_total fires after round_total')
  })

  test('one that says where it belongs is as before', async () => {
    const up = 'drop trigger check_total'
    expect(await findings(up, `${CHECK} precedes round_total set new.total = abs(new.total)`)).toEqual([])
  })

  test('triggers that come and go move none of the others', async () => {
    const up = `drop trigger round_total;\n${CHECK.replace('check_total', 'new_total')} precedes check_total set new.total = 1`
    const again =
      'create trigger round_total before insert on orders for each row set new.total = new.total - new.total % 5'
    expect(await findings(up, `drop trigger new_total;\n${again}`)).toEqual([])
  })
})
