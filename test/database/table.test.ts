/** The version table has one name, whoever opens the database: that of the options, or else that of the URL. */
import { expect, test } from 'vitest'
import { createMigratedDatabase, Migrator, memory } from '../../index.ts'
import { openDatabase, openDevelopment } from '../../src/database/open.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['PostgreSQL', 'MySQL'], ({ server }) => {
  test.each([
    { options: {}, name: 'of_the_url' },
    { options: { table: 'of_the_options' }, name: 'of_the_options' },
  ])('$name, also to watch', async ({ options, name }) => {
    const migrations = memory({ '1_a.up.sql': 'select 1' })
    await using db = await createMigratedDatabase({
      server,
      migrations: memory({ '1_a.up.sql': 'select 1' }),
      version: 'nil',
    })
    const url = `${db.url}?x-migrations-table=of_the_url`
    for (const [open, version] of [
      [async () => openDatabase(url, options), 3],
      [async () => (await openDevelopment(url, options)).driver, 4],
    ] as const) {
      const driver = await open()
      try {
        await new Migrator({ source: migrations, database: driver }).force(version)
      } finally {
        await driver.close()
      }
      expect(await db.query(`select version from ${name}`)).toHaveLength(1)
      expect(String((await db.query<{ version: unknown }>(`select version from ${name}`))[0]?.version)).toBe(
        String(version),
      )
    }
  })
})
