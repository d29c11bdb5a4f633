/** Copies what CREATE DATABASE … TEMPLATE does not copy: owner, privileges, connection limit, settings. */
import type { Admin } from './databases.ts'
import { identifier, literal } from './tables.ts'

/** Copies the settings of `from` to `to`. @returns whether there were any */
export async function copyDatabaseSettings(admin: Admin, from: string, to: string): Promise<boolean> {
  const { rows } = await admin.query<Belongings>(
    `SELECT oid::text, datdba = session_user::regrole AS own, pg_get_userbyid(datdba) AS owner, datconnlimit AS "limit", datacl IS NOT NULL AS granted,
       EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) AS settings
     FROM pg_database d WHERE datname = ${literal(from)}`,
  )
  const [found] = rows
  if (!found || (found.own && found.limit === -1 && !found.granted && !found.settings)) return false
  const target = `DATABASE ${identifier(to)}`
  // Settings are copied in their stored form: to write them as statements, list values would have to be split.
  if (found.settings) {
    await admin.query(
      `INSERT INTO pg_db_role_setting SELECT t.oid, setrole, setconfig FROM pg_db_role_setting, pg_database t WHERE setdatabase = ${found.oid} AND t.datname = ${literal(to)}`,
    )
  }
  if (found.limit !== -1) await admin.query(`ALTER ${target} CONNECTION LIMIT ${found.limit}`)
  if (found.granted) await copyPrivileges(admin, from, target, found.owner)
  if (!found.own) await admin.query(`ALTER ${target} OWNER TO ${identifier(found.owner)}`)
  return true
}

// --- internal ---

interface Belongings {
  readonly oid: string
  readonly own: boolean
  readonly owner: string
  readonly limit: number
  readonly granted: boolean
  readonly settings: boolean
}

interface Grant {
  readonly who: string
  readonly privilege: string
  readonly grantable: boolean
}

async function copyPrivileges(admin: Admin, from: string, target: string, owner: string): Promise<void> {
  const { rows } = await admin.query<Grant>(
    `SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS who, privilege_type AS privilege, is_grantable AS grantable
     FROM pg_database, aclexplode(datacl) WHERE datname = ${literal(from)}`,
  )
  const own = identifier(owner)
  await admin.query(`REVOKE ALL ON ${target} FROM PUBLIC, CURRENT_USER`)
  for (const { who, privilege, grantable } of rows) {
    // The owner's privileges are transferred when the database changes its owner.
    const grantee = who === owner || who === own ? 'CURRENT_USER' : who
    await admin.query(`GRANT ${privilege} ON ${target} TO ${grantee}${grantable ? ' WITH GRANT OPTION' : ''}`)
  }
}
