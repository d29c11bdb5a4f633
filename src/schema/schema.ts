/** The content of a database as data: every object with the DDL that creates it. Pure; the catalog readers fill it. */
import type { Dialect } from '../sql/dialect.ts'
import { diffSchemas, type SchemaDiff } from './diff.ts'
import type { SchemaObject } from './model.ts'
import { schemaText } from './text.ts'

/** The schema of a database at a point in time. */
export class Schema {
  readonly dialect: Dialect
  /** The objects in an order in which they can be created. */
  readonly objects: readonly SchemaObject[]

  constructor(dialect: Dialect, objects: readonly SchemaObject[]) {
    this.dialect = dialect
    this.objects = objects
  }

  /** Returns the table or view with that name, such as `users` or `app.users`. */
  table(name: string): SchemaObject | undefined {
    return this.objects.find((object) => (object.kind === 'table' || object.kind === 'view') && object.name === name)
  }

  /** Returns the changes that lead from `before` to this schema. */
  diff(before: Schema): SchemaDiff {
    return diffSchemas(before, this)
  }

  /** Returns canonical DDL: equal schemas give equal text. */
  toString(): string {
    return schemaText(this)
  }
}
