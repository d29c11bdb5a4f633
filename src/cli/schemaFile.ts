/** The schema as a file for git. */
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Schema } from '../schema/schema.ts'
import { DIALECTS } from '../sql/dialect.ts'

/** With what stands before it: in its order, some refer to what comes later. */
export function schemaFileText(schema: Schema): string {
  const { deferChecks } = DIALECTS[schema.dialect]
  return `-- The schema, as migratest schema writes it: to be read, compared, and to make an empty database of.\n${deferChecks}\n\n${schema}`
}

/** @returns whether that changed anything */
export function writeSchema(file: string, schema: Schema): boolean {
  const text = schemaFileText(schema)
  const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : ''
  if (before !== text) write(file, text)
  return before !== text
}

// --- internal ---

/** Whoever reads it meanwhile gets the old one or the new one. A link stays one; what is no file is written to. */
function write(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file
  if (existsSync(target) && !statSync(target).isFile()) {
    writeFileSync(target, text)
    return
  }
  const part = `${target}.${process.pid}.part`
  try {
    writeFileSync(part, text, { flag: 'wx' })
    renameSync(part, target)
  } finally {
    rmSync(part, { force: true })
  }
}
