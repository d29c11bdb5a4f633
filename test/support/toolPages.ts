/** The projects that the pages about other tools assume: their packages, and the files that a page does not show. */

interface ToolPage {
  /** Packages of `test/tools`. */
  readonly packages: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

const USERS = 'create table users (id serial primary key, name text not null)'
const FIRST_NAME = "update users set first_name = split_part(name, ' ', 1)"

/** By page. */
export const TOOL_PAGES: Readonly<Record<string, ToolPage>> = {
  'docs/with-knex.md': {
    packages: ['knex', 'pg'],
    files: {
      'package.json': '{ "type": "module", "dependencies": { "knex": "*" } }',
      'migrations/20240101000000_users.ts': `import type { Knex } from 'knex'
export const up = (knex: Knex) => knex.schema.createTable('users', (table) => {
  table.increments()
  table.text('name').notNullable()
})
export const down = (knex: Knex) => knex.schema.dropTable('users')`,
      'seeds/users.cjs': "exports.seed = (knex) => knex('users').insert({ first_name: 'Grace', last_name: 'Hopper' })",
    },
  },
  'docs/with-typeorm.md': {
    packages: ['typeorm', 'pg'],
    files: {
      'src/entity/user.ts': `import { EntitySchema } from 'typeorm'
export const User = new EntitySchema({
  name: 'User',
  columns: { id: { type: Number, primary: true, generated: true }, firstName: { type: String }, lastName: { type: String } },
})`,
      'src/migrations/1718000000000-Users.ts': `import { MigrationInterface, QueryRunner } from 'typeorm'
export class Users1718000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> { await runner.query('${USERS.replace('users', '"user"')}') }
  async down(runner: QueryRunner): Promise<void> { await runner.query('drop table "user"') }
}`,
      'src/migrations/1718184600000-SplitNames.ts': `import { MigrationInterface, QueryRunner } from 'typeorm'
export class SplitNames1718184600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table "user" add "firstName" text, add "lastName" text')
    await runner.query(\`update "user" set "firstName" = split_part(name, ' ', 1), "lastName" = split_part(name, ' ', 2)\`)
    await runner.query('alter table "user" drop name')
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table "user" add name text')
    await runner.query(\`update "user" set name = concat_ws(' ', "firstName", "lastName")\`)
    await runner.query('alter table "user" alter name set not null, drop "firstName", drop "lastName"')
  }
}`,
    },
  },
  'docs/with-code-folders.md': {
    packages: ['sequelize', 'pg'],
    files: {
      'package.json': '{ "type": "commonjs", "dependencies": { "sequelize": "*" } }',
      'migrations/20240101000000-users.js': `'use strict'
module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.sequelize.query('${USERS}')
  },
  async down(queryInterface, Sequelize) {
    await queryInterface.dropTable('users')
  },
}`,
      'migrations/20240612093000-split-names.js': `'use strict'
module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.addColumn('users', 'first_name', Sequelize.TEXT)
    await queryInterface.sequelize.query(${JSON.stringify(FIRST_NAME)})
  },
  async down(queryInterface, Sequelize) {
    await queryInterface.removeColumn('users', 'first_name')
  },
}`,
    },
  },
  'docs/with-drizzle.md': {
    packages: ['drizzle-orm', 'pg'],
    files: {
      'schema.ts': `import { integer, pgTable, text } from 'drizzle-orm/pg-core'
export const users = pgTable('users', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  email: text().notNull().unique(),
  firstName: text('first_name').notNull(),
  lastName: text('last_name'),
})`,
    },
  },
}
