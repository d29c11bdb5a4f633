/** What is in a database, as data: every object with the DDL that makes it. Pure; catalogs fill it. */
import type { Dialect } from '../sql/dialect.ts'
import { diffSchemas, type SchemaDiff } from './diff.ts'
import type { SchemaObject } from './model.ts'
import { schemaText } from './text.ts'

/** The schema of a database at one moment. */
export class Schema {
  readonly dialect: Dialect
  /** In an order in which they can be made. */
  readonly objects: readonly SchemaObject[]

  constructor(dialect: Dialect, objects: readonly SchemaObject[]) {
    this.dialect = dialect
    this.objects = objects
  }

  /** A table or view by its name, as `users` or `app.users`. */
  table(name: string): SchemaObject | undefined {
    return this.objects.find((object) => (object.kind === 'table' || object.kind === 'view') && object.name === name)
  }

  /** What this schema has that `before` has not, and the other way round. */
  diff(before: Schema): SchemaDiff {
    return diffSchemas(before, this)
  }

  /** Canonical DDL: equal schemas give equal text. */
  toString(): string {
    return schemaText(this)
  }
}
