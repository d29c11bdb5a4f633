/** Describes a database for the fill: tables, columns, types and constraints, in terms that all databases share. */

/** A value as text, in the form that the database reads; `null` is NULL. */
export type Text = string | null

/**
 * The kind of rows: filled in every column; NULL and empty wherever that is allowed; NULL in some columns and not in others,
 * in turns; extreme values.
 */
export type RowSet = 'plain' | 'sparse' | 'mixed' | 'edge'

export type TypeKind =
  | 'text'
  | 'integer'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'year'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'bytes'
  | 'bit'
  | 'enum'
  | 'set'
  | 'array'
  | 'range'
  | 'multirange'
  | 'composite'
  | 'network'
  | 'geometry'
  | 'vector'
  | 'other'

export interface FillType {
  readonly kind: TypeKind
  /** The name for a cast, without length or precision. */
  readonly sql: string
  /** Most characters of a text, bytes of a binary string, bits of a bit string, or dimensions of a vector. */
  readonly length?: number | undefined
  /** `true` if the character set of a text has no emoji. */
  readonly narrow?: boolean | undefined
  /** `true` if a value must have exactly `length` bits. */
  readonly fixed?: boolean | undefined
  /** All digits of a decimal number. */
  readonly precision?: number | undefined
  /** Digits after the point, of a decimal number or of a second. */
  readonly scale?: number | undefined
  /** The smallest and the largest integer. */
  readonly min?: bigint | undefined
  readonly max?: bigint | undefined
  /** Labels of an enum or members of a set. */
  readonly labels?: readonly string[] | undefined
  /** Type of an array's elements or of a range's bounds. */
  readonly element?: FillType | undefined
  /** Types of a composite type's attributes. */
  readonly attributes?: readonly FillType[] | undefined
  /** Conditions of a domain and of those below it; the value is called VALUE. */
  readonly checks?: readonly string[] | undefined
}

export interface FillColumn {
  /** Identity within the table: on PostgreSQL a number that stays when the column is renamed; on MySQL the name. */
  readonly id: string
  readonly name: string
  /** The quoted name. */
  readonly sql: string
  readonly type: FillType
  /** The type as SQL, with length and precision. */
  readonly written: string
  readonly nullable: boolean
  /** SQL of the default value; `null` if there is none. */
  readonly default: string | null
  /** The constant that the default is; `undefined` if it is no constant. */
  readonly constant: string | undefined
  /** `true` if the server numbers the rows in this column: identity, serial, AUTO_INCREMENT, the next value of a sequence. */
  readonly numbered: boolean
  /** On PostgreSQL and MariaDB, SQL of the name of the sequence that numbers it. */
  readonly sequence?: string | undefined
  /** SQL of a generated column's expression; `null` for other columns. */
  readonly generated: string | null
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  /** The {@link FillTable.id} of the referenced table. */
  readonly parent: string
  /** The quoted and qualified name of the referenced table. */
  readonly parentSql: string
  readonly parentColumns: readonly string[]
  readonly deferrable: boolean
  /** `false` if rows that were there when it was made need not satisfy it (NOT VALID). */
  readonly isValid: boolean
  /** The action on a row when the row it refers to is deleted: `CASCADE`, `SET NULL`, …. */
  readonly onDelete: string
}

/** A condition that each row must satisfy: a CHECK, the bounds of partitions, or NOT NULL of a generated column. */
export interface Condition {
  readonly name: string
  readonly columns: readonly string[]
  /** SQL of the condition, which names columns without their table. */
  readonly sql: string
  /** `true` if it is a CHECK that, as the server believes, all rows satisfy. */
  readonly isValid?: boolean | undefined
  /** The type that the condition's expression has to yield: that of a generated column. */
  readonly yields?: FillType | undefined
}

export interface FillTable {
  /** Identity within the database. */
  readonly id: string
  /** The name by which people call it: `users`, or `app.users` outside of the usual schema. */
  readonly name: string
  /** The quoted and qualified name. */
  readonly sql: string
  readonly columns: readonly FillColumn[]
  readonly primaryKey: readonly string[]
  readonly foreignKeys: readonly ForeignKey[]
  readonly conditions: readonly Condition[]
  /** Columns that are unique together: constraints and indexes, partial ones included. */
  readonly uniques: readonly (readonly string[])[]
  /** Names of its partitions, if it is partitioned. */
  readonly partitions?: readonly string[] | undefined
  /** Set if the table is partitioned and has no partition to insert into: the clause that makes one for all rows. */
  readonly partitionFor?: string | undefined
  /** `true` if the server keeps what rows were before (MariaDB, WITH SYSTEM VERSIONING). */
  readonly keepsHistory?: boolean
  /** Number of user triggers that fire on INSERT. */
  readonly triggers: number
  /** Reason why the table takes no rows at all, such as a foreign table. */
  readonly refused?: string | undefined
}

/** Values for one column. */
export interface Proposal {
  /** Returns the value of row `i`. */
  at(i: number): Text
  /** Number of rows after which the values repeat; Infinity if they never do. */
  readonly period: number
}

/** Values for one or several columns. */
export interface Candidate {
  /** Returns the values of row `i`, one for each column. */
  at(i: number): readonly Text[]
  /** Number of rows after which the values repeat; Infinity if they never do. */
  readonly period: number
}

/** Columns whose values are chosen together, and the candidates for them in order of preference. */
export interface Choice {
  readonly columns: readonly string[]
  readonly candidates: readonly Candidate[]
}
