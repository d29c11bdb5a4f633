/**
 * The rows that the catalog query returns, with the facts of each kind of object. Names and types are quoted and
 * qualified as in DDL, unless a comment says otherwise. The server writes them as JSON.
 */

/** One row of the catalog query: an object, or the fact that one object needs another. */
export type CatalogRow = ObjectRow | NeedsRow

/** The row of an object of kind `K`; without `K`, of any kind. */
export type ObjectRow<K extends keyof FactsOf = keyof FactsOf> = {
  [Kind in K]: {
    readonly kind: Kind
    readonly oid: string | number
    readonly family: Family
    readonly facts: FactsOf[Kind]
  }
}[K]

/** The oid of the relation, type or routine to which an object belongs, itself included; null for any other object. */
type Family = string | number | null

interface NeedsRow {
  readonly kind: 'needs'
  readonly family: Family
  /**
   * The oids of both objects. `part`: the part of the first object that needs the second, such as `column name`, if it
   * can be created after the object itself. `member`: the part of the first object that needs the second, whatever it is:
   * `default name`, `constraint name`, `column name` (its type, or its generated expression). `of`: the column or
   * constraint of the second that is needed.
   */
  readonly facts: readonly [
    object: number,
    needed: number,
    part: string | null,
    member: string | null,
    of: string | null,
  ]
}

/** The facts of each kind of object that PostgreSQL has. */
export interface FactsOf {
  readonly schema: SchemaFacts
  readonly extension: ExtensionFacts
  readonly type: TypeFacts
  readonly sequence: SequenceFacts
  readonly routine: RoutineFacts
  readonly table: TableFacts
  readonly view: ViewFacts
  readonly index: IndexFacts
  readonly 'foreign-key': ForeignKeyFacts
  readonly trigger: TriggerFacts
  readonly rule: RuleFacts
  readonly policy: PolicyFacts
  readonly statistics: StatisticsFacts
  readonly 'event-trigger': EventTriggerFacts
  readonly 'default-privileges': DefaultPrivilegesFacts
  readonly other: OtherFacts
}

export type Privilege = readonly [grantee: string, privilege: string, grantable: boolean]

export interface Acl {
  /** The privileges granted beyond the default. */
  readonly granted: readonly Privilege[] | null
  /** The privileges of the default that were revoked. */
  readonly revoked: readonly Privilege[] | null
  /** All privileges of this kind of object, which differ between server versions. */
  readonly all: readonly string[] | null
}

/** The facts from which `extras` makes the statements that follow the creation of an object. */
export interface OwnedFacts {
  /** Null for the owner of the database. */
  readonly owner: string | null
  readonly comment: string | null
  /** Null if nothing was granted or revoked. */
  readonly acl: Acl | null
}

interface SchemaFacts extends OwnedFacts {
  readonly name: string
}

interface ExtensionFacts {
  readonly name: string
  readonly schema: string
  /** A literal; null for the default version. */
  readonly version: string | null
}

export interface TypeFacts extends OwnedFacts {
  readonly name: string
  /** pg_type.typtype: `e` enum, `c` composite, `r` range, `d` domain. */
  readonly form: string
  /** The values of an enum as literals. */
  readonly labels: readonly string[] | null
  /** The type that a domain is based on. */
  readonly base: string | null
  readonly default: string | null
  readonly notNull: boolean
  /** The name of a domain's NOT NULL constraint, where it is not the usual one or has a comment (PostgreSQL 17 and later). */
  readonly notNullName: string | null
  readonly notNullComment: string | null
  readonly collation: string | null
  /** The checks of a domain. */
  readonly constraints:
    | readonly (readonly [name: string, definition: string, valid: boolean, comment: string | null])[]
    | null
  readonly attributes: readonly (readonly [name: string, type: string, comment: string | null])[] | null
  readonly range: RangeFacts | null
}

interface RangeFacts {
  readonly subtype: string
  readonly opclass: string | null
  readonly collation: string | null
  readonly diff: string | null
  readonly canonical: string | null
  /** Null for the default name. */
  readonly multirange: string | null
}

interface SequenceFacts extends OwnedFacts {
  readonly name: string
  readonly unlogged: boolean
  readonly options: string
  /** `true` if it belongs to a column. */
  readonly owned: boolean
}

