/** Parses migrations while a server answers what is asked before a run. */
import { type Language, loadHalf } from '../load.ts'
import { turn } from '../realTime.ts'
import type { Source } from '../source.ts'

/**
 * Parses a folder's ups in SQL, the last migrations first, since those are the ones that are not applied yet. The plan of a
 * run then finds what is parsed. After each file, the server's answers are heard.
 * @returns a function that ends it
 */
export function parseAhead(source: Source, language: Language): () => void {
  let isOver = false
  const parse = async () => {
    for (const migration of (await source.list()).toReversed()) {
      await turn()
      if (isOver) return
      // Code runs when it is loaded, which only the run itself may do.
      if (migration.up?.endsWith('.sql')) await loadHalf(source, migration, 'up', language)
    }
  }
  // The plan reports what is wrong.
  if (!source.format) parse().catch(() => undefined)
  return () => {
    isOver = true
  }
}
