/** Changes of a table's check constraints, as clauses of ALTER TABLE. */
import type { Check, Table } from './tableModel.ts'
import { quoted } from './text.ts'

export interface CheckChanges {
  readonly drops: readonly string[]
  readonly adds: readonly string[]
  /** Checks to add when all tables have changed, because another one has that name until then. */
  readonly late: readonly string[]
}

export function checkChanges(from: Table, to: Table, late: ReadonlySet<string>): CheckChanges {
  const had = new Map(from.checks.map((check) => [check.name, check]))
  const has = new Map(to.checks.map((check) => [check.name, check]))
  const stays = (was: Check | undefined, now: Check | undefined) =>
    was !== undefined && now !== undefined && !was.touched && condition(was) === condition(now)
  const isLate = (check: Check) => late.has(checkHint(check.name)) && !stays(had.get(check.name), check)
  return {
    late: to.checks.filter(isLate).map((check) => `ADD ${checkText(check)}`),
    drops: from.checks
      .filter((check) => !stays(check, has.get(check.name)))
      .map(({ name }) => `DROP CONSTRAINT ${quoted(name)}`),
    adds: to.checks.flatMap((check) => {
      if (isLate(check)) return []
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

/** Returns the key of a check in the hints. On MySQL, the checks of all tables share one set of names. */
export function checkHint(name: string): string {
  return `check ${name}`
}

// --- internal ---

const UNENFORCED = / \/\*!\d+ NOT ENFORCED \*\/$/

function condition({ definition }: Check): string {
  return definition.replace(UNENFORCED, '')
}
