/** Puts SQL into the files of a new migration, where each tool has it. */
import { UsageError } from '../../migrate/errors.ts'
import type { NewSql } from '../../migrate/source.ts'
import { cutStatements } from '../../sql/statements.ts'

interface Tool {
  readonly tool: string
  /** `true` if its migrations have downs. */
  readonly downs: boolean
}

/**
 * @param empty the files as the tool makes them, by path
 * @throws UsageError if the tool's migrations are code
 */
export function withSql(
  empty: Readonly<Record<string, string>>,
  { up, down }: NewSql,
  { tool, downs }: Tool,
): Record<string, string> {
  const files: Record<string, string> = {}
  let isSql = false
  for (const [path, template] of Object.entries(empty)) {
    if (!path.endsWith('.sql')) {
      files[path] = template
      continue
    }
    isSql = true
    const isDown = /\.(?:down|undo)(?:\.[^/]*)?\.sql$|^sqls\/.*-down\.sql$/.test(path)
    files[path] = isDown ? down : filled(template, up, down)
    const undo = path.replace(/(^|\/)V(?=[^/]*$)/, '$1U')
    if (tool === 'Flyway' && downs && undo !== path) files[undo] = down
  }
  if (!isSql) {
    throw new UsageError(`The migrations of ${tool} in this folder are code, and SQL was generated.`, {
      hint: 'Print the SQL with --dry-run, and put it into a migration of your own.',
    })
  }
  return files
}

// --- internal ---

function filled(template: string, up: string, down: string): string {
  if (template.includes('-- +goose Up')) return `-- +goose Up\n${gooseText(up)}\n-- +goose Down\n${gooseText(down)}`
  if (template.includes('-- migrate:up')) return `-- migrate:up\n${up}\n-- migrate:down\n${down}`
  if (template.includes('-- Up Migration')) return `-- Up Migration\n${up}\n-- Down Migration\n${down}`
  // Drizzle sends what is between two of its marks as one statement.
  if (template.includes('Custom SQL migration file')) return statements(up).join('\n--> statement-breakpoint\n')
  return up
}

/** goose cuts at each semicolon, unless it is told where a statement begins and ends. */
function gooseText(text: string): string {
  return statements(text)
    .map((statement) =>
      /;[\s\S]*;\s*$/.test(statement)
        ? `-- +goose StatementBegin\n${statement}\n-- +goose StatementEnd\n`
        : `${statement}\n`,
    )
    .join('')
}

/** Returns the statements with the comments before them. */
function statements(text: string): string[] {
  let at = 0
  return cutStatements(text, 'postgres').statements.map(({ end }) => {
    const semicolon = text.indexOf(';', end - 1)
    const to = semicolon === end || semicolon === end - 1 ? semicolon + 1 : end
    const statement = text.slice(at, to).trim()
    at = to
    return statement
  })
}
