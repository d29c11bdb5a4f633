/** The writer of each dialect. */
import { UsageError } from '../migrate/errors.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { Generator } from './generator.ts'
import { postgresGenerator } from './postgres/generator.ts'

export function generatorOf(dialect: Dialect): Generator {
  if (dialect === 'postgres') return postgresGenerator
  throw new UsageError('Statements for MySQL and MariaDB are not generated yet.')
}
