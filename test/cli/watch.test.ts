/** The command's own part of watching: options, refusals, lines, keys. */
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect } from 'vitest'
import { KEYS, keysText } from '../../src/cli/watch/keys.ts'
import { eventText } from '../../src/cli/watch/lines.ts'
import { openLine } from '../../src/cli/watch/openLine.ts'
import type { WatchEvent } from '../../src/watch/events.ts'
import { cli, folder, write } from '../support/cli.ts'
import { test } from '../support/database.ts'

const text = (event: WatchEvent) => stripVTControlCharacters(eventText(event, '13:22:41'))

describe('lines', () => {
  test('the first is the answer', () => {
    const applied: WatchEvent = {
      type: 'applied',
      from: 2,
      to: 2,
      changes: [{ version: 2, name: 'orders', what: 'edited' }],
      steps: [
        { version: 2, name: 'orders', direction: 'down', origin: 'record', ms: 1.24 },
        { version: 2, name: 'orders', direction: 'up', origin: 'file', ms: 2.5 },
      ],
      how: 'stepwise',
      why: '2_orders.up.sql runs outside a transaction',
      carried: {
        back: [{ table: 'orders', rows: 1 }],
        left: [{ table: 'orders', column: 'note', rows: 2, why: 'its column is gone' }],
      },
      diff: {
        changes: [
          {
            change: 'changed',
            object: 'table orders',
            lines: [
              { sign: ' ', text: 'CREATE TABLE orders (' },
              { sign: '-', text: '  note text' },
              { sign: ' ', text: ');' },
            ],
          },
        ],
        minor: [],
      },
      warnings: [],
      ms: { noticed: 10, planned: 9, run: 22, shown: 30 },
    }
    expect(text(applied)).toBe(`✓ 13:22:41  version 2 in 41 ms: 2_orders edited, 1 row carried
  ↓  2_orders  as recorded  1.2 ms
  ↑  2_orders               2.5 ms
  one by one, not in one transaction: 2_orders.up.sql runs outside a transaction
  kept aside until the schema has a place for them:
    orders.note  2 values  its column is gone

    CREATE TABLE orders (
  -   note text
    );
`)
    const steps = Array.from({ length: 9 }, (_, i) => ({
      version: i + 1,
      name: 'm',
      direction: 'up' as const,
      origin: 'file' as const,
      ms: 1,
    }))
    expect(
      text({
        ...applied,
        steps,
        how: 'atomic',
        carried: { back: [], left: [] },
        diff: { changes: [], minor: [] },
      }),
    ).toContain('↑  9 migrations, 1_m … 9_m')
  })

  test('a failure begins with its place; questions with what was done', () => {
    expect(text({ type: 'failed', version: 1, error: { code: 'X', message: 'a.sql:1:2: no\n\n> 1 | x\n' } })).toBe(
      '✗ 13:22:41  a.sql:1:2: no\n\n  > 1 | x\n',
    )
    const question = {
      about: 'irreversible',
      changes: [{ version: 1, name: 'a', what: 'edited' }],
      why: 'there is no down',
      loss: { back: [], left: [] },
    } as const
    expect(text({ type: 'asked', question })).toBe(
      '? 13:22:41  1_a edited, but it cannot be undone\n  there is no down\n  The database can be rebuilt from all migrations, and all rows are carried.',
    )
  })
})

test('each key is one character, its own, and in the help', () => {
  expect(new Set(KEYS.map(({ key }) => key)).size).toBe(KEYS.length)
  for (const { key, does } of KEYS) expect(keysText()).toContain(`  ${key}  ${does}`)
})

test('the line that opens a database survives a shell', () => {
  expect(openLine('postgres://a:b@h:1/d')).toBe("psql 'postgres://a:b@h:1/d'")
  expect(openLine('mysql://a:it%27s@h:1/d')).toBe("MYSQL_PWD='it'\\''s' mysql --host=h --port=1 --user=a d")
})

describe('refusals', () => {
  test('which databases are not watched', ({ db }) => {
    const path = folder()
    const name = decodeURIComponent(new URL(db.url).pathname.slice(1))
    const found = cli(['watch', '-p', path], { DATABASE_URL: db.url })
    expect(found).toMatchObject({ code: 1, err: expect.stringContaining(`--confirm ${name}`) })
    expect(found.err).toContain('MIGRATEST_NOT_FOR_DEVELOPMENT'.toLowerCase())
    expect(cli(['watch', '-p', path, '--confirm', 'other'], { DATABASE_URL: db.url }).err).toContain(
      'nothing was touched',
    )
    expect(cli(['watch', '-p', path, '-d', db.url], { NODE_ENV: 'production' }).err).toContain('NODE_ENV is production')
    expect(cli(['mark', 'production', '-d', db.url]).out).toContain('is now marked as production')
    expect(cli(['watch', '-p', path, '-d', db.url, '--confirm', name]).err).toContain('marked as production')
    expect(cli(['mark', 'development', '-d', db.url])).toMatchObject({ code: 2 })
    expect(cli(['mark', 'development', '-d', db.url, '--confirm', name])).toMatchObject({ code: 0 })
    expect(cli(['watch', '-p', path, '-d', 'pglite:memory://']).err).toContain('one connection')
  })

  test('wrong options, settings and folders are reported before anything else happens', () => {
    const path = folder()
    expect(cli(['watch', '-p', join(path, 'nowhere')]).err).toContain('There is no directory')
    expect(cli(['watch', '-p', path, '--on-irreversible', 'maybe'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('use ask, rebuild or stop'),
    })
    expect(cli(['watch', '-p', path, '--carry-rows', 'many'])).toMatchObject({ code: 2 })
    expect(cli(['watch', '-p', path, '--seeds', 'nothing.sql']).err).toContain('there is no such file')
    const wrong = (watch: string) => {
      write(path, 'migratest.config.ts', `export default { watch: ${watch} }`)
      return cli(['watch'], {}, path).err
    }
    expect(wrong("{ onIrreversibel: 'stop' }")).toContain('Did you mean onIrreversible?')
    expect(wrong("{ carryRows: 'many' }")).toContain('watch.carryRows is not a number of rows')
    expect(wrong('{ seeds: 5 }')).toContain('watch.seeds is not a file or a list of files')
  })
})
