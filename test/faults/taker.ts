/** A process that takes test databases, one after another, as a worker of a test run does: killed, starved, many at once. */
import type { PostgresOptions } from '../../presets/postgres.ts'
import { bundled, bundledPostgres } from '../support/bundled.ts'

export interface TakerInput {
  readonly server: PostgresOptions
  readonly folder: string
  readonly takes: number
  /** Each test also goes down one and up again. */
  readonly migrate?: boolean
}

const { createMigratedDatabase, migrateTo } = await bundled()
const postgres = await bundledPostgres()
const { server: options, folder, takes, migrate } = JSON.parse(process.env.TAKER ?? '{}') as TakerInput
const server = postgres(options)
for (let i = 0; i < takes; i++) {
  await using db = await createMigratedDatabase({
    server,
    migrations: folder,
    seeds: { 2: { users: [{ name: 'seed' }] } },
  })
  const [before] = await db.query<{ n: number }>('select count(*)::int as n from users')
  if (before?.n !== 1) throw new Error(`a database of somebody else: ${before?.n} users`)
  await db.query("insert into users (name) values ('mine')")
  if (migrate) {
    await migrateTo(db, 2)
    await migrateTo(db, 'latest')
  }
  const [made] = await db.query<{ at: Date }>(
    'select applied_at as at from schema_migrations_history where version = 1',
  )
  process.stdout.write(`${i} made ${made?.at.getTime()}\n`)
}
process.stdout.write('done\n')
