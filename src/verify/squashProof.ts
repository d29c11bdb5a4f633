/** Whether a squashed migration leaves what those that it replaces leave: both are run, and their schemas compared. */
import { MigrationFailedError } from '../migrate/errors.ts'
import type { Migration, Source } from '../migrate/source.ts'
import { describeVersion } from '../migrate/version.ts'
import { memory } from '../source/memory.ts'
import type { TestServer } from '../testing/testServer.ts'
import { VerificationError } from './finding.ts'
import { Walk } from './walk.ts'

export interface SquashProof<Client> {
  readonly server: TestServer<Client>
  /** With the migrations as they are. */
  readonly source: Source
  /** Those that are replaced, and the version before the first of them. */
  readonly replaced: readonly Migration[]
  readonly before: number
  /** Of the squashed one; its version is the last of those. */
  readonly files: Readonly<Record<string, string>>
  readonly undoable: boolean
}

/** @throws VerificationError with the difference, or the error of the migration that failed */
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
      throw new VerificationError('Squashed, they would leave another schema:', {
        diff: difference,
        legend: '- one by one, + squashed',
      })
    }
    if (!undoable) return
    const below = await together.move(before).catch((error) => {
      if (!(error instanceof MigrationFailedError)) throw error
      throw new VerificationError(error.message, {
        hint: 'Up, both ways lead to the same schema; it is a down that does not run, and may never have. Mend that one, or squash around it.',
      })
    })
    const undone = (await apart.schemaAt(before)).diff(below)
    if (undone.changes.length === 0) return
    throw new VerificationError('Undone, the squashed migration would leave another schema:', {
      diff: undone,
      legend: `- at ${describeVersion(before)}, + after up and down`,
    })
  } finally {
    await Promise.all([apart.dispose(), together.dispose()])
  }
}
