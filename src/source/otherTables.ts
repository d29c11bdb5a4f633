/** Tables in which migration tools record what is applied, recognized by their names and columns. */

/** A table as its schema has it. */
export interface LookedAt {
  /** The name, without its schema and quotes. */
  readonly name: string
  /** The schema, if it is not the default one. */
  readonly schema: string | undefined
  readonly columns: readonly string[]
}

/** Returns the tool that a table belongs to; undefined if it is no tool's, as far as we know. */
export function toolOfTable({ name, schema, columns }: LookedAt): string | undefined {
  const has = new Set(columns.map((column) => column.toLowerCase()))
  return TABLES.find(
    (table) =>
      table.name.test(name) &&
      (table.schema === undefined || table.schema === schema) &&
      table.columns.every((column) => has.has(column)),
  )?.tool
}

// --- internal ---

interface Known {
  readonly tool: string
  readonly name: RegExp
  readonly schema?: string
  /** Columns that the table has in all versions of the tool, in lower case. */
  readonly columns: readonly string[]
}

/** The names that each tool uses by default. A name that an app might use for itself is told by its columns. */
const TABLES: readonly Known[] = [
  { tool: 'Prisma', name: /^_prisma_migrations$/, columns: ['checksum', 'migration_name'] },
  { tool: 'Drizzle', name: /^__drizzle_migrations$/, columns: ['hash', 'created_at'] },
  { tool: 'Knex', name: /^knex_migrations$/, columns: ['name', 'batch', 'migration_time'] },
  { tool: 'Knex', name: /^knex_migrations_lock$/, columns: ['is_locked'] },
  { tool: 'Kysely', name: /^kysely_migration$/, columns: ['name', 'timestamp'] },
  { tool: 'Kysely', name: /^kysely_migration_lock$/, columns: ['is_locked'] },
  { tool: 'MikroORM', name: /^mikro_orm_migrations$/, columns: ['name', 'executed_at'] },
  { tool: 'Sequelize', name: /^SequelizeMeta$/i, columns: ['name'] },
  { tool: 'TypeORM', name: /^migrations$/, columns: ['id', 'timestamp', 'name'] },
  { tool: 'TypeORM', name: /^typeorm_metadata$/, columns: ['type', 'table', 'name', 'value'] },
  { tool: 'postgres-migrations', name: /^migrations$/, columns: ['id', 'name', 'hash', 'executed_at'] },
  { tool: 'Payload', name: /^payload_migrations$/, columns: ['name', 'batch'] },
  { tool: 'db-migrate', name: /^migrations$/, columns: ['id', 'name', 'run_on'] },
  { tool: 'Laravel', name: /^migrations$/, columns: ['id', 'migration', 'batch'] },
  { tool: 'node-pg-migrate', name: /^pgmigrations$/, columns: ['name', 'run_on'] },
  { tool: 'Graphile Migrate', name: /^migrations$/, schema: 'graphile_migrate', columns: ['hash', 'previous_hash'] },
  { tool: 'Graphile Migrate', name: /^current$/, schema: 'graphile_migrate', columns: ['filename', 'content'] },
  { tool: 'Supabase', name: /^schema_migrations$/, schema: 'supabase_migrations', columns: ['version'] },
  { tool: 'Supabase', name: /^seed_files$/, schema: 'supabase_migrations', columns: ['path', 'hash'] },
  { tool: 'Flyway', name: /^flyway_schema_history$/, columns: ['installed_rank', 'checksum'] },
  { tool: 'Liquibase', name: /^databasechangelog$/i, columns: ['id', 'author', 'filename'] },
  { tool: 'Liquibase', name: /^databasechangeloglock$/i, columns: ['id', 'locked'] },
  { tool: 'goose', name: /^goose_db_version$/, columns: ['version_id', 'is_applied'] },
  { tool: 'Atlas', name: /^atlas_schema_revisions$/, columns: ['version', 'applied', 'hash'] },
  { tool: 'sqlx', name: /^_sqlx_migrations$/, columns: ['version', 'checksum'] },
  { tool: 'Diesel', name: /^__diesel_schema_migrations$/, columns: ['version', 'run_on'] },
  { tool: 'Postgrator', name: /^schemaversion$/, columns: ['version', 'md5'] },
  { tool: 'Rails', name: /^ar_internal_metadata$/, columns: ['key', 'value'] },
  { tool: 'golang-migrate or migratest', name: /^schema_migrations$/, columns: ['version', 'dirty'] },
  { tool: 'Ecto', name: /^schema_migrations$/, columns: ['version', 'inserted_at'] },
  { tool: 'Rails or dbmate', name: /^schema_migrations$/, columns: ['version'] },
  { tool: 'migratest', name: /^(?:schema_migrations|migratest_versions)_(?:history|kept|journal|lock)$/, columns: [] },
  { tool: 'migratest', name: /^(?:schema_migrations|migratest_versions)_development$/, columns: [] },
  { tool: 'migratest', name: /^migratest_versions$/, columns: ['version', 'dirty'] },
  { tool: 'Django', name: /^django_migrations$/, columns: ['app', 'name', 'applied'] },
  { tool: 'Alembic', name: /^alembic_version$/, columns: ['version_num'] },
  { tool: 'Doctrine', name: /^doctrine_migration_versions$/, columns: ['version', 'executed_at'] },
  { tool: 'Phinx', name: /^phinxlog$/, columns: ['version', 'migration_name'] },
  { tool: 'Entity Framework', name: /^__EFMigrationsHistory$/i, columns: [] },
]
