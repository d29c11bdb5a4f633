/** Writes the schema to a file that is kept in git. */
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Schema } from '../schema/schema.ts'
import { DIALECTS } from '../sql/dialect.ts'

/**
 * Returns the text of the file: a header, a setting that defers checks (because some objects refer to later ones), and
 * the schema.
 */
export function schemaFileText(schema: Schema): string {
  const { deferChecks } = DIALECTS[schema.dialect]
  return `-- The schema, written by "migratest schema". Running this file in an empty database creates it.\n${deferChecks}\n\n${schema}`
}

/** Writes the schema if it differs from the file. @returns `true` if the file changed */
export function writeSchema(file: string, schema: Schema): boolean {
  const text = schemaFileText(schema)
  const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : ''
  if (before !== text) write(file, text)
  return before !== text
}

// --- internal ---

/**
 * Replaces the file in one step, so that a concurrent reader sees either the old or the new text. Follows a symbolic
 * link, and writes directly to anything that is not a regular file, such as a pipe.
 */
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