export interface RoutineFacts extends OwnedFacts {
  /** Name and types of the arguments. */
  readonly name: string
  /** pg_proc.prokind: `a` aggregate, `p` procedure, `f` and `w` functions. */
  readonly form: string
  /** The name of an aggregate with its arguments. */
  readonly signature: string | null
  /** The statement; null for an aggregate. */
  readonly definition: string | null
  /** The extensions with which it goes. */
  readonly extensions: readonly string[] | null
  /** The parts of CREATE AGGREGATE; an empty text for a part without a value. */
  readonly aggregate: Readonly<Record<string, string | number | null>> | null
}

/** The facts that tables and views have in common. */
interface RelationFacts extends OwnedFacts {
  readonly name: string
  /** pg_class.relkind: `r` table, `p` partitioned table, `f` foreign table, `v` view, `m` materialized view. */
  readonly form: string
  /** pg_class.reloptions, `name=value` each. */
  readonly options: readonly string[] | null
  /** The access method; null for heap. */
  readonly method: string | null
  readonly columns: readonly ColumnFacts[] | null
}

export interface TableFacts extends RelationFacts {
  /** pg_class.relpersistence: `p`, or `u` for unlogged. */
  readonly persistence: string
  readonly tablespace: string | null
  readonly rowSecurity: boolean
  readonly forced: boolean
  /** pg_class.relreplident: `d` default, `n` nothing, `f` full, `i` index. */
  readonly replica: string
  readonly ofType: string | null
  readonly partitionKey: string | null
  /** The bounds of a partition; null for other tables. */
  readonly bound: string | null
  readonly parents: readonly string[] | null
  /** The sequences that belong to its columns, except those of identity columns. */
  readonly sequences: readonly (readonly [sequence: string, column: string])[] | null
  /** The server of a foreign table; the options are `name=value` each. */
  readonly server: { readonly name: string; readonly options: readonly string[] | null } | null
  readonly constraints: readonly ConstraintFacts[] | null
  /** The constraints of a partition that belong to its table's, and have a name, options or comments of their own. */
  readonly attached: readonly AttachedFacts[] | null
  readonly notNulls: readonly NotNullFacts[] | null
  /** Parts such as `column name` to create after the objects they need. The query does not give it; its reader adds it. */
  readonly later?: readonly string[]
}

export interface ViewFacts extends RelationFacts {
  readonly definition: string
  readonly populated: boolean
  /** The extensions with which it goes. */
  readonly extensions: readonly string[] | null
}

export interface ColumnFacts {
  /** The name as it is, without quotes. */
  readonly name: string
  readonly quoted: string
  readonly type: string
  readonly notNull: boolean
  /** `true` if it must not be null for no other reason than its table's parent (PostgreSQL 18 and later). */
  readonly inheritedNotNull: boolean
  /** pg_attribute.attidentity: `a` always, `d` by default, or empty. */
  readonly identity: string
  /** pg_attribute.attgenerated: `s` stored, `v` virtual, or empty. */
  readonly generated: string
  /** `false` if it is only inherited. */
  readonly local: boolean
  /** The default, or the expression of a generated column. */
  readonly expression: string | null
  readonly comment: string | null
  readonly acl: Acl | null
  /** Options of a foreign table's column, `name=value` each. */
  readonly foreign: readonly string[] | null
  /** The column that it inherits from. */
  readonly parent: { readonly expression: string | null; readonly notNull: boolean } | null
  readonly statistics: number | null
  readonly options: readonly string[] | null
  /** pg_attribute.attstorage; null for the default of the type. */
  readonly storage: string | null
  /** pg_attribute.attcompression: `l` lz4, `p` pglz. */
  readonly compression: string | null
  readonly collation: string | null
  /** The sequence of an identity column. */
  readonly sequence: IdentitySequenceFacts | null
}

interface IdentitySequenceFacts {
  readonly name: string
  readonly options: string
  readonly comment: string | null
  readonly acl: Acl | null
  /** `true` if it has the name that the server gives it. */
  readonly usual: boolean
  readonly persistence: string
}

