/** A finding: one defect that verification has observed, where it is, why it matters, and what to do instead. */
import type { Direction } from '../migrate/source.ts'
import type { Version } from '../migrate/version.ts'
import type { RuleGroup, RuleId, Severity } from './rules.ts'

export interface Finding extends Observation {
  readonly severity: Severity
  readonly group: RuleGroup
  readonly why: string
  /** Set if the finding is allowed: it is reported with the reason, and counts no longer. */
  readonly allowed?: { readonly reason: string; readonly at: string }
}

/** A check's report. Its severity follows from the rule, the configuration and the file's own `allow`. */
export interface Observation extends Place {
  readonly rule: RuleId
  /** Names of the tables, indexes and constraints concerned, as the file writes them where it names them. */
  readonly objects: readonly string[]
  /** What was observed, in one or two sentences. */
  readonly message: string
  /** Overrides the severity of the rule, within a run in which less than the rule says was observed. */
  readonly severity?: Severity
  /** The tables whose number of rows decides how long it takes. */
  readonly worked?: readonly string[]
  /** Why it matters; default: what the rule says. */
  readonly why?: string
  readonly fix?: Fix
  readonly evidence?: Evidence
}

/** Where a finding is. A finding about all migrations has no place. */
export interface Place {
  readonly version?: Version | undefined
  readonly half?: Direction | undefined
  readonly file?: string | undefined
  /** Line and column, from 1, in the text of the half. */
  readonly line?: number | undefined
  readonly column?: number | undefined
  readonly endLine?: number | undefined
  /** The text of the statement. */
  readonly statement?: string | undefined
}

export interface Fix {
  readonly text: string
  /** The safe way, with the names of the statement. Several files are separated by comments. */
  readonly sql?: string
}

/** What was observed, as data. */
interface Evidence {
  /** A difference of schemas, as text. */
  readonly diff?: string
  /** The statement that shows it: rows to insert before the migration. */
  readonly insert?: string
  /** Queries that fail, as SQL. */
  readonly queries?: string
  /** The end of what a command printed. */
  readonly output?: string
  /** Rows before and after, by key. */
  readonly rows?: readonly RowEvidence[]
  /** Locks on relations that were there before, by relation. */
  readonly locks?: Readonly<Record<string, readonly string[]>>
  readonly rewritten?: readonly string[]
  /** How long others waited at most, in milliseconds, if that was measured, over so many rows of each table. */
  readonly waited?: Readonly<Record<'rows' | 'tookMs' | 'readerMs' | 'writerMs', number>>
  readonly scanned?: readonly string[]
  /** Rows written, by table. */
  readonly written?: Readonly<Record<string, number>>
  /** MySQL and MariaDB: how the server did it, and the least intrusive way that it would have accepted. */
  readonly algorithm?: string
  readonly possible?: string
}

interface RowEvidence {
  readonly table: string
  readonly key?: unknown
  readonly before?: unknown
  readonly after?: unknown
}
