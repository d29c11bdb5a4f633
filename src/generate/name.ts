/** Names a migration after what it changes. */
import type { SchemaDiff } from '../schema/diff.ts'
import type { Answers } from './hints.ts'

/** Returns a title such as `add_users_email`, of letters, digits and underscores. */
export function nameOf({ changes }: SchemaDiff, { renames, conversions }: Answers): string {
  const [conversion] = conversions
  if (conversion && conversions.length === 1)
    return conversion.old.length === 1
      ? title(['split', ...conversion.old])
      : title(['merge', 'into', ...conversion.new.slice(0, 1)])
  const [rename] = renames
  if (rename && (renames.length === 1 || rename.kind === 'table')) return title(['rename', rename.old])
  const tables = changes.filter(({ object }) => object.startsWith('table '))
  const [first] = tables.length > 0 ? tables : changes
  if (!first) return 'change'
  const name = first.object.replace(/ on .*$/, '')
  // Indexes and keys of a table that is changed belong to that change.
  const others = changes.filter(
    (change) => change !== first && !change.object.endsWith(` on ${lastWord(first.object)}`),
  )
  const verb = { added: 'create', removed: 'drop', changed: 'change' }[first.change]
  if (others.length > 0)
    return title([verb === 'create' ? 'create' : verb, lastWord(name), 'and', String(others.length), 'more'])
  if (first.change !== 'changed')
    return title([verb, ...(name.startsWith('table ') ? [] : [kindOf(name)]), lastWord(name)])
  if (!first.object.startsWith('table ')) return title(['change', kindOf(name), lastWord(name)])
  const added = first.lines.filter(({ sign }) => sign === '+').map(({ text }) => memberOf(text))
  const gone = first.lines.filter(({ sign }) => sign === '-').map(({ text }) => memberOf(text))
  const [one] = added
  if (added.length === 1 && gone.length === 0 && one) return title(['add', lastWord(name), one])
  const [old] = gone
  if (gone.length === 1 && added.length === 0 && old) return title(['drop', lastWord(name), old])
  if (added.length === 1 && gone.length === 1 && one && one === old) return title(['change', lastWord(name), one])
  return title(['change', lastWord(name)])
}

// --- internal ---

function title(words: readonly string[]): string {
  return words
    .join('_')
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
    .slice(0, 60)
    .replace(/_+$/, '')
}

function kindOf(object: string): string {
  return object.split(' ')[0] ?? ''
}

function lastWord(object: string): string {
  return object.split(' ').slice(1).join(' ').replace(/\(.*$/s, '') || object
}

/** The name of a column or constraint in a line of DDL. */
function memberOf(text: string): string {
  // MySQL's keys stand among the columns.
  const [, key] = /^\s*(?:[A-Z]+ )?KEY `((?:[^`]|``)*)`/.exec(text) ?? []
  if (key !== undefined) return key
  const [, constraint] = /^\s*CONSTRAINT ("(?:[^"]|"")*"|\S+)/.exec(text) ?? []
  const [, column = ''] = /^\s*("(?:[^"]|"")*"|`(?:[^`]|``)*`|\S+)/.exec(text) ?? []
  return constraint ?? column
}