export interface ConstraintFacts {
  readonly name: string
  readonly definition: string
  readonly comment: string | null
  readonly valid: boolean
  /** The index of the constraint, if it has one, and what is known of that index. */
  readonly index: string | null
  readonly indexComment: string | null
  readonly clustered: boolean | null
  readonly replica: boolean | null
  readonly options: string | null
  readonly tablespace: string | null
  /** Kind and name, such as `constraint name`. */
  readonly part: string
}

export interface AttachedFacts {
  readonly name: string
  /** The name that the server gives it. */
  readonly usual: string
  /** The constraint of the table that it belongs to. */
  readonly of: string
  readonly index: string
  /** The options of its index, where they are not those of the table's. */
  readonly options: string | null
  readonly comment: string | null
  readonly indexComment: string | null
}

/**
 * A NOT NULL constraint with something that the column's NOT NULL does not say (PostgreSQL 18 and later); of partitions, all but those with the
 * usual name.
 */
export interface NotNullFacts {
  readonly name: string
  /** The name of the column as it is, without quotes. */
  readonly column: string
  readonly quoted: string
  readonly inherited: boolean
  readonly valid: boolean
  /** `true` if it has the name that the server gives it in a table that is no partition. */
  readonly usual: boolean
  /** `true` if a partition's constraint has the name of its table's; null if the table has none. */
  readonly asParent: boolean | null
  readonly comment: string | null
}

interface IndexFacts {
  readonly table: string
  readonly name: string
  readonly comment: string | null
  readonly definition: string
  /** `true` if its table is partitioned. */
  readonly partitioned: boolean
  readonly valid: boolean
  readonly clustered: boolean
  readonly replica: boolean
  /** `true` if it is created without the indexes of the partitions, because one of those has a name of its own. */
  readonly alone: boolean
  /** The index of the partitioned table that it belongs to. */
  readonly parent: string | null
  /** The extensions with which it goes. */
  readonly extensions: readonly string[] | null
  /** The statistics targets of its columns, by their numbers. */
  readonly statistics: readonly (readonly [column: number, target: number])[] | null
  /** The facts of the partitions' indexes that differ from those of the index itself. */
  readonly parts:
    | readonly {
        readonly table: string
        readonly name: string
        readonly options: string | null
        readonly comment: string | null
        readonly clustered: boolean
        readonly replica: boolean
      }[]
    | null
}

interface ForeignKeyFacts {
  readonly table: string
  readonly name: string
  readonly definition: string
  readonly comment: string | null
}

type TriggerFacts =
  | (RuleFacts & { readonly extensions: readonly string[] | null })
  /** A trigger of a partition, created with the trigger of its table but enabled differently. */
  | { readonly table: string; readonly name: string; readonly definition: null; readonly enabled: string }

interface RuleFacts {
  readonly table: string
  readonly name: string
  readonly definition: string
  /** pg_trigger.tgenabled or pg_rewrite.ev_enabled. */
  readonly enabled: string
  readonly comment: string | null
}

interface PolicyFacts {
  readonly table: string
  readonly name: string
  /** pg_policy.polcmd. */
  readonly command: string
  readonly permissive: boolean
  readonly comment: string | null
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
}

interface StatisticsFacts {
  readonly table: string
  readonly name: string
  readonly definition: string
  readonly owner: string | null
  readonly target: string | null
  readonly comment: string | null
}

interface EventTriggerFacts {
  readonly name: string
  readonly event: string
  readonly tags: readonly string[] | null
  readonly function: string
  readonly enabled: string
  readonly owner: string | null
  readonly comment: string | null
}

interface DefaultPrivilegesFacts {
  readonly name: string
  readonly role: string
  readonly schema: string | null
  /** pg_default_acl.defaclobjtype. */
  readonly objects: string
  readonly acl: Acl | null
}

type OtherFacts =
  /** An object whose DDL nobody writes: only its identity is compared. */
  | { readonly name: string; readonly definition?: undefined }
  /** A user mapping. `note`: what is left out of its definition. */
  | { readonly name: string; readonly definition: string; readonly note: string }
  | WrittenFacts

/** An object of a small kind whose DDL the query puts together. */
interface WrittenFacts extends OwnedFacts {
  readonly name: string
  /** Null if it is not complete yet. */
  readonly definition: string | null
  /** Kind and name, as ALTER and COMMENT write them. */
  readonly what: string
  /** The same, as GRANT writes it; null for kinds without privileges. */
  readonly granted: string | null
}
