/** The writer of each dialect. */
import type { Dialect } from '../sql/dialect.ts'
import type { Spare } from './destroying.ts'
import type { Generator } from './generator.ts'
import { mysqlGenerator } from './mysql/generator.ts'
import { mysqlOnline } from './mysql/onlineWriter.ts'
import { mysqlSpare } from './mysql/spare.ts'
import type { OnlineWriter } from './online/writer.ts'
import { merged, postgresGenerator, singleActions } from './postgres/generator.ts'
import { postgresOnline } from './postgres/onlineWriter.ts'
import { postgresSpare } from './postgres/spare.ts'
import type { Statement } from './statement.ts'

interface Sparing {
  readonly generator: Generator
  readonly write: Spare
  readonly joined: (statements: readonly Statement[]) => Statement[]
}

export function generatorOf(dialect: Dialect): Generator {
  return dialect === 'postgres' ? postgresGenerator : mysqlGenerator
}

/** Single actions, so that each can be spared. */
export function sparingOf(dialect: Dialect): Sparing {
  return dialect === 'postgres'
    ? { generator: singleActions, write: postgresSpare, joined: merged }
    : { generator: mysqlGenerator, write: mysqlSpare, joined: (statements) => [...statements] }
}

export function onlineWriterOf(dialect: Dialect): OnlineWriter {
  return dialect === 'postgres' ? postgresOnline : mysqlOnline
}
