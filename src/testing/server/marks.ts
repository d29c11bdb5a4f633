/** Marks: texts stored with a test database (as its comment), for other processes and for people. */
import type { About } from '../testServer.ts'

interface KeptMark extends About {
  readonly kind: 'kept'
  /** The ISO time when it was kept; `undefined` if unknown. */
  readonly at: string | undefined
  /** The ISO time after which it is dropped; `undefined` if it stays until its server goes. */
  readonly until?: string | undefined
  /** `true` if it was kept because its test failed; only the newest of these stay. */
  readonly failed?: boolean | undefined
}

export interface SnapshotMark {
  readonly kind: 'snapshot'
  readonly bytes: number
  /** The ISO time of its last use. */
  readonly used: string
  /**
   * A hash of the snapshot's content. Another process compares it before it first uses the snapshot. `undefined` if the
   * content cannot be hashed.
   */
  readonly digest?: string | undefined
  /** `true` if the database has settings that must be copied separately (`copyDatabaseSettings`). */
  readonly belongings?: boolean
  readonly strategy?: 'FILE_COPY' | 'WAL_LOG' | undefined
  /** The first eight digits of each key of the snapshot's chain; they show where another chain diverges from it. */
  readonly chain: string
}

/** A copy of a snapshot that no test has used yet, or that was restored. Any process may claim it. */
interface FreeMark {
  readonly kind: 'free'
  readonly key: string
}

export type Mark = KeptMark | SnapshotMark | FreeMark

export function writeMark(mark: Mark): string {
  const { kind, ...rest } = mark
  return `${PREFIX}${kind} ${JSON.stringify(rest)}`
}

/** Parses a mark. Returns `undefined` if the comment is not ours. */
export function readMark(comment: string): Mark | undefined {
  const [, kind, rest = ''] = /^migratest: (kept|snapshot|free) (.*)$/s.exec(comment) ?? []
  if (!kind) return undefined
  try {
    return { kind, ...JSON.parse(rest) } as Mark
  } catch {
    return undefined
  }
}

// --- internal ---

const PREFIX = 'migratest: '
