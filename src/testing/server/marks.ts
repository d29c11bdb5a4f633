/** What is written on a test database (as its comment), for other processes and for people. */
import type { About } from '../testServer.ts'

interface KeptMark extends About {
  readonly kind: 'kept'
  /** ISO time; undefined where it is not known. */
  readonly at: string | undefined
  /** ISO time after which it goes; undefined: with its server. */
  readonly until?: string | undefined
  /** Kept because its test failed; of these only the newest stay. */
  readonly failed?: boolean | undefined
}

export interface SnapshotMark {
  readonly kind: 'snapshot'
  readonly bytes: number
  /** ISO time. */
  readonly used: string
  /** Says what it holds, to be compared before it is first used elsewhere. */
  readonly digest: string
  /** Whether it has belongings that a copy must be given. */
  readonly belongings?: boolean
  readonly strategy?: 'FILE_COPY' | 'WAL_LOG' | undefined
  /** Eight digits of each key of its chain: where the chain of another text parts from it. */
  readonly chain: string
}

/** A copy of a snapshot that no test has had yet, or that was put back: whoever claims it may use it. */
interface FreeMark {
  readonly kind: 'free'
  readonly key: string
}

export type Mark = KeptMark | SnapshotMark | FreeMark

export function writeMark(mark: Mark): string {
  const { kind, ...rest } = mark
  return `${PREFIX}${kind} ${JSON.stringify(rest)}`
}

/** Undefined where nothing of ours is written. */
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
