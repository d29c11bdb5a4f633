/** The options of `generate`. */

import type { Schema } from '../schema/schema.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'
import type { Scratch } from './attempts.ts'
import type { Leaving } from './leaving.ts'
import type { GivenAnswers } from './questions/answers.ts'
import type { WantedText } from './wanted/wanted.ts'

/** The schema to get to. */
export type Wanted =
  /** `partial`: kinds of objects that the SQL has none of are left as they are, because what printed it knows none. */
  { readonly sql: readonly WantedText[]; readonly partial?: boolean } | { readonly schema: Schema }

export interface GenerateOptions<Client>
  extends Pick<MigratedDatabaseOptions<Client>, 'server' | 'migrations' | 'table' | 'schema'>,
    Leaving {
  readonly wanted: Wanted
  readonly answers?: GivenAnswers
  /** `true`: what would keep others out of a table for long is written in a gentler way, in as many migrations as that takes. */
  readonly online?: boolean
  /** Puts rows into the database before the up, for the proof. */
  readonly rows?: (db: Scratch, schema: Schema) => Promise<void>
}
