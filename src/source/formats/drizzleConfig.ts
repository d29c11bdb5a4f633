/** Reads from drizzle-kit's configuration where Drizzle's own table is. The file is read as text and never run. */
import type { DrizzleOptions } from './drizzle.ts'
import type { Folder } from './format.ts'

/** Returns the options in the `drizzle.config` beside the folder; none if there is no such file, or code computes them. */
export function drizzleOptionsBeside(folder: Folder): DrizzleOptions {
  const text = ENDINGS.map((ending) => folder.above?.(`drizzle.config${ending}`)).find((one) => one !== undefined)
  const said = /["']?\bmigrations["']?\s*:\s*\{([^}]*)\}/.exec(text?.replace(/^\s*\/\/.*$/gm, '') ?? '')?.[1] ?? ''
  const [migrationsTable, migrationsSchema] = ['table', 'schema'].map(
    (key) => new RegExp(`\\b${key}["']?\\s*:\\s*(['"\`])([^'"\`$]+)\\1`).exec(said)?.[2],
  )
  return {
    ...(migrationsTable !== undefined && { migrationsTable }),
    ...(migrationsSchema !== undefined && { migrationsSchema }),
  }
}

// --- internal ---

const ENDINGS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']
