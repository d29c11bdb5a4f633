/** A database in development and migrations that a test edits, as `watch` follows them. */
import type { DevelopmentDatabase } from '../../src/database/development.ts'
import { openDevelopment } from '../../src/database/open.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import { Effects } from '../../src/watch/effects.ts'
import { type Outcome, type ReconcileOptions, reconcile } from '../../src/watch/reconcile.ts'
import { test as base } from './database.ts'

type Files = Parameters<typeof memory>[0]

export class Following {
  readonly dev: DevelopmentDatabase
  files: Record<string, string>
  constructor(dev: DevelopmentDatabase) {
    this.dev = dev
    this.files = {}
  }
  /** Files as they are saved: a migration's halves by version. */
  write(version: number, up: string | undefined, down: string | undefined): void {
    for (const [half, text] of [
      ['up', up],
      ['down', down],
    ] as const) {
      const name = `${version}_m.${half}.sql`
      if (text === undefined) delete this.files[name]
      else this.files[name] = text
    }
  }
  follow(options: Partial<ReconcileOptions> & Partial<MigratorOptions> = {}): Promise<Outcome> {
    const source = memory({ ...this.files } as Files)
    const migrator = new Migrator({ source, database: this.dev.driver, recordedCode: 'run', ...options })
    return reconcile(
      this.dev,
      migrator,
      { most: 100_000, way: 'together', effects: new Effects(), ...options },
      async () => undefined,
    )
  }
}

export const test = base.extend('following', async ({ db }, { onCleanup }) => {
  const dev = await openDevelopment(db.url)
  onCleanup(() => dev.close())
  await dev.watch()
  return new Following(dev)
})

export const USERS = 'create table users (id serial primary key, name text not null);'
export const ORDERS =
  'create table orders (id serial primary key, user_id int not null references users, total numeric(10,2));'
