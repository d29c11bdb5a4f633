/** The writer of each dialect. */
import type { Dialect } from '../sql/dialect.ts'
import type { Generator } from './generator.ts'
import { mysqlGenerator } from './mysql/generator.ts'
import { mysqlOnline } from './mysql/onlineWriter.ts'
import type { OnlineWriter } from './online/writer.ts'
import { postgresGenerator } from './postgres/generator.ts'
import { postgresOnline } from './postgres/onlineWriter.ts'

export function generatorOf(dialect: Dialect): Generator {
  return dialect === 'postgres' ? postgresGenerator : mysqlGenerator
}

export function onlineWriterOf(dialect: Dialect): OnlineWriter {
  return dialect === 'postgres' ? postgresOnline : mysqlOnline
}
