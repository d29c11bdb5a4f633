/** The parts of a schema as plain data: every object with the DDL that makes it. */

export type ObjectKind =
  | 'schema'
  | 'extension'
  | 'type'
  | 'sequence'
  | 'routine'
  | 'table'
  | 'view'
  | 'index'
  | 'foreign-key'
  | 'trigger'
  | 'rule'
  | 'policy'
  | 'statistics'
  | 'event-trigger'
  | 'event'
  | 'default-privileges'
  /** What has no DDL here yet: it is compared by its identity alone. */
  | 'other'

/** One line of an object that is looked at by itself: a column, a constraint. */
export interface SchemaMember {
  /** What tells it apart among its siblings, as `column email`. */
  readonly key: string
  /** As it stands in the DDL, as `email text NOT NULL`. */
  readonly text: string
}

export interface SchemaColumn {
  readonly name: string
  /** As the database writes it, as `character varying(20)`. */
  readonly type: string
  readonly nullable: boolean
  /** An expression, as `now()`; null where there is none. */
  readonly default: string | null
  /** The expression of a generated column. */
  readonly generated: string | null
  readonly identity: 'always' | 'by default' | null
  readonly comment: string | null
}

export interface SchemaObject {
  readonly kind: ObjectKind
  /** Quoted where it must be, and qualified unless it is in the default schema. Unique within its kind. */
  readonly name: string
  /** The table or view it belongs to: of indexes, triggers, policies, rules, foreign keys. */
  readonly table: string | null
  /** The statement that makes it; with members, what stands before the first of them. */
  readonly head: string
  readonly members: readonly SchemaMember[]
  /** What stands behind the last member. */
  readonly tail: string
  /** Further statements: owner, comments, privileges. */
  readonly more: readonly string[]
  /** Statements that come behind all objects, since they need what needs this one: a default that calls a function that reads the table. */
  readonly later?: readonly string[]
  /** Of tables and views, in the table's order. */
  readonly columns: readonly SchemaColumn[]
}

/** A schema, as far as its text and its difference from another are concerned. */
export interface Objects {
  /** In an order in which they can be made. */
  readonly objects: readonly SchemaObject[]
}
