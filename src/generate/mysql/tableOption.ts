/** Changes of what follows a table's columns, as clauses of ALTER TABLE: engine, character set, comment and others. */
import type { Table } from './tableModel.ts'

export function optionChanges(from: Table, to: Table): string[] {
  const changes: string[] = []
  const charset = ['CHARSET', 'COLLATE'] as const
  if (charset.some((name) => from.options.get(name) !== to.options.get(name))) {
    const collation = to.options.get('COLLATE')
    changes.push(
      `DEFAULT CHARSET=${to.options.get('CHARSET')}${collation === undefined ? '' : ` COLLATE=${collation}`}`,
    )
  }
  const others = [...new Set([...to.options.keys(), ...from.options.keys()])]
  for (const name of others) {
    if (charset.some((one) => one === name)) continue
    const [was, now] = [from.options.get(name), to.options.get(name)]
    if (was !== now) changes.push(`${name}=${now ?? USUAL[name] ?? 'DEFAULT'}`)
  }
  return changes
}

/** Clauses for what MariaDB alone has: periods, and rows that are kept when they change. */
export function versioningChanges(from: Table, to: Table): { drops: readonly string[]; adds: readonly string[] } {
  const ended = from.versioned && !to.versioned ? ['DROP SYSTEM VERSIONING'] : []
  const begun = !from.versioned && to.versioned ? ['ADD SYSTEM VERSIONING'] : []
  const gone = from.periods.filter((period) => !to.periods.includes(period))
  const added = to.periods.filter((period) => !from.periods.includes(period))
  return {
    drops: [...ended, ...gone.map((period) => `DROP ${period.replace(/ ?\([^()]*\)$/, '')}`)],
    adds: [...added.map((period) => `ADD ${period}`), ...begun],
  }
}

// --- internal ---

/** The value of an option that a table does not state, unless that is DEFAULT. */
const USUAL: Readonly<Record<string, string>> = {
  COMMENT: "''",
  CONNECTION: "''",
  COMPRESSION: "''",
  ENCRYPTION: "'N'",
  KEY_BLOCK_SIZE: '0',
  MAX_ROWS: '0',
  MIN_ROWS: '0',
  AVG_ROW_LENGTH: '0',
  CHECKSUM: '0',
  DELAY_KEY_WRITE: '0',
  AUTOEXTEND_SIZE: '0',
  INSERT_METHOD: 'NO',
  UNION: '()',
}
