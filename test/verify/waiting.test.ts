/** The time that others wait is measured over many rows, beside a reader and a writer. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['PostgreSQL', 'MySQL'], ({ server, mysql, id }) => {
  async function found(change: string, measure?: number): Promise<Finding[]> {
    const migrations = memory({
      '1_orders.up.sql': `create table orders (${id}, cents int not null, note varchar(50))`,
      '2_change.up.sql': change,
    })
    const options = { server, migrations, groups: ['live'], ...(measure !== undefined && { measure }) }
    const made = await verification(options as VerifyOptions<unknown>)
    const findings: Finding[] = []
    try {
      for (const check of made.checks) findings.push(...(await check.examine()).findings)
    } finally {
      await made.dispose()
    }
    return findings.filter(({ rule }) => rule !== 'no-lock-timeout')
  }
  const change = mysql
    ? 'alter table orders modify cents bigint not null'
    : 'alter table orders alter cents type bigint'

  test('a finding says how long they waited', { timeout: 60_000 }, async () => {
    const [finding, ...others] = await found(change, 2000)
    expect(others).toEqual([])
    expect(finding?.rule).toBe(mysql ? 'copy-blocks-writes' : 'table-rewritten')
    expect(finding?.message).toMatch(
      /Over 2,000 rows, the migration took \d+ ms; a reader waited up to \d+ ms, a writer up to \d+ ms\.$/,
    )
    const { rows, tookMs, readerMs, writerMs } = finding?.evidence?.waited ?? {}
    expect(rows).toBe(2000)
    for (const ms of [tookMs, readerMs, writerMs]) expect(ms).toBeGreaterThanOrEqual(0)
  })

  test('nothing is measured unless that is asked for, or where nothing was found', { timeout: 60_000 }, async () => {
    expect((await found(change))[0]?.message).not.toContain('waited up to')
    expect(await found(mysql ? 'alter table orders add x int' : 'alter table orders add column x int', 100)).toEqual([])
  })
})
