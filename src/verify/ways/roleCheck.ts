/** The check as which role migrations can run: one that owns nothing says of each statement which right it lacks. */
import type { ObservedStatement, StatementObserver } from '../../migrate/driver.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import type { Verified } from '../verified.ts'
import { WayDatabase } from './wayDatabase.ts'

/**
 * Returns the check, for PostgreSQL: there a session can become another role. The role may connect, create schemas in the
 * database, and use and create in the schema public; it owns nothing but what the migrations make.
 */
export function roleCheck<Client>(verified: Verified<Client>, halves: Halves, make: MakeCheck): Check[] {
  if (verified.options.server.dialect !== 'postgres') return []
  const name = 'as a role that owns nothing: which statement needs which right'
  return [make({ id: 'role', group: 'session', name, version: undefined }, () => check(verified, halves))]
}

// --- internal ---

/** Statements that need more rights, at most. */
const MOST = 200

async function check<Client>(verified: Verified<Client>, halves: Halves): Promise<Observed> {
  const role = `migratest_plain_${Math.random().toString(36).slice(2, 10)}`
  const observer = new RoleObserver(role)
  const database = await WayDatabase.create(verified, observer)
  const observations: Observation[] = []
  try {
    const [row] = await database.query('SELECT current_database() AS name')
    await database.query(`CREATE ROLE ${role} NOLOGIN`)
    await database.query(`GRANT CREATE, TEMPORARY ON DATABASE "${String(row?.name).replaceAll('"', '""')}" TO ${role}`)
    await database.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
    for (let times = 0; times < MOST; times++) {
      try {
        if (await database.isDirty()) await database.resume()
        else await database.move('latest')
        break
      } catch (error) {
        if (!(error instanceof MigrationFailedError) || error.sqlState !== NO_RIGHT || !observer.refused) throw error
        const observed = (await observationsOf(error, (version, half) => halves.of(version, half))) ?? []
        observations.push(...observed.map((one) => observationOf(one, error)))
        observer.allowRefused()
      }
    }
    return observations.length > 0 ? { observations } : { remark: 'it needs no other rights' }
  } finally {
    await database.query(`REASSIGN OWNED BY ${role} TO CURRENT_USER`).catch(() => undefined)
    await database.query(`DROP OWNED BY ${role}`).catch(() => undefined)
    await database.query(`DROP ROLE ${role}`).catch(() => undefined)
    await database.dispose()
  }
}

const NO_RIGHT = '42501'

function observationOf(one: Observation, { words }: MigrationFailedError): Observation {
  const said = words.replace(/ \(\w{5}\)$/, '')
  return {
    ...one,
    rule: 'needs-right',
    objects: [said],
    message: `A role that owns nothing may not run it: ${said}. It needs ${rightFor(said)}.`,
    fix: {
      text: 'Let the role that migrates have that right, or let somebody else do this part once, before the migrations.',
    },
  }
}

/** Says which right the server's message asks for. */
function rightFor(words: string): string {
  const owner = /must be owner of (.+)/.exec(words)
  if (owner) return `to own the ${owner[1]}`
  const of = /permission denied for (\w[\w ]*?) (\S+)$/.exec(words)
  if (of) return `a right on the ${of[1]} ${of[2]} (GRANT … ON ${of[1]?.toUpperCase()} ${of[2]})`
  if (/extension/.test(words)) return 'a superuser, or a right on the database if the extension is a trusted one'
  if (/create role|CREATEROLE/i.test(words)) return 'the attribute CREATEROLE'
  if (/create database|CREATEDB/i.test(words)) return 'the attribute CREATEDB'
  if (/set parameter/.test(words)) return 'a superuser, or GRANT SET ON PARAMETER'
  return 'a superuser'
}

/** Runs each statement as the role, but for those that it may not run: these run as who we are, and it gets what they make. */
class RoleObserver implements StatementObserver {
  readonly isActive = true
  readonly #role: string
  readonly #allowed = new Set<string>()
  /** The statement that ran last as the role, if it failed. */
  refused: string | undefined

  constructor(role: string) {
    this.#role = role
  }

  allowRefused(): void {
    if (this.refused) this.#allowed.add(this.refused)
    this.refused = undefined
  }

  async observe({ step, index, statement, query }: ObservedStatement, run: () => Promise<void>): Promise<void> {
    const key = `${step.version} ${step.direction} ${index} ${statement?.start}`
    if (this.#allowed.has(key)) {
      await run()
      await query(giveAway(this.#role))
      return
    }
    await query(`SET ROLE ${this.#role}`)
    try {
      await run()
    } catch (error) {
      this.refused = key
      // In a transaction that was rolled back, the role is what it was.
      await query('RESET ROLE').catch(() => undefined)
      throw error
    }
    await query('RESET ROLE')
  }
}

/** Gives the role what the present one has made and what no extension owns. */
function giveAway(role: string): string {
  const own =
    "= (SELECT oid FROM pg_roles WHERE rolname = current_user) AND o.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype IN ('e', 'a', 'i'))"
  return `DO $migratest$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT format('ALTER SCHEMA %I OWNER TO ${role}', o.nspname) FROM pg_namespace o WHERE o.nspowner ${own} AND o.nspname NOT LIKE 'pg\\_%' AND o.nspname <> 'migratest'
    UNION ALL
    SELECT format('ALTER %s %s OWNER TO ${role}', CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, o.oid::regclass)
    FROM pg_class o WHERE o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND o.relowner ${own} AND o.relname NOT LIKE 'schema\\_migrations%' AND o.relnamespace::regnamespace::text NOT IN ('migratest', 'pg_catalog', 'information_schema')
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO ${role}', o.oid::regprocedure) FROM pg_proc o WHERE o.proowner ${own}
    UNION ALL
    SELECT format('ALTER TYPE %s OWNER TO ${role}', o.oid::regtype) FROM pg_type o WHERE o.typtype IN ('e', 'd', 'r') AND o.typowner ${own}
  LOOP
    EXECUTE command;
  END LOOP;
END $migratest$`
}
