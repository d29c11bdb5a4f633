/** The DDL of a table's constraints: with the table, and behind it. */
import type { AttachedFacts, ConstraintFacts, NotNullFacts } from '../catalog/facts.ts'
import { comment } from './object.ts'

/** Returns the constraint's definition with its index options, which precede the DEFERRABLE clause. */
export function constraintText({ definition, options, tablespace }: ConstraintFacts): string {
  const index = `${options ? ` WITH (${options})` : ''}${tablespace ? ` USING INDEX TABLESPACE ${tablespace}` : ''}`
  return index === '' ? definition : definition.replace(/(?= (?:NOT )?DEFERRABLE\b| INITIALLY |$)/, index)
}

/** Returns the statements for what a partition's constraint has of its own. */
export function attachedLines(table: string, one: AttachedFacts): string[] {
  return [
    ...(one.name === one.usual ? [] : [`ALTER TABLE ${table} RENAME CONSTRAINT ${one.usual} TO ${one.name};`]),
    ...(one.options ? [`ALTER INDEX ${one.index} SET (${one.options});`] : []),
    ...comment(`CONSTRAINT ${one.name} ON ${table}`, one.comment),
    ...comment(`INDEX ${one.index}`, one.indexComment),
  ]
}

export function unprovenLines(table: string, constraints: readonly ConstraintFacts[]): string[] {
  return constraints
    .filter(({ valid }) => !valid)
    .map(({ name, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition};`)
}

/** Returns the lines for a NOT NULL constraint that is NO INHERIT or NOT VALID (PostgreSQL 18 and later). */
export function notNullLines(table: string, { name, quoted, inherited, valid }: NotNullFacts): string[] {
  const kind = `${inherited ? '' : ' NO INHERIT'}${valid ? '' : ' NOT VALID'}`
  if (valid) return inherited ? [] : [`-- NOT NULL of ${quoted} is not inherited: ${name}`]
  return [`ALTER TABLE ${table} ADD CONSTRAINT ${name} NOT NULL ${quoted}${kind};`]
}
