/**
 * Proves that a squashed migration leaves the same schema as the migrations it replaces: runs both and compares the
 * schemas.
 */
import { MigrationFailedError } from '../migrate/errors.ts'
import type { Migration, Source } from '../migrate/source.ts'
import { describeVersion } from '../migrate/version.ts'
import { memory } from '../source/memory.ts'
import type { TestServer } from '../testing/testServer.ts'
import { VerificationError } from './verificationError.ts'
import { Walk } from './walk.ts'

export interface SquashProof<Client> {
  readonly server: TestServer<Client>
  /** The migrations before squashing. */
  readonly source: Source
  /** The replaced migrations. `before` is the version before the first of them, or nil. */
  readonly replaced: readonly Migration[]
  readonly before: number
  /** The files of the squashed migration, by name. Its version is that of the last replaced migration. */
  readonly files: Readonly<Record<string, string>>
  readonly undoable: boolean
}

/**
 * Resolves if both ways give the same schema.
 * @throws VerificationError with the difference, or the error of the migration that failed
 */
export async function proveSquash<Client>({
  server,
  source,
  replaced,
  before,
  files,
  undoable,
}: SquashProof<Client>): Promise<void> {
  const version = replaced.at(-1)?.version ?? before
  const gone = new Set(replaced.map((migration) => migration.version))
  const one = memory(files)
  const [squashed] = await one.list()
  const both: Source = {
    name: 'the squashed migrations',
    list: async () =>
      [
        ...(await source.list()).filter((migration) => !gone.has(migration.version)),
        ...(squashed ? [squashed] : []),
      ].sort((a, b) => a.version - b.version),
    read: (migration, half) => (migration.version === version ? one : source).read(migration, half),
  }
  const apart = new Walk({ server, migrations: source, snapshots: false })
  const together = new Walk({ server, migrations: both, snapshots: false })
  try {
    const expected = await apart.schemaAt(version)
    const found = await together.schemaAt(version)
    const difference = expected.diff(found)
    if (difference.changes.length > 0) {
      throw new VerificationError('The squashed migration leaves a different schema:', {
        diff: difference,
        legend: '- replaced migrations, + squashed migration',
      })
    }
    if (!undoable) return
    const below = await together.move(before).catch((error) => {
      if (!(error instanceof MigrationFailedError)) throw error
      throw new VerificationError(error.message, {
        hint: 'The ups lead to the same schema, but a down fails, and may never have worked. Fix that down, or leave its migration out of the range.',
      })
    })
    const undone = (await apart.schemaAt(before)).diff(below)
    if (undone.changes.length === 0) return
    throw new VerificationError('Undoing the squashed migration leaves a different schema:', {
      diff: undone,
      legend: `- at ${describeVersion(before)}, + after up and down`,
    })
  } finally {
    await Promise.all([apart.dispose(), together.dispose()])
  }
}
