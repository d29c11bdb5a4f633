/**
 * Folders of other tools, as they are: one function a tool. Where a folder tells whose it is, its path alone is enough;
 * these functions are for the tools' options, and for folders that could be of several tools.
 */
import type { URL } from 'node:url'
import type { Source } from '../src/migrate/source.ts'
import { type AtlasOptions, atlasFormat } from '../src/source/formats/atlas.ts'
import { noFolder } from '../src/source/formats/code/object.ts'
import { type DbMigrateOptions, dbMigrateFormat } from '../src/source/formats/dbMigrate.ts'
import { type DbmateOptions, dbmateFormat } from '../src/source/formats/dbmate.ts'
import { folderOnDisk } from '../src/source/formats/disk.ts'
import { type DrizzleOptions, drizzleFormat } from '../src/source/formats/drizzle.ts'
import { type FlywayOptions, flywayFormat } from '../src/source/formats/flyway.ts'
import { sourceOfFormat } from '../src/source/formats/format.ts'
import { type GooseOptions, gooseFormat } from '../src/source/formats/goose.ts'
import { type GraphileMigrateOptions, graphileMigrateFormat } from '../src/source/formats/graphileMigrate.ts'
import { type KnexMigrationSource, type KnexOptions, knexFormat } from '../src/source/formats/knex.ts'
import { type KyselyMigrationProvider, type KyselyOptions, kyselyFormat } from '../src/source/formats/kysely.ts'
import { type MikroOrmMigration, type MikroOrmOptions, mikroOrmFormat } from '../src/source/formats/mikroOrm.ts'
import { type NodePgMigrateOptions, nodePgMigrateFormat } from '../src/source/formats/nodePgMigrate.ts'
import { type PayloadOptions, payloadFormat } from '../src/source/formats/payload.ts'
import { type PostgratorOptions, postgratorFormat } from '../src/source/formats/postgrator.ts'
import { type PostgresMigrationsOptions, postgresMigrationsFormat } from '../src/source/formats/postgresMigrations.ts'
import { type PrismaOptions, prismaFormat } from '../src/source/formats/prisma.ts'
import { type SequelizeOptions, sequelizeFormat } from '../src/source/formats/sequelize.ts'
import { type SqlxOptions, sqlxFormat } from '../src/source/formats/sqlx.ts'
import { type SupabaseOptions, supabaseFormat } from '../src/source/formats/supabase.ts'
import { type TypeormMigrationClass, type TypeormOptions, typeormFormat } from '../src/source/formats/typeorm.ts'
import { type TypeormDataSource, typeormGiven } from '../src/source/formats/typeormDataSource.ts'
import { type UmzugMigration, type UmzugOptions, umzugFormat } from '../src/source/formats/umzug.ts'

export type {
  AtlasOptions,
  DbMigrateOptions,
  DbmateOptions,
  DrizzleOptions,
  FlywayOptions,
  GooseOptions,
  GraphileMigrateOptions,
  KnexMigrationSource,
  KnexOptions,
  KyselyMigrationProvider,
  KyselyOptions,
  MikroOrmMigration,
  MikroOrmOptions,
  NodePgMigrateOptions,
  PayloadOptions,
  PostgratorOptions,
  PostgresMigrationsOptions,
  PrismaOptions,
  SequelizeOptions,
  SqlxOptions,
  SupabaseOptions,
  TypeormDataSource,
  TypeormMigrationClass,
  TypeormOptions,
  UmzugMigration,
  UmzugOptions,
}

/** Migrations of Prisma Migrate, up to version 7. @param path default `prisma/migrations` */
export function prisma(path: string | URL = 'prisma/migrations', options: PrismaOptions = {}): Source {
  return sourceOfFormat(prismaFormat(options), folderOnDisk(path), options)
}

/** Migrations of Drizzle Kit, with a journal (0.x) or with a folder for each migration (1.0). @param path default `drizzle` */
export function drizzle(path: string | URL = 'drizzle', options: DrizzleOptions = {}): Source {
  return sourceOfFormat(drizzleFormat(options), folderOnDisk(path), options)
}

/** Migrations of the Supabase CLI. @param path default `supabase/migrations` */
export function supabase(path: string | URL = 'supabase/migrations', options: SupabaseOptions = {}): Source {
  return sourceOfFormat(supabaseFormat(options), folderOnDisk(path), options)
}

/** Migrations of dbmate. @param path default `db/migrations` */
export function dbmate(path: string | URL = 'db/migrations', options: DbmateOptions = {}): Source {
  return sourceOfFormat(dbmateFormat(options), folderOnDisk(path), options)
}

/** Migrations of goose that are written in SQL. @param path default `migrations` */
export function goose(path: string | URL = 'migrations', options: GooseOptions = {}): Source {
  return sourceOfFormat(gooseFormat(options), folderOnDisk(path), options)
}

/** Migrations of sqlx, simple or reversible. @param path default `migrations` */
export function sqlx(path: string | URL = 'migrations', options: SqlxOptions = {}): Source {
  return sourceOfFormat(sqlxFormat(options), folderOnDisk(path), options)
}

