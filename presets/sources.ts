/**
 * Folders of other tools, as they are: one function a tool. Where a folder tells whose it is, its path alone is enough;
 * these functions are for the tools' options, and for folders that could be of several tools.
 */
import type { URL } from 'node:url'
import type { Source } from '../src/migrate/source.ts'
import { type AtlasOptions, atlasFormat } from '../src/source/formats/atlas.ts'
import { type DbmateOptions, dbmateFormat } from '../src/source/formats/dbmate.ts'
import { folderOnDisk } from '../src/source/formats/disk.ts'
import { type DrizzleOptions, drizzleFormat } from '../src/source/formats/drizzle.ts'
import { type FlywayOptions, flywayFormat } from '../src/source/formats/flyway.ts'
import { sourceOfFormat } from '../src/source/formats/format.ts'
import { type GooseOptions, gooseFormat } from '../src/source/formats/goose.ts'
import { type GraphileMigrateOptions, graphileMigrateFormat } from '../src/source/formats/graphileMigrate.ts'
import { type KyselyOptions, kyselyFormat } from '../src/source/formats/kysely.ts'
import { type MikroOrmOptions, mikroOrmFormat } from '../src/source/formats/mikroOrm.ts'
import { type PostgratorOptions, postgratorFormat } from '../src/source/formats/postgrator.ts'
import { type PostgresMigrationsOptions, postgresMigrationsFormat } from '../src/source/formats/postgresMigrations.ts'
import { type PrismaOptions, prismaFormat } from '../src/source/formats/prisma.ts'
import { type SequelizeOptions, sequelizeFormat } from '../src/source/formats/sequelize.ts'
import { type SqlxOptions, sqlxFormat } from '../src/source/formats/sqlx.ts'
import { type SupabaseOptions, supabaseFormat } from '../src/source/formats/supabase.ts'
import { type TypeormOptions, typeormFormat } from '../src/source/formats/typeorm.ts'

export type {
  AtlasOptions,
  DbmateOptions,
  DrizzleOptions,
  FlywayOptions,
  GooseOptions,
  GraphileMigrateOptions,
  KyselyOptions,
  MikroOrmOptions,
  PostgratorOptions,
  PostgresMigrationsOptions,
  PrismaOptions,
  SequelizeOptions,
  SqlxOptions,
  SupabaseOptions,
  TypeormOptions,
}

/** Migrations of Prisma Migrate, up to version 7. @param path default `prisma/migrations` */
export function prisma(path: string | URL = 'prisma/migrations', options: PrismaOptions = {}): Source {
  return sourceOfFormat(prismaFormat(options), folderOnDisk(path))
}

/** Migrations of Drizzle Kit, with a journal (0.x) or with a folder for each migration (1.0). @param path default `drizzle` */
export function drizzle(path: string | URL = 'drizzle', options: DrizzleOptions = {}): Source {
  return sourceOfFormat(drizzleFormat(options), folderOnDisk(path))
}

/** Migrations of the Supabase CLI. @param path default `supabase/migrations` */
export function supabase(path: string | URL = 'supabase/migrations', options: SupabaseOptions = {}): Source {
  return sourceOfFormat(supabaseFormat(options), folderOnDisk(path))
}

/** Migrations of dbmate. @param path default `db/migrations` */
export function dbmate(path: string | URL = 'db/migrations', options: DbmateOptions = {}): Source {
  return sourceOfFormat(dbmateFormat(options), folderOnDisk(path))
}

/** Migrations of goose that are written in SQL. @param path default `migrations` */
export function goose(path: string | URL = 'migrations', options: GooseOptions = {}): Source {
  return sourceOfFormat(gooseFormat(options), folderOnDisk(path))
}

/** Migrations of sqlx, simple or reversible. @param path default `migrations` */
export function sqlx(path: string | URL = 'migrations', options: SqlxOptions = {}): Source {
  return sourceOfFormat(sqlxFormat(options), folderOnDisk(path))
}

/** Migrations of postgrator that are written in SQL. @param path default `migrations` */
export function postgrator(path: string | URL = 'migrations', options: PostgratorOptions = {}): Source {
  return sourceOfFormat(postgratorFormat(options), folderOnDisk(path))
}

/** Committed migrations of graphile-migrate. @param path the folder with `committed` in it; default `migrations` */
export function graphileMigrate(path: string | URL = 'migrations', options: GraphileMigrateOptions = {}): Source {
  return sourceOfFormat(graphileMigrateFormat(options), folderOnDisk(path))
}

/** Migrations of postgres-migrations. @param path default `migrations` */
export function postgresMigrations(path: string | URL = 'migrations', options: PostgresMigrationsOptions = {}): Source {
  return sourceOfFormat(postgresMigrationsFormat(options), folderOnDisk(path))
}

/** Migrations of Flyway that are written in SQL. @param path default `migrations` */
export function flyway(path: string | URL = 'migrations', options: FlywayOptions = {}): Source {
  return sourceOfFormat(flywayFormat(options), folderOnDisk(path))
}

/** Versioned migrations of Atlas. @param path default `migrations` */
export function atlas(path: string | URL = 'migrations', options: AtlasOptions = {}): Source {
  return sourceOfFormat(atlasFormat(options), folderOnDisk(path))
}

/** Migrations of Kysely. @param path default `migrations` */
export function kysely(path: string | URL = 'migrations', options: KyselyOptions = {}): Source {
  return sourceOfFormat(kyselyFormat(options), folderOnDisk(path))
}

/** Migrations of TypeORM. @param path the folder with the files of its classes; default `src/migrations` */
export function typeorm(path: string | URL = 'src/migrations', options: TypeormOptions = {}): Source {
  return sourceOfFormat(typeormFormat(options), folderOnDisk(path))
}

/** Migrations of the Sequelize CLI. @param path default `migrations` */
export function sequelize(path: string | URL = 'migrations', options: SequelizeOptions = {}): Source {
  return sourceOfFormat(sequelizeFormat(options), folderOnDisk(path))
}

/** Migrations of MikroORM. @param path default `src/migrations` */
export function mikroOrm(path: string | URL = 'src/migrations', options: MikroOrmOptions = {}): Source {
  return sourceOfFormat(mikroOrmFormat(options), folderOnDisk(path))
}
