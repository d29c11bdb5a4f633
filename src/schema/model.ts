/** The parts of a schema as plain data: every object with the DDL that creates it. */

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
  /** An object for which we generate no DDL yet. Only its identity is compared. */
  | 'other'

/** One line of an object that is compared separately: a column, a constraint. */
export interface SchemaMember {
  /** The key that identifies it among its siblings, such as `column email`. */
  readonly key: string
  /** Its text in the DDL, such as `email text NOT NULL`. */
  readonly text: string
}

export interface SchemaColumn {
  readonly name: string
  /** The type as the database writes it, such as `character varying(20)`. */
  readonly type: string
  readonly nullable: boolean
  /** The default as an expression, such as `now()`; null if there is none. */
  readonly default: string | null
  /** The expression of a generated column. */
  readonly generated: string | null
  readonly identity: 'always' | 'by default' | null
  readonly comment: string | null
}

export interface SchemaObject {
  readonly kind: ObjectKind
  /** Quoted if necessary, and qualified unless it is in the default schema. Unique within its kind. */
  readonly name: string
  /** The table or view to which an index, trigger, policy, rule or foreign key belongs. */
  readonly table: string | null
  /** When a trigger of MySQL fires, such as `BEFORE INSERT`: those of one table and moment fire in the order of the list. */
  readonly moment?: string
  /** The statement that creates the object; if there are members, the part before the first of them. */
  readonly head: string
  readonly members: readonly SchemaMember[]
  /** The part of the statement after the last member. */
  readonly tail: string
  /** Further statements: owner, comments, privileges. */
  readonly more: readonly string[]
  /**
   * Statements to run after all objects have been created, because they need objects that need this one. Example: a
   * default that calls a function that reads the table.
   */
  readonly later?: readonly string[]
  /** The columns of a table or view, in the table's order. */
  readonly columns: readonly SchemaColumn[]
}

/** The parts of a schema that its text and its differences are made from. */
export interface Objects {
  /** The objects in an order in which they can be created. */
  readonly objects: readonly SchemaObject[]
}
