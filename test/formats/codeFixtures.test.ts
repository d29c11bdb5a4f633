/** A test's database from a folder whose migrations are code, on each database: just before a migration, up and down. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { migrateTo } from '../../fixtures/migrateTo.ts'
import { withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { dbMigrate, umzug } from '../../presets/sources.ts'
import type { Source } from '../../src/migrate/source.ts'
import { justBefore } from '../../src/migrate/version.ts'
import { folder, write } from '../support/cli.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'

interface Project {
  readonly tool: string
  readonly packages: readonly string[]
  readonly postgresOnly?: true
  readonly files: Readonly<Record<string, string>>
  /** Default: the folder's path, so that it is recognized. */
  source?(path: string): Source
}

const named = (up: string, down: string, parameter: string) =>
  `export async function up(${parameter}) {\n  ${up}\n}\nexport async function down(${parameter}) {\n  ${down}\n}\n`

const PROJECTS: readonly Project[] = [
  {
    tool: 'Knex',
    packages: ['knex'],
    files: {
      '1_users.js': `exports.up = (knex) => knex.schema.createTable('users', (t) => { t.increments(); t.string('name') })
exports.down = (knex) => knex.schema.dropTable('users')`,
      '2_shout.ts': named(
        "for (const { id, name } of await knex('users')) await knex('users').where({ id }).update({ name: name.toUpperCase() })",
        "await knex('users').update({ name: knex.raw('lower(name)') })",
        'knex: any',
      ),
      '3_posts.ts': named(
        "await knex.transaction((trx: any) => trx.schema.createTable('posts', (t: any) => { t.increments() }))",
        "await knex.schema.dropTable('posts')",
        'knex: any',
      ),
    },
  },
  {
    tool: 'Kysely',
    packages: ['kysely'],
    files: {
      '1_users.ts': named(
        "await db.schema.createTable('users').addColumn('id', 'integer').addColumn('name', 'varchar(50)').execute()",
        "await db.schema.dropTable('users').execute()",
        'db: Kysely<any>',
      ),
      '2_shout.ts': named(
        `for (const { name } of await db.selectFrom('users').select('name').execute()) {
    await db.updateTable('users').set({ name: name.toUpperCase() }).where('name', '=', name).execute()
  }`,
        "await db.updateTable('users').set((eb: any) => ({ name: eb.fn('lower', ['name']) })).execute()",
        'db: Kysely<any>',
      ),
      '3_posts.ts': named(
        "await db.schema.createTable('posts').addColumn('id', 'integer').execute()",
        "await db.schema.dropTable('posts').execute()",
        'db: Kysely<any>',
      ),
    },
  },
  {
    tool: 'node-pg-migrate',
    packages: ['node-pg-migrate'],
    postgresOnly: true,
    files: {
      '1_users.ts': "export const up = (pgm: any) => pgm.createTable('users', { id: 'id', name: 'text' })",
      '2_shout.ts': named(
        `for (const { name } of await pgm.db.select('SELECT name FROM users')) {
    await pgm.db.query('UPDATE users SET name = $1 WHERE name = $2', [name.toUpperCase(), name])
  }`,
        "pgm.sql('UPDATE users SET name = lower(name)')",
        'pgm: any',
      ),
      '3_posts.sql': '-- Up Migration\nCREATE TABLE posts (id int);\n-- Down Migration\nDROP TABLE posts;\n',
    },
  },
  {
    tool: 'db-migrate',
    packages: ['db-migrate', 'db-migrate-pg', 'db-migrate-mysql'],
    source: (path) => dbMigrate(path),
    files: {
      '20240101000000-users.js': `exports.up = (db) => db.createTable('users', { id: 'int', name: { type: 'string', length: 50 } })
exports.down = (db) => db.dropTable('users')`,
      '20240101000001-shout.js': `exports.up = (db, done) => db.runSql('UPDATE users SET name = upper(name)', done)
exports.down = (db, done) => db.runSql('UPDATE users SET name = lower(name)', done)`,
      '20240101000002-posts.js': `exports.up = (db) => db.createTable('posts', { id: 'int' })
exports.down = (db) => db.dropTable('posts')`,
    },
  },
  {
    tool: 'umzug',
    packages: [],
    source: (path) =>
      umzug(path, { context: (client, { dialect }) => (dialect === 'postgres' ? client : client.promise()) }),
    files: {
      '1_users.ts': named(
        "await context.query('CREATE TABLE users (id int, name varchar(50))')",
        "await context.query('DROP TABLE users')",
        '{ context }: any',
      ),
      '2_shout.ts': named(
        "await context.query('UPDATE users SET name = upper(name)')",
        "await context.query('UPDATE users SET name = lower(name)')",
        '{ context }: any',
      ),
      '3_posts.ts': named(
        "await context.query('CREATE TABLE posts (id int)')",
        "await context.query('DROP TABLE posts')",
        '{ context }: any',
      ),
    },
  },
]

/** Names differ in their endings. */
const without = (name: unknown) => String(name).replace(/\.\w+$/, '')

for (const project of PROJECTS) {
  describeWithTool(project.packages, project.tool, () => {
    describeOnDatabases(
      project.postgresOnly ? ['PostgreSQL', 'PGlite'] : ['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'],
      ({ server, name: database }) => {
        test('gives a test a database just before a migration, which keeps its rows up and down', async () => {
          const root = withTools(folder({}))
          mkdirSync(join(root, 'migrations'))
          for (const [file, text] of Object.entries(project.files)) write(join(root, 'migrations'), file, text)
          const path = join(root, 'migrations')
          const migrations = project.source?.(path) ?? path
          const [users = '', shout = '', posts = ''] = Object.keys(project.files).map(without)
          for (let twice = 0; twice < 2; twice++) {
            await withMigratedDatabase({ server, migrations, version: justBefore(shout) }, async (db) => {
              await db.query("INSERT INTO users (id, name) VALUES (1, 'Ada')")
              const { steps } = await migrateTo(db, 'latest')
              expect(steps.map(({ version }) => without(version))).toEqual([shout, posts])
              expect(await db.query('SELECT name FROM users')).toEqual([{ name: 'ADA' }])
              await migrateTo(db, users)
              expect(await db.query('SELECT name FROM users')).toEqual([{ name: 'ada' }])
              expect(String(await db.schema())).not.toMatch(/posts|migrat|Meta/)
            })
          }
          await withMigratedDatabase({ server, migrations }, async (db) => {
            expect(without((await db.version()).version)).toBe(posts)
            if (project.tool !== 'Knex' || database === 'PGlite') return
            expect(await pendingOfKnex(String(db.url), path)).toEqual([expect.any(Number), []])
          })
        })
      },
    )
  })
}

/** Lets an app migrate itself when it starts, and returns the batch and what it applied. */
async function pendingOfKnex(connection: string, directory: string): Promise<unknown> {
  type Knex = { migrate: { latest(): Promise<unknown> }; destroy(): Promise<void> }
  const client = connection.startsWith('postgres') ? 'pg' : 'mysql2'
  const knex = tool<(config: object) => Knex>('knex')({ client, connection, migrations: { directory } })
  return knex.migrate.latest().finally(() => knex.destroy())
}
