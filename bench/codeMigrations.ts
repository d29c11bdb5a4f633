/** The same migrations in the words of Knex, Kysely and TypeORM: each makes a table with an index. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const TOOLS = ['knex', 'kysely', 'typeorm'] as const
export type Tool = (typeof TOOLS)[number]

export type Language = 'js' | 'ts'

/** Writes a project for each tool, in a temporary folder. @returns that folder; see {@link folderOf} */
export function writeFolders(count: number, language: Language): string {
  const root = mkdtempSync(join(tmpdir(), 'migratest-code-'))
  symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(root, 'node_modules'), 'junction')
  for (const tool of TOOLS) {
    mkdirSync(folderOf(root, tool), { recursive: true })
    const type = language === 'ts' ? 'module' : 'commonjs'
    writeFileSync(join(root, tool, 'package.json'), `{ "type": "${type}", "dependencies": { "${tool}": "*" } }`)
    for (let i = 1; i <= count; i++) {
      const time = 1_700_000_000_000 + i
      const [name, text] = WRITERS[tool][language](time, i)
      writeFileSync(join(folderOf(root, tool), name), text)
    }
  }
  return root
}

export function folderOf(root: string, tool: Tool): string {
  return join(root, tool, 'migrations')
}

// --- internal ---

type Writer = (time: number, i: number) => readonly [name: string, text: string]

const WRITERS: Readonly<Record<Tool, Readonly<Record<Language, Writer>>>> = {
  knex: {
    js: (time, i) => [
      `${time}_t${i}.js`,
      `exports.up = (knex) => knex.schema.createTable('t${i}', (table) => { table.increments('id'); table.text('name').notNullable().index() })
exports.down = (knex) => knex.schema.dropTable('t${i}')
`,
    ],
    ts: (time, i) => [
      `${time}_t${i}.ts`,
      `import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('t${i}', (table: Knex.CreateTableBuilder) => { table.increments('id'); table.text('name').notNullable().index() })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('t${i}')
}
`,
    ],
  },
  kysely: {
    js: (time, i) => [`${time}_t${i}.mjs`, kyselyText(i, '')],
    ts: (time, i) => [`${time}_t${i}.ts`, kyselyText(i, ': Kysely<any>')],
  },
  typeorm: {
    js: (time, i) => [
      `${time}-t${i}.js`,
      `exports.T${i}${time} = class T${i}${time} {
  name = 'T${i}${time}'
  async up(queryRunner) {
    await queryRunner.query('CREATE TABLE t${i} (id serial primary key, name text not null)')
    await queryRunner.query('CREATE INDEX t${i}_name ON t${i} (name)')
  }
  async down(queryRunner) { await queryRunner.query('DROP TABLE t${i}') }
}
`,
    ],
    ts: (time, i) => [
      `${time}-t${i}.ts`,
      `import type { MigrationInterface, QueryRunner } from 'typeorm'

export class T${i}${time} implements MigrationInterface {
  name = 'T${i}${time}'

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE TABLE t${i} (id serial primary key, name text not null)')
    await queryRunner.query('CREATE INDEX t${i}_name ON t${i} (name)')
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE t${i}')
  }
}
`,
    ],
  },
}

function kyselyText(i: number, type: string): string {
  const types = type && "import type { Kysely } from 'kysely'\n"
  const none = type && ': Promise<void>'
  return `import { sql } from 'kysely'
${types}export async function up(db${type})${none} {
  await db.schema.createTable('t${i}').addColumn('id', 'serial', (id) => id.primaryKey()).addColumn('name', 'text', (name) => name.notNull()).execute()
  await db.schema.createIndex('t${i}_name').on('t${i}').column('name').execute()
}
export async function down(db${type})${none} { await db.schema.dropTable('t${i}').execute() }
`
}
