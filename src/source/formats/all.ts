/** All formats, with what only a folder of that tool has. */
import { atlasFormat } from './atlas.ts'
import { takes } from './code/shape.ts'
import { dbMigrateFormat } from './dbMigrate.ts'
import { dbmateFormat } from './dbmate.ts'
import { drizzleFormat } from './drizzle.ts'
import { drizzleOptionsBeside } from './drizzleConfig.ts'
import { flywayFormat } from './flyway.ts'
import type { CodeFormat, Folder, Format } from './format.ts'
import { gooseFormat } from './goose.ts'
import { graphileMigrateFormat } from './graphileMigrate.ts'
import { knexFormat } from './knex.ts'
import { kyselyFormat } from './kysely.ts'
import { mikroOrmFormat } from './mikroOrm.ts'
import { nodePgMigrateFormat } from './nodePgMigrate.ts'
import { payloadFormat } from './payload.ts'
import { postgratorFormat } from './postgrator.ts'
import { postgresMigrationsFormat } from './postgresMigrations.ts'
import { prismaFormat } from './prisma.ts'
import { sequelizeFormat } from './sequelize.ts'
import { sqlxFormat } from './sqlx.ts'
import { supabaseFormat } from './supabase.ts'
import type { Surroundings } from './surroundings.ts'
import { typeormFormat } from './typeorm.ts'
import { umzugFormat } from './umzug.ts'

/** A tool whose folders can be recognized. */
export interface KnownFormat {
  /** The function of `migratest/sources`, such as `prisma`. */
  readonly call: string
  readonly tool: string
  /** `true` for a tool whose files may have the names of our own migrations in TypeScript: their text decides. */
  readonly isCode?: true
  /** Returns `true` for a folder that has what only folders of this tool have. */
  recognizes(look: Look): boolean
  /** Returns the options that the tool's own configuration beside the folder has. */
  optionsBeside?(folder: Folder): object
  // biome-ignore lint/suspicious/noExplicitAny: each format keeps data of its own
  make(options?: object): Format<any> | CodeFormat<any>
}

/** The files and names by which a folder is recognized. */
export interface Look {
  /** Paths of all files, relative to the folder. */
  readonly files: readonly string[]
  /** Beginnings of a few SQL files, or the whole files if they are short. */
  readonly beginnings: readonly string[]
  /** Beginnings of a few files in TypeScript or JavaScript, not of those in subfolders. */
  readonly code: readonly string[]
  readonly folder: Folder
  readonly around: Surroundings
}

