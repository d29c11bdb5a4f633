/** db-migrate: files in JavaScript that export `up(db, callback)` and `down(db, callback)`, or load a file of SQL each. */
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { Bookkeeping, Direction, MigrationContext, SqlBody } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf, type LoadedModule, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type DbMigrateHalf, onDriver } from './code/dbMigrateDriver.ts'
import {
  type Books,
  type CodeFormat,
  type Entry,
  type Folder,
  irreversible,
  type Listing,
  leadingNumber,
  someOf,
  timestampOf,
} from './format.ts'
import { qualified, timeOf } from './tables.ts'

export interface DbMigrateOptions {
  /** db-migrate's `--migration-table`; default `migrations`. */
  readonly migrationTable?: string | undefined
  /** The `schema` of db-migrate's configuration, for PostgreSQL: it comes first in the search path. */
  readonly schema?: string | undefined
  /** The scope, if the folder is that of one: `db-migrate up:SCOPE`. */
  readonly scope?: string | undefined
  /** db-migrate's `--non-transactional`. */
  readonly nonTransactional?: boolean | undefined
  /** db-migrate's `--ignore-on-init`. */
  readonly ignoreOnInit?: boolean | undefined
}

/**
 * Facts: db-migrate 0.11.14, `lib/{migration,migrator,skeleton}.js`; db-migrate-shared 1.2.0, `util.js`; db-migrate-base
 * 2.3.1; db-migrate-pg 1.5.2; db-migrate-mysql 3.0.0.
 */
export function dbMigrateFormat(options: DbMigrateOptions = {}): CodeFormat {
  let adapt: Adapt | undefined
  return {
    tool: 'db-migrate',
    library: 'db-migrate',
    drivers: ['db-migrate-pg', 'db-migrate-mysql'],
    downs: true,
    // It runs all files that are not in its table, and does not look at what is there besides.
    outOfOrder: 'apply',
    missing: 'ignore',
    list: listDbMigrate,
    async body(folder, { name, up }, direction) {
      const sql = sqlBeside(folder, up, name, direction)
      if (sql !== undefined && !options.nonTransactional) return asSql(sql, options.schema)
      adapt ??= adaptTo(folder, options)
      const module: LoadedModule | undefined = await folder.load?.(up, adapt)
      if (!module) return null
      if (direction === 'down' && !module.down) return irreversible('the file exports no function down')
      return bodyOf(module, direction)
    },
    bookkeeping: (dialect, books) => dbMigrateBookkeeping(dialect, books, options),
    create: newMigration,
  }
}

// --- internal ---

/** It finds this part anywhere in a file's name, and no other part of it counts. */
const NAME = /^(\d{14}-[^.]+)/

function listDbMigrate(folder: Folder): Listing {
  const files = folder.files().filter((file) => /^[^/]+(?<!\.d)\.[cm]?[jt]s$/.test(file))
  const others = files.filter((file) => !NAME.test(file))
  const entries = files
    .flatMap((file): Entry[] => {
      const name = NAME.exec(file)?.[1]
      return name === undefined ? [] : [{ name, number: leadingNumber(name), up: file, down: file, data: undefined }]
    })
    .sort((a, b) => (a.number ?? 0) - (b.number ?? 0) || (a.up < b.up ? -1 : 1))
  const remarks =
    others.length === 0
      ? []
      : [
          `${folder.shown} has files whose names do not begin with 14 digits and a dash, so db-migrate refuses the folder: ${someOf(others)}.`,
        ]
  return { entries, remarks }
}

/**
 * Returns the text of the file of SQL that a migration made with `--sql-file` loads, if loading and running that file is
 * all that it does. Then the migration is SQL, with SQL's error messages and fingerprints.
 */
