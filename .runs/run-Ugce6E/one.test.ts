
  import { describe, expect, test as base } from 'vitest'
  import { withMigratedDatabase, migrateTo } from 'migratest'
  import { postgres } from 'migratest/presets/postgres'
  const test = base.extend('db', withMigratedDatabase({ server: postgres(), migrations: 'migrations', version: 1 }))
  describe.concurrent('at 1', () => {
    for (let i = 0; i < 8; i++) test('test ' + i, async ({ db, expect }) => {
      expect((await db.version()).version).toBe(1)
      expect(await db.query('select * from users')).toEqual([])
      await db.query('insert into users (name) values ($1)', ['Ada ' + i])
      if (i % 2) await migrateTo(db, 1 === 1 ? 2 : 1)
      expect(await db.query('select name from users')).toEqual([{ name: 'Ada ' + i }])
      console.log('NAME ' + db.name)
    })
  })