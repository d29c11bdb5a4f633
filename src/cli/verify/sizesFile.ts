/** Reads the file that `migratest sizes` wrote. */
import { readFileSync } from 'node:fs'
import type { TableSizes } from '../../database/sizes.ts'
import { UsageError } from '../../migrate/errors.ts'

/** @throws UsageError */
export function readSizesFile(file: string): TableSizes {
  const hint = 'Write it with: migratest sizes --database URL > sizes.json'
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause, hint })
  }
  const document = parsed(text) as { format?: unknown; tables?: unknown } | undefined
  const { format, tables } = document ?? {}
  if (format !== 1 || typeof tables !== 'object' || tables === null) {
    throw new UsageError(`${file} is not a file of sizes.`, { hint })
  }
  for (const [name, size] of Object.entries(tables as Record<string, unknown>)) {
    const { rows, bytes } = (size ?? {}) as Record<string, unknown>
    if (Number.isFinite(rows) && Number.isFinite(bytes)) continue
    throw new UsageError(`${file}: ${name} has no rows and bytes.`, { hint })
  }
  return tables as TableSizes
}

// --- internal ---

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