/** Migrations of postgrator that are written in SQL. @param path default `migrations` */
export function postgrator(path: string | URL = 'migrations', options: PostgratorOptions = {}): Source {
  return sourceOfFormat(postgratorFormat(options), folderOnDisk(path), options)
}

/** Committed migrations of graphile-migrate. @param path the folder with `committed` in it; default `migrations` */
export function graphileMigrate(path: string | URL = 'migrations', options: GraphileMigrateOptions = {}): Source {
  return sourceOfFormat(graphileMigrateFormat(options), folderOnDisk(path), options)
}

/** Migrations of postgres-migrations. @param path default `migrations` */
export function postgresMigrations(path: string | URL = 'migrations', options: PostgresMigrationsOptions = {}): Source {
  return sourceOfFormat(postgresMigrationsFormat(options), folderOnDisk(path), options)
}

/** Migrations of Flyway that are written in SQL. @param path default `migrations` */
export function flyway(path: string | URL = 'migrations', options: FlywayOptions = {}): Source {
  return sourceOfFormat(flywayFormat(options), folderOnDisk(path), options)
}

/** Versioned migrations of Atlas. @param path default `migrations` */
export function atlas(path: string | URL = 'migrations', options: AtlasOptions = {}): Source {
  return sourceOfFormat(atlasFormat(options), folderOnDisk(path), options)
}

/**
 * Migrations of Kysely.
 * @param migrations the folder, or Kysely's own `MigrationProvider`; default `migrations`
 */
export function kysely(
  migrations: string | URL | KyselyMigrationProvider = 'migrations',
  options: KyselyOptions = {},
): Source {
  return typeof migrations === 'object' && 'getMigrations' in migrations
    ? sourceOfFormat(kyselyFormat(options, migrations), noFolder("Kysely's provider"), options)
    : sourceOfFormat(kyselyFormat(options), folderOnDisk(migrations), options)
}

/**
 * Migrations of Knex.
 * @param migrations the folder, or Knex's own `migrationSource`; default `migrations`
 */
export function knex(migrations: string | URL | KnexMigrationSource = 'migrations', options: KnexOptions = {}): Source {
  return typeof migrations === 'object' && 'getMigrations' in migrations
    ? sourceOfFormat(knexFormat(options, migrations), noFolder("Knex's migrationSource"), options)
    : sourceOfFormat(knexFormat(options), folderOnDisk(migrations), options)
}

/** Migrations of node-pg-migrate. @param path default `migrations` */
export function nodePgMigrate(path: string | URL = 'migrations', options: NodePgMigrateOptions = {}): Source {
  return sourceOfFormat(nodePgMigrateFormat(options), folderOnDisk(path), options)
}

/**
 * Migrations that umzug runs.
 * @param migrations the folder, or the list of migrations as umzug takes it
 */
export function umzug(migrations: string | URL | readonly UmzugMigration[], options: UmzugOptions): Source {
  return Array.isArray(migrations)
    ? sourceOfFormat(umzugFormat(options, migrations), noFolder("umzug's list"), options)
    : sourceOfFormat(umzugFormat(options), folderOnDisk(migrations as string | URL), options)
}

/**
 * Migrations of TypeORM.
 * @param migrations the folder with the files of its classes, the classes themselves, or TypeORM's data source or its
 *   options; default `src/migrations`
 */
export function typeorm(
  migrations: string | URL | readonly TypeormMigrationClass[] | TypeormDataSource = 'src/migrations',
  options: TypeormOptions = {},
): Source {
  const { from, settings } = typeormGiven(migrations, options)
  return Array.isArray(from)
    ? sourceOfFormat(typeormFormat(settings, from), noFolder("TypeORM's classes"), settings)
    : sourceOfFormat(typeormFormat(settings), folderOnDisk(from as string | URL), settings)
}

/** Migrations of the Sequelize CLI. @param path default `migrations` */
export function sequelize(path: string | URL = 'migrations', options: SequelizeOptions = {}): Source {
  return sourceOfFormat(sequelizeFormat(options), folderOnDisk(path), options)
}

/** Migrations of Payload 3 on PostgreSQL. @param path default `src/migrations` */
export function payload(path: string | URL = 'src/migrations', options: PayloadOptions = {}): Source {
  return sourceOfFormat(payloadFormat(options), folderOnDisk(path), options)
}

/** Migrations of db-migrate. @param path the folder, or that of a scope; default `migrations` */
export function dbMigrate(path: string | URL = 'migrations', options: DbMigrateOptions = {}): Source {
  return sourceOfFormat(dbMigrateFormat(options), folderOnDisk(path), options)
}

/**
 * Migrations of MikroORM.
 * @param migrations the folder, or the list of MikroORM's `migrationsList`; default `src/migrations`
 */
export function mikroOrm(
  migrations: string | URL | readonly MikroOrmMigration[] = 'src/migrations',
  options: MikroOrmOptions = {},
): Source {
  return Array.isArray(migrations)
    ? sourceOfFormat(mikroOrmFormat(options, migrations), noFolder("MikroORM's list"), options)
    : sourceOfFormat(mikroOrmFormat(options), folderOnDisk(migrations as string | URL), options)
}
