/** Puts SQL into the files of a new migration, where each tool has it. */
import { UsageError } from '../../migrate/errors.ts'
import type { NewSql } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { cutStatements } from '../../sql/statements.ts'

interface Tool {
  readonly tool: string
  /** `true` if its migrations have downs. */
  readonly downs: boolean
  readonly dialect: Dialect
}

/**
 * @param empty the files as the tool makes them, by path
 * @throws UsageError if the tool's migrations are code
 */
export function withSql(
  empty: Readonly<Record<string, string>>,
  sql: NewSql,
  { tool, downs, dialect }: Tool,
): Record<string, string> {
  const written = (text: string) => (KNOWS_DELIMITERS.has(tool) ? text : withoutDelimiters(text, dialect))
  const up = written(sql.up)
  const down = written(sql.down)
  const files: Record<string, string> = {}
  let isSql = false
  for (const [path, template] of Object.entries(empty)) {
    if (!path.endsWith('.sql')) {
      files[path] = template
      continue
    }
    isSql = true
    files[path] = isDownFile(path) ? down : filled(template, { up, down }, dialect)
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

/** Returns whether a file of a new migration has its down, and nothing else. */
export function isDownFile(path: string): boolean {
  return /\.(?:down|undo)(?:\.[^/]*)?\.sql$|^sqls\/.*-down\.sql$|(?:^|\/)U[^/]*__[^/]*\.sql$/.test(path)
}

// --- internal ---

/** Tools that read DELIMITER as the mysql client does. The others send it to the server, which does not know it. */
const KNOWS_DELIMITERS: ReadonlySet<string> = new Set(['Flyway', 'Atlas'])

function withoutDelimiters(text: string, dialect: Dialect): string {
  if (dialect !== 'mysql' || !/^DELIMITER\b/im.test(text)) return text
  return `${statements(text, dialect).join('\n\n')}\n`
}

function filled(template: string, { up, down }: NewSql, dialect: Dialect): string {
  if (template.includes('-- +goose Up')) {
    return `-- +goose Up\n${gooseText(up, dialect)}\n-- +goose Down\n${gooseText(down, dialect)}`
  }
  if (template.includes('-- migrate:up')) return `-- migrate:up\n${up}\n-- migrate:down\n${down}`
  if (template.includes('-- Up Migration')) return `-- Up Migration\n${up}\n-- Down Migration\n${down}`
  // Drizzle sends what is between two of its marks as one statement.
  if (template.includes('Custom SQL migration file'))
    return statements(up, dialect).join('\n--> statement-breakpoint\n')
  return up
}

/** goose cuts at each semicolon, unless it is told where a statement begins and ends. */
function gooseText(text: string, dialect: Dialect): string {
  return statements(text, dialect)
    .map((statement) =>
      /;[\s\S]*;\s*$/.test(statement)
        ? `-- +goose StatementBegin\n${statement}\n-- +goose StatementEnd\n`
        : `${statement}\n`,
    )
    .join('')
}

/** Returns the statements, each with its semicolon, and with the comments before it. */
function statements(text: string, dialect: Dialect): string[] {
  const { comments, statements: all } = cutStatements(text, dialect)
  return all.map(({ start, end }, i) => {
    const before = all[i - 1]?.end ?? 0
    const own = comments.filter((comment) => comment.start >= before && comment.end <= start)
    return [...own.map((one) => text.slice(one.start, one.end).trimEnd()), `${text.slice(start, end)};`].join('\n')
  })
}
