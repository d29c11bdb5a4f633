/** The contract that the folders of every tool keep. */
import { createHash } from 'node:crypto'
import { describe, test } from 'vitest'
import { type FormatSubject, formatContract } from '../../../src/migrate/contract/index.ts'
import { atlasFormat } from '../../../src/source/formats/atlas.ts'
import { dbmateFormat } from '../../../src/source/formats/dbmate.ts'
import { drizzleFormat } from '../../../src/source/formats/drizzle.ts'
import { flywayFormat } from '../../../src/source/formats/flyway.ts'
import { type Format, sourceOfFormat } from '../../../src/source/formats/format.ts'
import { gooseFormat } from '../../../src/source/formats/goose.ts'
import { graphileMigrateFormat } from '../../../src/source/formats/graphileMigrate.ts'
import { postgratorFormat } from '../../../src/source/formats/postgrator.ts'
import { postgresMigrationsFormat } from '../../../src/source/formats/postgresMigrations.ts'
import { prismaFormat } from '../../../src/source/formats/prisma.ts'
import { sqlxFormat } from '../../../src/source/formats/sqlx.ts'
import { supabaseFormat } from '../../../src/source/formats/supabase.ts'
import { memoryFolder } from './memoryFolder.ts'

type Files = Record<string, string>
type Migrations = readonly (readonly [title: string, sql: string])[]

/** Names each file by its place, from 1 on, or by a time. */
const files =
  (name: (i: number, title: string) => string, text = (sql: string) => sql) =>
  (migrations: Migrations) =>
    Object.fromEntries(migrations.map(([title, sql], i) => [name(i + 1, title), text(sql)]))
const time = (i: number) => String(20240101000000 + i)

const BOTH = ['postgres', 'mysql'] as const
const POSTGRES = ['postgres'] as const

// biome-ignore lint/suspicious/noExplicitAny: each format keeps data of its own
const FORMATS: Record<string, [Format<any>, FormatSubject['dialects'], (migrations: Migrations) => Files]> = {
  Prisma: [prismaFormat(), BOTH, files((i, title) => `${time(i)}_${title}/migration.sql`)],
  'Drizzle 0.x': [
    drizzleFormat(),
    POSTGRES,
    (migrations) => ({
      'meta/_journal.json': JSON.stringify({
        dialect: 'postgresql',
        entries: migrations.map(([title], i) => ({
          idx: i,
          when: 1000 + i,
          tag: `000${i}_${title}`,
          breakpoints: true,
        })),
      }),
      ...files((i, title) => `000${i - 1}_${title}.sql`)(migrations),
    }),
  ],
  'Drizzle 1.0': [
    drizzleFormat(),
    BOTH,
    (migrations) => ({
      ...files((i, title) => `${time(i)}_${title}/migration.sql`)(migrations),
      ...files(
        (i, title) => `${time(i)}_${title}/snapshot.json`,
        () => '{}',
      )(migrations),
    }),
  ],
  Supabase: [supabaseFormat(), POSTGRES, files((i, title) => `${time(i)}_${title}.sql`)],
  dbmate: [
    dbmateFormat(),
    BOTH,
    files(
      (i, title) => `${time(i)}_${title}.sql`,
      (sql) => `-- migrate:up\n${sql}\n-- migrate:down\n`,
    ),
  ],
  goose: [
    gooseFormat(),
    BOTH,
    files(
      (i, title) => `${time(i)}_${title}.sql`,
      (sql) => `-- +goose Up\n${sql}\n`,
    ),
  ],
  'sqlx, simple': [sqlxFormat(), BOTH, files((i, title) => `${i}_${title}.sql`)],
  'sqlx, reversible': [
    sqlxFormat(),
    BOTH,
    (migrations) => ({
      ...files((i, title) => `${i}_${title}.up.sql`)(migrations),
      ...files(
        (i, title) => `${i}_${title}.down.sql`,
        () => 'SELECT 1;',
      )(migrations),
    }),
  ],
  Flyway: [flywayFormat(), BOTH, files((i, title) => `V1_${i}__${title}.sql`)],
  postgrator: [postgratorFormat(), BOTH, files((i, title) => `${i}.do.${title}.sql`)],
  'graphile-migrate': [
    graphileMigrateFormat(),
    POSTGRES,
    (migrations) => {
      let previous = ''
      return Object.fromEntries(
        migrations.map(([title, sql], i) => {
          const hash = `sha1:${createHash('sha1')
            .update(`${`${previous}\n${sql}`.trim()}\n`)
            .digest('hex')}`
          const text = `--! Previous: ${previous || '-'}\n--! Hash: ${hash}\n\n${sql}\n`
          previous = hash
          return [`committed/00000${i + 1}-${title}.sql`, text]
        }),
      )
    },
  ],
  'postgres-migrations': [postgresMigrationsFormat(), POSTGRES, files((i, title) => `${i}_${title}.sql`)],
  Atlas: [atlasFormat(), BOTH, files((i, title) => `${time(i)}_${title}.sql`)],
}

for (const [tool, [format, dialects, write]] of Object.entries(FORMATS)) {
  describe(`a folder of ${tool}`, () => {
    for (const { name, run } of formatContract) {
      test(name, () =>
        run({
          dialects,
          open: (migrations) => sourceOfFormat(format, memoryFolder(write(Object.entries(migrations)))),
        }),
      )
    }
  })
}