function sqlBeside(folder: Folder, file: string, name: string, direction: Direction): string | undefined {
  const path = `sqls/${name}-${direction}.sql`
  if (!folder.files().includes(path)) return undefined
  const text = folder
    .text(file)
    .replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
    .replaceAll(/\bdata\s*=\s*fs\.readFileSync\(/g, '(')
  const calls = [...text.matchAll(/\bdb\s*\.\s*(\w+)\s*\(\s*(\w*)/g)]
  const packages = [...text.matchAll(/\brequire\s*\(\s*['"](?:node:)?([^'"]*)['"]/g)].map(([, one]) => one)
  const isLoader =
    calls.length === 2 &&
    calls.every(([, method, argument]) => method === 'runSql' && argument === 'data') &&
    packages.every((one) => one === 'fs' || one === 'path') &&
    !/\bignoreOnInit\b|\bimport\b|\bdata\s*(?:=[^=>]|\.)/.test(text) &&
    areInOrder(text, ['up', `${name}-up.sql`, 'down', `${name}-down.sql`])
  return isLoader ? folder.text(path) : undefined
}

/** Returns `true` if the parts occur in the text, one behind the other. */
function areInOrder(text: string, parts: readonly string[]): boolean {
  let at = 0
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return true
}

function asSql(text: string, schema: string | undefined): SqlBody {
  const path =
    schema === undefined || schema === 'public'
      ? ''
      : `SELECT set_config('search_path', ${literalOf(DIALECTS.postgres.quote(schema), 'postgres')} || ', ' || current_setting('search_path'), false); `
  return { kind: 'sql', text: `${path}${text}`, rules: { directives: false, control: 'units' } }
}

interface DbMigrateModule {
  readonly setup?: DbMigrateHalf['setup']
  readonly up?: DbMigrateHalf['run']
  readonly down?: DbMigrateHalf['run']
}

/** Makes the function that hands a driver of db-migrate, on our connection, to a migration's up and down. */
function adaptTo(folder: Folder, { schema, nonTransactional, ignoreOnInit }: DbMigrateOptions): Adapt {
  return (exports, shown): ModuleMigration => {
    const namespace = exports as DbMigrateModule & { default?: DbMigrateModule }
    const { setup, up, down } = typeof namespace.up === 'function' ? namespace : (namespace.default ?? {})
    if (typeof up !== 'function') {
      throw new UnreadableFileError(`${shown}: exports no function up(db), as a migration of db-migrate does.`)
    }
    const alone = nonTransactional === true
    const on = (run: DbMigrateHalf['run']) => (context: MigrationContext) =>
      onDriver(folder, context, { setup, run, alone, schema, ignoreOnInit: ignoreOnInit === true })
    return { up: on(up), down: down && on(down), ...(alone && { transaction: false }) }
  }
}

/** Facts: db-migrate-base, `createMigrationsTable`, `addMigrationRecord`; `Migrator.prototype.writeMigrationRecord`. */
function dbMigrateBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  { migrationTable: name = 'migrations', schema, scope = '' }: DbMigrateOptions,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const { quote } = DIALECTS[dialect]
  const columns =
    dialect === 'postgres'
      ? 'id serial PRIMARY KEY NOT NULL, name varchar(255) NOT NULL, run_on timestamp NOT NULL'
      : 'id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(255) NOT NULL, run_on datetime NOT NULL'
  return {
    tables: [name],
    create: [
      ...(schema !== undefined && dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`] : []),
      `CREATE TABLE IF NOT EXISTS ${table} (${columns})`,
    ],
    select: `SELECT name, run_on FROM ${table} ORDER BY run_on, name`,
    rows: (rows) =>
      rows
        .map((row) => ({ name: String(row.name), at: timeOf(row.run_on) }))
        // The table also has the migrations of other scopes.
        .filter(({ name: own }) => own.slice(0, Math.max(0, own.lastIndexOf('/'))) === scope)
        .map(({ name: own, at }) => ({
          identity: own.slice(own.lastIndexOf('/') + 1),
          state: 'applied',
          appliedAt: at,
        })),
    async record({ name: migration }) {
      if (!entry(migration)) return []
      const values = [`${scope}/${migration}`, localTime(new Date())].map((value) => literalOf(value, dialect))
      return [`INSERT INTO ${table} (name, run_on) VALUES (${values.join(', ')})`]
    },
    forget(identity) {
      // Versions before 0.9 wrote names without the slash.
      const names = [`${scope}/${identity}`, ...(scope === '' ? [identity] : [])]
      return [`DELETE FROM ${table} WHERE name IN (${names.map((one) => literalOf(one, dialect)).join(', ')})`]
    },
  }
}

/** The column has no time zone, and db-migrate writes the time of the zone in which Node runs. */
function localTime(now: Date): string {
  const shifted = new Date(now.getTime() - now.getTimezoneOffset() * 60_000)
  return shifted.toISOString().replace('T', ' ').slice(0, -1)
}

/** Files are as those before them: with a file of SQL for each half, or with an empty function for each. */
function newMigration(
  title: string,
  { folder, entries, now }: { folder: Folder; entries: readonly Entry[]; now: Date },
): Readonly<Record<string, string>> {
  const name = `${timestampOf(now)}-${title.replaceAll(/[_\s]+/g, '-')}`
  const last = entries.at(-1)
  if (!last || !folder.files().includes(`sqls/${last.name}-up.sql`)) return { [`${name}.js`]: EMPTY }
  return {
    [`${name}.js`]: loaderOf(name),
    [`sqls/${name}-up.sql`]: NOTHING_YET,
    [`sqls/${name}-down.sql`]: NOTHING_YET,
  }
}

const NOTHING_YET = '-- SQL of this migration\n'

const META = `
exports._meta = {
  version: 1
};
`

const EMPTY = `'use strict';

let dbm;
let type;

exports.setup = function (options) {
  dbm = options.dbmigrate;
  type = dbm.dataType;
};

exports.up = async function (db) {
};

exports.down = async function (db) {
};
${META}`

function loaderOf(name: string): string {
  const half = (direction: Direction) => `exports.${direction} = async function (db) {
  const data = fs.readFileSync(path.join(__dirname, 'sqls', '${name}-${direction}.sql'), 'utf8');
  await db.runSql(data);
};
`
  return `'use strict';

const fs = require('fs');
const path = require('path');

${half('up')}
${half('down')}${META}`
}
