/** Makes an empty copy of a database's schema, for a dry run of migrations. */
import { randomBytes } from 'node:crypto'
import type { Driver } from '../../migrate/driver.ts'
import { UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import { placeOf } from './address.ts'
import { openUrl } from './connection.ts'
import { copyStatements, createDatabase } from './copy.ts'
import { readDefinitions } from './definitions.ts'
import { readShape } from './shape.ts'
import { identifier } from './tables.ts'

/**
 * Makes the copy.
 * @param own the migrations' own tables, whose rows are copied too.
 * @param open opens a database by its URL
 */
export async function rehearse(url: string, own: readonly string[], open: (url: string) => Promise<Driver>) {
  const { database: name } = placeOf(url)
  const copy = `${name.slice(0, 40)}_rehearsal_${randomBytes(4).toString('hex')}`
  const session = await openUrl(url)
  const drop = async () => {
    await session.query(`DROP DATABASE IF EXISTS ${identifier(copy)}`).catch(() => undefined)
    await session.close()
  }
  try {
    const definitions = await readDefinitions(session, name, [])
    const hidden = definitions.objects.find(({ sql }) => sql === '')
    if (hidden) throw new Error(`this user may not see how the ${hidden.kind} ${hidden.name} is defined`)
    const filled = own
      .filter((table) => definitions.objects.some((object) => object.name === table))
      .map((table) => ({
        table,
        columns: definitions.columns.filter((column) => column.table === table).map((column) => column.name),
      }))
    const blueprint = { ...definitions, filled }
    const statements = [createDatabase(copy, blueprint), ...copyStatements(blueprint, name, copy, { events: false })]
    await session.script([...statements, `USE ${identifier(name)}`], NEVER)
    const there = withDatabase(url, copy)
    // The dry run must not touch any other database.
    if (placeOf(there).database !== copy) throw new Error('its URL is written in a way that is not understood')
    const driver = await open(there)
    return {
      of: session.label,
      database: driver,
      shape: () => readShape(session, copy, own),
      drop: async () => {
        await driver.close()
        await drop()
      },
    }
  } catch (cause) {
    await drop()
    throw new UsageError(
      `The schema of ${session.label} cannot be copied for a rehearsal: ${(cause as Error).message}`,
      {
        cause,
        hint: 'The user needs the privileges to make a database, its views and routines; else leave --rehearse out, where there is that option.',
      },
    )
  }
}

// --- internal ---

/** Replaces the database in a URL, also in golang-migrate's form, which is not a valid URL. */
function withDatabase(url: string, copy: string): string {
  const [, place = '', query = ''] = /^([^?]*)(.*)$/s.exec(url) ?? []
  return `${place.slice(0, place.lastIndexOf('/'))}/${encodeURIComponent(copy)}${query}`
}
