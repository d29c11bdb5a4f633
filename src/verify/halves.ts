/** The halves of all migrations as text with statements, read once. */
import type { Direction, Migration, Source } from '../migrate/source.ts'
import { type Version, versionOf } from '../migrate/version.ts'
import type { Dialect } from '../sql/dialect.ts'
import { readScript } from '../sql/script.ts'
import type { Statement } from '../sql/statements.ts'

export interface Half {
  readonly version: Version
  readonly half: Direction
  readonly file: string
  /** Without a byte order mark; offsets of the statements refer to it. */
  readonly text: string
  /** `code`: TypeScript or JavaScript, whose statements are not known before it runs. */
  readonly kind: 'sql' | 'code'
  readonly statements: readonly Statement[]
  /** `true` if nothing of it remains when it fails: the database undoes all that one transaction did. */
  readonly isUndone: boolean
  /** The reason why the migration cannot be undone, if the half states it. */
  readonly irreversible: string | undefined
}

export class Halves {
  readonly #halves: ReadonlyMap<string, Half>

  private constructor(halves: readonly Half[]) {
    this.#halves = new Map(halves.map((one) => [key(one.version, one.half), one]))
  }

  /** Reads all halves. One that cannot be read is left out: the checks of its migration report why. */
  static async read(source: Source, migrations: readonly Migration[], dialect: Dialect): Promise<Halves> {
    const read: Half[] = []
    for (const migration of migrations) {
      for (const half of ['up', 'down'] as const) {
        const one = await readHalf(source, migration, half, dialect).catch(() => undefined)
        if (one) read.push(one)
      }
    }
    return new Halves(read)
  }

  all(): Half[] {
    return [...this.#halves.values()]
  }

  of(version: Version, half: Direction): Half | undefined {
    return this.#halves.get(key(version, half))
  }

  /** `true` if no migration can meet what the same one does in another database, so that two may run at once. */
  get areApart(): boolean {
    return this.all().every(({ kind, text }) => kind === 'sql' && !OF_THE_SERVER.test(text))
  }

  /** `true` if whatever migrations write, their own session writes, and the server counts it. */
  get areCounted(): boolean {
    return this.all().every(({ kind, text }) => kind === 'sql' && !WRITES_ELSEWHERE.test(text))
  }
}

// --- internal ---

/** What writes on another session, and what stops the server's counting or lets it begin anew. */
const WRITES_ELSEWHERE =
  /dblink|\bprogram\s+'|pg_background|postgres_fdw|\bcron\b|track_counts|pg_stat_reset|create\s+subscription/i

/** Statements about what belongs to the whole server. Code may run any statement. */
const OF_THE_SERVER = /\b(?:create|alter|drop)\s+(?:role|user|group|tablespace|subscription|database)\b/i

function key(version: Version, half: Direction): string {
  return `${half} ${version}`
}

async function readHalf(
  source: Source,
  migration: Migration,
  half: Direction,
  dialect: Dialect,
): Promise<Half | undefined> {
  const body = await source.read(migration, half)
  if (!body) return undefined
  const common = { version: versionOf(migration), half, file: migration[half] ?? migration.up ?? migration.name }
  if (body.kind === 'code') {
    return { ...common, kind: 'code', text: body.text, statements: [], isUndone: false, irreversible: undefined }
  }
  const { source: text, statements, transaction, irreversible } = readScript(body.text, dialect, {}, body.rules)
  const parts = statements.flatMap((statement) => statement.parts ?? [statement])
  const isUndone = dialect === 'postgres' && transaction === 'wrap' && !WRITES_ELSEWHERE.test(text)
  return { ...common, kind: 'sql', text, statements: parts, isUndone, irreversible }
}
