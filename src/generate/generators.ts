/** The writer of each dialect. */
import type { Dialect } from '../sql/dialect.ts'
import type { Generator } from './generator.ts'
import { mysqlGenerator } from './mysql/generator.ts'
import { postgresGenerator } from './postgres/generator.ts'

export function generatorOf(dialect: Dialect): Generator {
  return dialect === 'postgres' ? postgresGenerator : mysqlGenerator
}
