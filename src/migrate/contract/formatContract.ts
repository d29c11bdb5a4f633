import assert from 'node:assert/strict'
import type { Dialect } from '../../sql/dialect.ts'
import { readScript } from '../../sql/script.ts'
import type { Source, SourceFormat } from '../source.ts'
import { isRank } from '../version.ts'

export interface FormatSubject {
  /** The databases that the tool knows. */
  readonly dialects: readonly Dialect[]
  /**
   * Opens a folder of the tool with these migrations, in this order.
   * @param migrations the SQL of each migration by its title, such as `users`
   */
  open(migrations: Readonly<Record<string, string>>): Promise<Source> | Source
}

interface Rule {
  readonly name: string
  run(subject: FormatSubject): Promise<void>
}

const THREE = {
  users: 'CREATE TABLE users (id int);',
  email: '-- a comment\nALTER TABLE users ADD email text;',
  posts: 'CREATE TABLE posts (id int);',
}

/** The rules that must hold for the folders of every tool. */
export const formatContract: readonly Rule[] = [
  {
    name: 'lists the migrations in order, each with a rank, a name that is its own, and a file for its up',
    async run({ open }) {
      const source = await open(THREE)
      const { identify } = formatOf(source)
      const list = await source.list()
      assert.deepEqual(
        list.map(({ version }) => version),
        [0.5, 1.5, 2.5],
      )
      assert(list.every(({ version, up }) => isRank(version) && up !== undefined))
      assert.deepEqual(
        list.map(({ name }, i) => name.includes(Object.keys(THREE)[i] ?? '')),
        [true, true, true],
      )
      assert.equal(new Set(list.map(({ name }) => identify(name))).size, 3)
      assert.deepEqual(await source.list(), list)
    },
  },
  {
    name: 'returns the SQL of an up, for which directives of ours mean nothing',
    async run({ open, dialects }) {
      const source = await open(THREE)
      for (const [i, migration] of (await source.list()).entries()) {
        const body = await source.read(migration, 'up')
        assert(body?.kind === 'sql')
        assert.equal(body.rules?.directives, false)
        for (const dialect of dialects) {
          const { statements, problem } = readScript(body.text, dialect, {}, body.rules)
          assert.equal(problem, undefined)
          assert.equal(statements.length, 1)
          const { start, end } = statements[0] ?? { start: 0, end: 0 }
          assert.equal(`${body.text.slice(start, end)};`, Object.values(THREE)[i]?.replace(/^--.*\n/, ''))
        }
      }
    },
  },
  {
    name: 'returns null for a down that does not exist',
    async run({ open }) {
      const source = await open(THREE)
      for (const migration of await source.list()) {
        if (migration.down === undefined) assert.equal(await source.read(migration, 'down'), null)
      }
    },
  },
  {
    name: 'lists nothing in a folder without migrations',
    async run({ open }) {
      assert.deepEqual(await (await open({})).list(), [])
    },
  },
  {
    name: 'has a table for each database that the tool knows: statements that create, read, write and forget',
    async run({ open, dialects }) {
      const source = await open(THREE)
      const list = await source.list()
      const format = formatOf(source)
      for (const dialect of dialects) {
        const books = format.bookkeeping(dialect)
        assert(books.tables.length > 0 && books.create.length > 0)
        for (const migration of list) {
          const identity = format.identify(migration.name)
          const statements = [
            ...(await books.record(migration)),
            ...books.forget(identity),
            ...books.create,
            ...(books.select === undefined ? [] : [books.select]),
          ]
          for (const sql of statements) {
            const script = readScript(sql, dialect, {}, { directives: false })
            assert.equal(script.problem, undefined)
            assert.equal(script.statements.length, 1, `not one statement: ${sql}`)
          }
          assert((await books.record(migration)).length > 0 && books.forget(identity).length > 0)
        }
      }
    },
  },
  {
    name: 'reads no migration from an empty table',
    async run({ open, dialects }) {
      const source = await open(THREE)
      await source.list()
      for (const dialect of dialects) assert.deepEqual(formatOf(source).bookkeeping(dialect).rows([]), [])
    },
  },
]

// --- internal ---

function formatOf({ format, name }: Source): SourceFormat {
  assert(format, `${name} has no format`)
  return format
}
