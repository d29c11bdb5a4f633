/** Changes of a table's partitions. Rows are kept: what would remove them with their partition is never written. */
import { bare, cutList, within } from './text.ts'

/**
 * `clause` ends an ALTER TABLE that may say other things before, `alone` needs one of its own; empty if nothing is to
 * do.
 */
export interface PartitionChange {
  readonly clause?: string
  readonly alone?: string
}

export function partitionChange(was: string | undefined, now: string | undefined): PartitionChange {
  if (was === now) return {}
  if (now === undefined) return { clause: 'REMOVE PARTITIONING' }
  const anew = { clause: now }
  if (was === undefined) return anew
  const before = read(was)
  const after = read(now)
  if (before.method !== after.method) return anew
  const count = counted(before.method, before.rest, after.rest)
  if (count) return count
  if (before.rest !== '' || after.rest !== '') return anew
  return listed(before.partitions, after.partitions, /\bRANGE\b/.test(before.method)) ?? anew
}

// --- internal ---

interface Partitions {
  /** `PARTITION BY …`, with the subpartitions. */
  readonly method: string
  readonly partitions: readonly string[]
  /** The clause `PARTITIONS 4`; empty if the text gives no number. */
  readonly rest: string
}

function read(text: string): Partitions {
  const list = /\n\(PARTITION /.exec(text)
  const head = list ? text.slice(0, list.index) : text
  const number = /\nPARTITIONS \d+$/.exec(head)
  return {
    method: number ? head.slice(0, number.index) : head,
    rest: number?.[0].trim() ?? '',
    partitions: list ? cutList(within(text, list.index + 1).inner) : [],
  }
}

function counted(method: string, was: string, now: string): PartitionChange | undefined {
  const before = Number(/^PARTITIONS (\d+)$/.exec(was)?.[1] ?? (was === '' ? 1 : Number.NaN))
  const after = Number(/^PARTITIONS (\d+)$/.exec(now)?.[1] ?? (now === '' ? 1 : Number.NaN))
  if (!/^PARTITION BY (?:LINEAR )?(?:HASH|KEY)\b/.test(method) || Number.isNaN(before + after)) return undefined
  if (before === after) return undefined
  return before < after
    ? { alone: `ADD PARTITION PARTITIONS ${after - before}` }
    : { alone: `COALESCE PARTITION ${before - after}` }
}

/** Partitions at the end are added, those in between are made out of the ones in whose place they come. */
function listed(was: readonly string[], now: readonly string[], range: boolean): PartitionChange | undefined {
  let start = 0
  while (start < was.length && start < now.length && was[start] === now[start]) start++
  let end = 0
  while (end < was.length - start && end < now.length - start && was.at(-1 - end) === now.at(-1 - end)) end++
  const gone = was.slice(start, was.length - end)
  const added = now.slice(start, now.length - end)
  if (gone.length === 0 && added.length > 0 && (!range || end === 0))
    return { alone: `ADD PARTITION (\n  ${added.join(',\n  ')}\n)` }
  if (!range) return undefined
  // A range is divided or joined: its upper bound stays, that of the next partition if no other.
  const next = end > 0 ? was.slice(was.length - end).slice(0, 1) : []
  for (const more of [[], next]) {
    const [replaced, pieces] = [
      [...gone, ...more],
      [...added, ...more],
    ]
    if (replaced.length === 0 || pieces.length === 0 || bound(replaced.at(-1)) !== bound(pieces.at(-1))) continue
    const names = replaced.map((one) => /^PARTITION (`(?:[^`]|``)*`|\S+)/.exec(one)?.[1]).join(', ')
    return { alone: `REORGANIZE PARTITION ${names} INTO (\n  ${pieces.join(',\n  ')}\n)` }
  }
  return undefined
}

function bound(partition: string | undefined): string {
  const text = partition ?? ''
  const at = bare(text).indexOf(' VALUES LESS THAN ')
  if (at === -1) return ''
  const value = text.slice(at + ' VALUES LESS THAN '.length)
  return value.startsWith('(') ? within(value, 0).inner : 'MAXVALUE'
}
