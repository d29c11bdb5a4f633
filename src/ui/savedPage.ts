/** Collects everything that an exported page shows: each version's texts and schema. */
import { attempt } from '../migrate/attempt.ts'
import { MigratestError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import type { SchemaObject } from '../schema/model.ts'
import type { TestServer } from '../testing/testServer.ts'
import { Walk } from '../verify/walk.ts'
import type { Inspector } from './inspector.ts'
import type { FindingsDocument, SavedPage, VersionDetail } from './protocol.ts'

export interface SaveOptions {
  readonly inspector: Inspector
  readonly source: Source
  readonly server: TestServer<unknown>
  /** The findings of `verify`, if it ran. */
  readonly findings?: FindingsDocument | undefined
  /** Called before each version is read. */
  readonly onProgress: (text: string) => void
}

/** Applies the migrations one by one to a test database. From one that fails on, the reason stands for the schemas. */
export async function savePage({ inspector, source, server, findings, onProgress }: SaveOptions): Promise<SavedPage> {
  const migrations = await source.list()
  const pool = new Pool()
  const schemas: Record<string, readonly number[]> = {}
  const missing: Record<string, string> = {}
  const versions: Record<string, VersionDetail> = {}
  const walk = new Walk({ server, migrations: source, onEvent: () => undefined })
  try {
    schemas.nil = pool.add((await walk.schemaAt(-1)).objects)
    let failed: string | undefined
    for (const [i, migration] of migrations.entries()) {
      const key = labelOf(migration)
      onProgress(`reading version ${i + 1} of ${migrations.length}: ${key}`)
      versions[key] = withoutPaths(await inspector.version(key))
      const schema = failed === undefined ? await attempt(() => walk.move(migration.version)) : undefined
      if (schema instanceof MigratestError) failed = schema.message
      else if (schema) schemas[key] = pool.add(schema.objects)
      if (failed !== undefined) missing[key] = failed
    }
    for (const { key } of inspector.state.stations) versions[key] ??= withoutPaths(await inspector.version(key))
  } finally {
    await walk.dispose()
  }
  const state = {
    ...inspector.state,
    mode: 'saved' as const,
    why: undefined,
    events: [],
    question: undefined,
    running: undefined,
    verified: findings && { at: Date.now(), outdated: false },
    verifying: undefined,
    proposed: undefined,
    unwanted: undefined,
  }
  return { format: 1, state, versions, objects: pool.objects, schemas, missing, findings }
}

// --- internal ---

/** Most objects are the same in many versions. Each is kept once. */
class Pool {
  readonly objects: SchemaObject[] = []
  readonly #indexes = new Map<string, number>()

  /** Returns the index of each object. */
  add(objects: readonly SchemaObject[]): number[] {
    return objects.map((object) => {
      const text = JSON.stringify(object)
      const known = this.#indexes.get(text)
      if (known !== undefined) return known
      this.#indexes.set(text, this.objects.length)
      return this.objects.push(object) - 1
    })
  }
}

/** A page that others read has no use for the paths of this machine. */
function withoutPaths({ up, down, ...detail }: VersionDetail): VersionDetail {
  return { ...detail, up: up && { ...up, path: undefined }, down: down && { ...down, path: undefined } }
}