export const FORMATS: readonly KnownFormat[] = [
  {
    call: 'prisma',
    tool: 'Prisma',
    recognizes: ({ files }) => files.includes('migration_lock.toml') || prismaFolders(files).length > 0,
    make: prismaFormat,
  },
  {
    call: 'drizzle',
    tool: 'Drizzle',
    recognizes: ({ files }) =>
      files.includes('meta/_journal.json') ||
      foldersWith(files, 'snapshot.json').some((name) => files.includes(`${name}/migration.sql`)),
    optionsBeside: drizzleOptionsBeside,
    make: drizzleFormat,
  },
  {
    call: 'supabase',
    tool: 'Supabase',
    recognizes: ({ folder, around }) =>
      /(^|[\\/])supabase[\\/]migrations$/.test(folder.path ?? '') && (around.has('config.toml') || around.isAlone),
    make: supabaseFormat,
  },
  {
    call: 'dbmate',
    tool: 'dbmate',
    recognizes: ({ beginnings }) => beginnings.some((text) => /^--\s*migrate:up(?:\s|$)/m.test(text)),
    make: dbmateFormat,
  },
  {
    call: 'goose',
    tool: 'goose',
    recognizes: ({ beginnings }) => beginnings.some((text) => /^-- \+goose\s/im.test(text)),
    make: gooseFormat,
  },
  {
    call: 'postgrator',
    tool: 'postgrator',
    recognizes: ({ files }) => files.some((file) => /^\d+\.(?:do|undo)\.(?:.*\.)?[a-z]+$/i.test(file)),
    make: postgratorFormat,
  },
  {
    call: 'graphileMigrate',
    tool: 'graphile-migrate',
    recognizes: ({ files }) => files.some((file) => /^committed\/\d+(?:-[-_a-zA-Z0-9]*)?\.sql$/.test(file)),
    make: graphileMigrateFormat,
  },
  {
    call: 'flyway',
    tool: 'Flyway',
    recognizes: ({ files }) => files.some((file) => /(?:^|\/)(?:[VUB]\d[\d._]*|R)__[^/]*\.sql$/i.test(file)),
    make: flywayFormat,
  },
  {
    call: 'atlas',
    tool: 'Atlas',
    // Atlas also writes its file beside golang-migrate's.
    recognizes: ({ files }) => files.includes('atlas.sum') && !isOurs(files),
    make: atlasFormat,
  },
  {
    call: 'postgresMigrations',
    tool: 'postgres-migrations',
    recognizes: ({ files, around }) => areNumbered(files) && around.dependsOn('postgres-migrations'),
    make: postgresMigrationsFormat,
  },
  {
    call: 'sqlx',
    tool: 'sqlx',
    recognizes: ({ files, around }) => areNumbered(files) && around.dependsOnCrate('sqlx'),
    make: sqlxFormat,
  },
  {
    call: 'knex',
    tool: 'Knex',
    isCode: true,
    recognizes: ({ code, around }) =>
      code.some((text) => takes(text, /\bknex\b/i)) ||
      (usesBuilder(code) && around.dependsOn('knex') && !around.dependsOn('kysely')),
    make: knexFormat,
  },
  {
    call: 'kysely',
    tool: 'Kysely',
    isCode: true,
    recognizes: ({ code, around }) =>
      code.some((text) => takes(text, /\bKysely\b/)) ||
      (usesBuilder(code) && around.dependsOn('kysely') && !around.dependsOn('knex')),
    make: kyselyFormat,
  },
  {
    call: 'nodePgMigrate',
    tool: 'node-pg-migrate',
    isCode: true,
    recognizes: ({ code, beginnings }) =>
      code.some((text) => takes(text, /\bpgm\b|\bMigrationBuilder\b/)) ||
      beginnings.some((text) => /^\s*--[\s-]*(?:up|down)\s+migration/im.test(text)),
    make: nodePgMigrateFormat,
  },
  {
    call: 'umzug',
    tool: 'umzug',
    isCode: true,
    recognizes: ({ code }) => code.some((text) => takes(text, /^\{[^}]*\bcontext\b/) || IMPORTS_UMZUG.test(text)),
    // It says what has to be given, because nobody but the user knows the context.
    make: () => umzugFormat(undefined),
  },
  {
    call: 'typeorm',
    tool: 'TypeORM',
    isCode: true,
    recognizes: ({ files, code, around }) =>
      code.some((text) => /\bimplements\s+(?:\w+,\s*)*MigrationInterface\b/.test(text)) ||
      (files.some((file) => /^\d{13}-[^/]*\.[cm]?[jt]s$/.test(file)) && around.dependsOn('typeorm')),
    make: typeormFormat,
  },
  {
    call: 'sequelize',
    tool: 'Sequelize',
    isCode: true,
    // umzug's own migrations get one object: up({ context: queryInterface }).
    recognizes: ({ code, around }) =>
      code.some((text) => /\bimport\('sequelize-cli'\)/.test(text)) ||
      (code.some((text) => /\bqueryInterface\b/i.test(text) && !/\bcontext\b/.test(text)) &&
        (around.dependsOn('sequelize') || around.has('.sequelizerc'))),
    make: sequelizeFormat,
  },
  {
    call: 'payload',
    tool: 'Payload',
    isCode: true,
    recognizes: ({ code }) => code.some((text) => /['"]@payloadcms\/db-(?:vercel-)?postgres['"]/.test(text)),
    make: payloadFormat,
  },
  {
    call: 'dbMigrate',
    tool: 'db-migrate',
    isCode: true,
    recognizes: ({ files, code, around }) =>
      code.some((text) => /\boptions\.dbmigrate\b/.test(text)) ||
      (files.some((file) => /^\d{14}-[^/]*\.[cm]?[jt]s$/.test(file)) &&
        code.some((text) => takes(text, /^db\b/)) &&
        around.dependsOn('db-migrate')),
    make: dbMigrateFormat,
  },
  {
    call: 'mikroOrm',
    tool: 'MikroORM',
    isCode: true,
    recognizes: ({ files, code, around }) =>
      code.some((text) => /['"]@mikro-orm\/migrations['"]/.test(text)) ||
      (files.some((file) => /^Migration\d{14}[^/]*\.c?[jt]s$/.test(file)) && around.dependsOn('@mikro-orm/migrations')),
    make: mikroOrmFormat,
  },
]

/** Returns `true` if a folder has files that are named as for golang-migrate, which are our own names, too. */
export function isOurs(files: readonly string[]): boolean {
  return hasHalves(files) || files.some((file) => /^\d+_[^/]*\.m?[jt]s$/.test(file))
}

/** Returns `true` if a folder has SQL files that are named as for golang-migrate. */
export function hasHalves(files: readonly string[]): boolean {
  return files.some((file) => /^\d+_[^/]*\.(?:up|down)\.sql$/.test(file))
}

/** Returns `true` if a folder has SQL files with a number and no direction, as several tools name theirs. */
export function areNumbered(files: readonly string[]): boolean {
  return files.some((file) => /^\d+[-_][^/]*\.sql$/.test(file) && !/\.(?:up|down)\.sql$/.test(file))
}

// --- internal ---

/** Knex and Kysely both have a builder for schemas. Without types, only the project's packages tell whose it is. */
function usesBuilder(code: readonly string[]): boolean {
  return code.some((text) => /\.schema\b/.test(text) && takes(text, /^\w+(?:\s*:.*)?$/))
}

const IMPORTS_UMZUG = /(?:\bfrom\s+|\bimport\()['"]umzug['"]/

function foldersWith(files: readonly string[], name: string): string[] {
  return files
    .filter((file) => file.endsWith(`/${name}`) && file.split('/').length === 2)
    .map((file) => file.slice(0, -name.length - 1))
}

/** Drizzle's newer folders have a snapshot beside each migration; Prisma's have none. */
function prismaFolders(files: readonly string[]): string[] {
  const drizzle = new Set(foldersWith(files, 'snapshot.json'))
  const eight = foldersWith(files, 'ops.json')
  return [...foldersWith(files, 'migration.sql').filter((name) => !drizzle.has(name)), ...eight]
}
