/** Lets the sizes of the tables in production say how much a finding matters. Pure. */
import type { TableSize, TableSizes } from '../../database/sizes.ts'
import type { Observation } from '../finding.ts'

/** Below so many rows, a table is rewritten or read in the time of a blink. */
const SMALL = 10_000
/** Below so many rows, changing most of them locks few. */
const FEW = 1000

/** Makes findings about small tables notices, and adds to the others how large the tables are. */
export function sized(observations: readonly Observation[], sizes: TableSizes | undefined): Observation[] {
  if (!sizes) return [...observations]
  return observations.flatMap((observation) => {
    const { worked = [], rule, message } = observation
    const known = worked.flatMap((name) => (sizes[name] ? [{ name, ...sizes[name] }] : []))
    if (worked.length === 0 || known.length === 0) return [observation]
    const most = Math.max(...known.map(({ rows }) => rows))
    const isKnown = known.length === worked.length
    if (rule === 'rows-locked' && isKnown && most < FEW) return []
    const told = { ...observation, message: `${message} ${known.map(sizeText).join(', ')}.` }
    return [isKnown && most < SMALL ? { ...told, severity: 'notice' as const } : told]
  })
}

// --- internal ---

function sizeText({ name, rows, bytes }: TableSize & { readonly name: string }): string {
  return `${name} has about ${rows.toLocaleString('en')} rows (${amount(bytes)})`
}

function amount(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10))
  return `${(bytes / 1024 ** power).toFixed(power > 2 ? 1 : 0)} ${units[power]}`
}
