/** What a database has before the first migration, and what is left of migrations when all of them are undone. */
import { NIL_VERSION } from '../migrate/version.ts'
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

/** Returns an error if a walk that went down to nothing has left something. @param schema the schema it has now */
export async function leftBehind<Client>(
  walk: Walk<Client>,
  schema: Schema,
  nil: NilState,
  dialect: Dialect,
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
  return new VerificationError(`After undoing every migration, something is left: ${left.join(', ')}.`, {
    rule: 'nil-left',
    objects: left,
    hint: 'Let the down of the migration that made it undo it: ALTER DATABASE … RESET …, lo_unlink(…).',
  })
}

// --- internal ---

async function besidesOf<Client>(walk: Walk<Client>, dialect: Dialect): Promise<string[]> {
  return dialect === 'postgres' ? (await walk.query(BESIDES)).map(({ one }) => String(one)) : []
}

const BESIDES = `SELECT 'the setting ' || setting || CASE s.setrole WHEN 0 THEN '' ELSE ' of the role ' || s.setrole::regrole::text END || ' of the database' AS one
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting WHERE d.datname = current_database()
  UNION ALL SELECT 'the large object ' || oid FROM pg_largeobject_metadata ORDER BY 1`
