/** The first migration of a database that never had any: what stands there, without the tables of other tools. */
import type { Generated } from '../generate/generated.ts'
import { UsageError } from '../migrate/errors.ts'
import type { Hidden } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import { type ServerKind, serverKindOf } from '../server/kinds.ts'
import { memory } from '../source/memory.ts'
import type { Context } from './context.ts'
import { hiddenFor, type LeftOut, plainName, toolTables } from './toolTables.ts'

export interface Baseline {
  readonly generated: Generated
  readonly kind: ServerKind
  /** Tables of migration tools that were left out: `knex_migrations`, and whose they are. */
  readonly left: readonly LeftOut[]
  /** Roles that the schema names, which a test server has to have. */
  readonly roles: readonly string[]
}

/**
 * Reads a database and generates the migration that makes it, both halves proven on a test server.
 * @throws UsageError for an empty database, CannotGenerateError, GenerateProofError, and what connecting throws
 */
export async function baselineOf(context: Context, url: string): Promise<Baseline> {
  const { schema, kind, left } = await readWithoutTools(context, url)
  const { generated, roles } = await generateOn(context, schema, [])
  if (generated.up.length === 0) {
    const but = left.length > 0 ? ', but for the tables of migration tools' : ''
    throw new UsageError(`The database is empty${but}: there is no first migration to write.`, {
      hint: 'Start with: migratest init, and then migratest new create_users',
    })
  }
  return { generated, kind, left, roles }
}

// --- internal ---

/** Generates on a test server with the roles that the schema names: each one that it lacks is found by trying. */
async function generateOn(
  context: Context,
  schema: Schema,
  roles: readonly string[],
): Promise<{ readonly generated: Generated; readonly roles: readonly string[] }> {
  const [{ generate }, server] = await Promise.all([import('../generate/generate.ts'), context.testServer(roles)])
  context.busy('generating the migration, and proving it')
  try {
    return { generated: await generate({ server, migrations: memory({}), wanted: { schema } }), roles }
  } catch (error) {
    const missing = rolesIn(schema).filter((role) => !roles.includes(role))
    if (!/role ".*" does not exist/.test((error as Error).message) || missing.length === 0) throw error
    return generateOn(context, schema, [...roles, ...missing])
  }
}

/** Returns the roles that privileges and policies of a schema name. */
function rolesIn({ dialect, objects }: Schema): string[] {
  if (dialect !== 'postgres') return []
  const found = objects.flatMap(({ kind, tail, head, more }) => [
    ...more.flatMap(
      (sql) => /^(?:GRANT|ALTER) .* TO (.+?)(?: WITH GRANT OPTION)?;$/s.exec(sql)?.[1]?.split(', ') ?? [],
    ),
    ...(kind === 'policy'
      ? (/\bTO (.+?)(?: USING | WITH CHECK |;|$)/s.exec(`${head} ${tail}`)?.[1]?.split(', ') ?? [])
      : []),
    ...(kind === 'default-privileges' ? rolesOfDefaults(`${head}${tail}`) : []),
  ])
  const isRole = (name: string) => !/^(?:PUBLIC|CURRENT_USER|SESSION_USER|CURRENT_ROLE)$/.test(name)
  return [...new Set(found.filter(isRole).map(plainName))]
}

function rolesOfDefaults(sql: string): string[] {
  const name = '("(?:[^"]|"")*"|[^\\s;]+)'
  return ['FOR ROLE', 'TO', 'FROM'].flatMap((word) => new RegExp(`\\b${word} ${name}`).exec(sql)?.[1] ?? [])
}

async function readWithoutTools(context: Context, url: string) {
  const { openSchemaReader } = await import('../database/open.ts')
  const read = async (hidden: Hidden): Promise<{ schema: Schema; kind: ServerKind }> => {
    const reader = await openSchemaReader(url, { hidden })
    try {
      const kind = (await reader.server?.()) ?? serverKindOf(url) ?? 'postgres'
      context.answeredBy(kind)
      return { schema: await reader.read(), kind }
    } finally {
      await reader.close()
    }
  }
  // The first look hides nothing, so that what is left out later can be named.
  const whole = await read({ tables: [NO_TABLE], schemas: [] })
  const left = toolTables(whole.schema)
  if (left.length === 0) return { ...whole, left }
  return { ...(await read(hiddenFor(whole.schema, left))), left }
}

/** No table has this name. */
const NO_TABLE = '-'
