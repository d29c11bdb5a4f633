/** Changes of a table's check constraints, as clauses of ALTER TABLE. */
import type { Check, Table } from './tableModel.ts'
import { quoted } from './text.ts'

export function checkChanges(from: Table, to: Table): { drops: readonly string[]; adds: readonly string[] } {
  const had = new Map(from.checks.map((check) => [check.name, check]))
  const has = new Map(to.checks.map((check) => [check.name, check]))
  const stays = (was: Check | undefined, now: Check | undefined) =>
    was !== undefined && now !== undefined && !was.touched && condition(was) === condition(now)
  return {
    drops: from.checks
      .filter((check) => !stays(check, has.get(check.name)))
      .map(({ name }) => `DROP CONSTRAINT ${quoted(name)}`),
    adds: to.checks.flatMap((check) => {
      const was = had.get(check.name)
      if (!stays(was, check)) return [`ADD ${checkText(check)}`]
      if (was?.definition === check.definition) return []
      return [`ALTER CHECK ${quoted(check.name)} ${UNENFORCED.test(check.definition) ? 'NOT ENFORCED' : 'ENFORCED'}`]
    }),
  }
}

export function checkText({ name, definition }: Check): string {
  return `CONSTRAINT ${quoted(name)} ${definition}`
}

// --- internal ---

const UNENFORCED = / \/\*!\d+ NOT ENFORCED \*\/$/

function condition({ definition }: Check): string {
  return definition.replace(UNENFORCED, '')
}
