/** What a database has before the first migration, and what is left of migrations when all of them are undone. */
import type { Migration } from '../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import type { Dialect } from '../sql/dialect.ts'
import { VerificationError } from './verificationError.ts'
import type { Walk } from './walk.ts'

export interface NilState {
  readonly schema: Schema
  /** What belongs to the database and to no object in it: settings, large objects. */
  readonly besides: readonly string[]
}

/** Reads the state of a walk that has not begun. */
export async function readNil<Client>(walk: Walk<Client>, dialect: Dialect): Promise<NilState> {
  return { schema: await walk.schemaAt(NIL_VERSION), besides: await besidesOf(walk, dialect) }
}

/**
 * Returns an error if a walk that went down to nothing has left something.
 * @param schema the schema it has now
 * @param migrations those that were undone
 */
export async function leftBehind<Client>(
  walk: Walk<Client>,
  schema: Schema,
  nil: NilState,
  { dialect, migrations }: { readonly dialect: Dialect; readonly migrations: readonly Migration[] },
): Promise<VerificationError | undefined> {
  const diff = schema.diff(nil.schema)
  if (diff.changes.length > 0) {
    return new VerificationError('After undoing every migration, something is left:', {
      rule: 'nil-left',
      diff,
      legend: '+ left',
      hint: 'The down of the migration that created it does not remove it.',
    })
  }
  const left = (await besidesOf(walk, dialect)).filter((one) => !nil.besides.includes(one))
  if (left.length === 0) return undefined
  const made = await madeBy(walk, left, { dialect, migrations })
  const [first] = made.values()
  const isOne = new Set(made.values()).size === 1
  const shown = left.map((one) => {
    const migration = made.get(one)
    return migration && !isOne ? `${one} (${labelOf(migration)})` : one
  })
  return new VerificationError(`After undoing every migration, something is left: ${shown.join(', ')}.`, {
    rule: 'nil-left',
    objects: left,
    hint: 'Let the down of the migration that made it undo it: ALTER DATABASE … RESET …, lo_unlink(…).',
    ...(first && { version: versionOf(first), half: 'down', file: first.down ?? first.up }),
  })
}

// --- internal ---

async function besidesOf<Client>(walk: Walk<Client>, dialect: Dialect): Promise<string[]> {
  return dialect === 'postgres' ? (await walk.query(BESIDES)).map(({ one }) => String(one)) : []
}

/** Goes up again, with a new database, and returns the migrations that make what was left. */
async function madeBy<Client>(
  walk: Walk<Client>,
  left: readonly string[],
  { dialect, migrations }: { readonly dialect: Dialect; readonly migrations: readonly Migration[] },
): Promise<ReadonlyMap<string, Migration>> {
  const made = new Map<string, Migration>()
  await walk.dispose()
  for (const migration of migrations) {
    if (made.size === left.length) break
    await walk.schemaAt(migration.version)
    const there = (await besidesOf(walk, dialect)).map(withoutOid)
    for (const one of left) if (there.includes(withoutOid(one)) && !made.has(one)) made.set(one, migration)
  }
  return made
}

/** A large object has another number in another database. */
function withoutOid(one: string): string {
  return one.replace(/^the large object \d+$/, 'a large object')
}

const BESIDES = `SELECT 'the setting ' || setting || CASE s.setrole WHEN 0 THEN '' ELSE ' of the role ' || s.setrole::regrole::text END || ' of the database' AS one
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting WHERE d.datname = current_database()
  UNION ALL SELECT 'the large object ' || oid FROM pg_largeobject_metadata ORDER BY 1`
