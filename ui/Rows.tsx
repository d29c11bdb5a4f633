/** The rows of the live database: its tables with their sizes, and the first rows of one, filtered by the database. */

import { useSignal } from '@preact/signals'
import type { Operator, RowPage, TableSize, WaitingRows } from '../src/database/rowReader.ts'
import type { TablesDocument, UiState } from '../src/ui/protocol.ts'
import { Scrolling, Search, Value } from './parts.tsx'
import { go, linkTo, route } from './route.ts'
import { Shown } from './states.tsx'
import { documentAt } from './store.ts'
import { bytes, count, grouped } from './time.ts'
import { Waiting } from './Waiting.tsx'

export function Rows({ now }: { now: UiState }) {
  const tables = documentAt<TablesDocument>('tables')
  const [schema, name] = route.value.parts
  return (
    <article class={`rows${name === undefined ? '' : ' chosen'}`}>
      <h1 class="hidden">Rows</h1>
      <Shown loaded={tables} what="The tables">
        {({ tables: all, waiting }) => (
          <div class="rows-split">
            <Tables all={all} schema={schema} name={name} />
            <div class="rows-main">
              <LastSave now={now} waiting={waiting} />
              <Waiting stores={waiting} open={name === undefined} />
              {schema !== undefined && name !== undefined ? (
                <TableRows key={`${schema} ${name}`} schema={schema === '-' ? '' : schema} name={name} />
              ) : (
                <p class="empty">
                  {all.length === 0 ? 'There are no tables in this database yet.' : 'Choose a table to see its rows.'}
                </p>
              )}
            </div>
          </div>
        )}
      </Shown>
    </article>
  )
}

// --- internal ---

/** Links need a part for the schema, also where a database has none. */
function partsOf({ schema, name }: Pick<TableSize, 'schema' | 'name'>): [string, string] {
  return [schema === '' ? '-' : schema, name]
}

function Tables({
  all,
  schema,
  name,
}: {
  all: readonly TableSize[]
  schema: string | undefined
  name: string | undefined
}) {
  const search = useSignal('')
  const wanted = search.value.trim().toLowerCase()
  const shown = all.filter((table) => `${table.schema}.${table.name}`.toLowerCase().includes(wanted))
  return (
    <nav class="tables" aria-label="Tables">
      <Search text={search} label="Find a table" placeholder="Table" />
      <ul>
        {shown.map((table) => {
          const parts = partsOf(table)
          const isChosen = parts[0] === schema && parts[1] === name
          return (
            <li key={parts.join(' ')}>
              <a href={linkTo('rows', parts)} aria-current={isChosen ? 'page' : undefined}>
                <span class="table-name">
                  {!table.near && <span class="table-schema">{table.schema}.</span>}
                  {table.name}
                </span>
                <span class="table-size">{sizeOf(table)}</span>
              </a>
            </li>
          )
        })}
      </ul>
      {shown.length === 0 && all.length > 0 && <p class="note">No table fits.</p>}
    </nav>
  )
}

function sizeOf({ kind, rows, exact, bytes: size }: TableSize): string {
  if (kind === 'view') return 'view'
  const many = rows === undefined ? '' : `${exact ? '' : '≈ '}${grouped(rows)}`
  return [many, size === undefined ? '' : bytes(size)].filter(Boolean).join(' · ')
}

const OPERATOR_WORDS: Readonly<Record<Operator, string>> = {
  contains: 'contains',
  '=': '=',
  '<>': '≠',
  '<': '<',
  '>': '>',
  empty: 'is null',
  set: 'is not null',
}

function TableRows({ schema, name }: { schema: string; name: string }) {
  const { query, parts } = route.value
  const given = (key: string) => query.get(key) ?? undefined
  const [order, descending] = [given('order'), given('descending') === 'true']
  const filter = { column: given('column'), operator: given('operator'), value: given('value') }
  const asked = { schema, table: name, order, descending: descending ? 'true' : undefined, ...filter }
  const set = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const page = documentAt<RowPage>(`rows?${new URLSearchParams(set)}`)
  const show = (more: Readonly<Record<string, string | undefined>>) => {
    go(linkTo('rows', parts, { order, descending: descending ? 'true' : undefined, ...filter, ...more }), true)
  }
  return (
    <section class="table-rows" aria-labelledby="table-title">
      <a class="back" href={linkTo('rows')}>
        All tables
      </a>
      <h2 id="table-title">{name}</h2>
      <Shown loaded={page} what="The rows">
        {(rows) => (
          <>
            <Filter columns={rows.columns.map((column) => column.name)} filter={filter} onChange={show} />
            <Grid page={rows} order={order} descending={descending} onOrder={show} name={name} />
            <p class="note">
              {rows.rows.length < rows.total
                ? `The first ${rows.rows.length} of ${rows.total > 100_000 ? 'more than 100,000 rows' : count(rows.total, 'row')}.`
                : `${count(rows.total, 'row')}.`}
            </p>
          </>
        )}
      </Shown>
      {page.failure && <a href={linkTo('rows', parts)}>Show all rows</a>}
    </section>
  )
}

interface FilterProps {
  readonly columns: readonly string[]
  readonly filter: Readonly<Record<'column' | 'operator' | 'value', string | undefined>>
  readonly onChange: (filter: Readonly<Record<string, string | undefined>>) => void
}

function Filter({ columns, filter, onChange }: FilterProps) {
  const column = useSignal(filter.column ?? columns[0] ?? '')
  const operator = useSignal(filter.operator ?? 'contains')
  const value = useSignal(filter.value ?? '')
  const needsValue = operator.value !== 'empty' && operator.value !== 'set'
  const apply = () => {
    const compared = needsValue ? value.value : undefined
    onChange({ column: column.value, operator: operator.value, value: compared })
  }
  return (
    <form
      class="tools"
      onSubmit={(event) => {
        event.preventDefault()
        apply()
      }}
    >
      <select
        aria-label="Column to filter by"
        value={column.value}
        onChange={(event) => {
          column.value = event.currentTarget.value
        }}
      >
        {columns.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="How to compare"
        value={operator.value}
        onChange={(event) => {
          operator.value = event.currentTarget.value
        }}
      >
        {Object.entries(OPERATOR_WORDS).map(([key, word]) => (
          <option key={key} value={key}>
            {word}
          </option>
        ))}
      </select>
      {needsValue && (
        <input
          type="text"
          aria-label="Value"
          placeholder="Value"
          value={value.value}
          onInput={(event) => {
            value.value = event.currentTarget.value
          }}
        />
      )}
      <button type="submit">Filter</button>
      {filter.column !== undefined && (
        <button type="button" onClick={() => onChange({ column: undefined, operator: undefined, value: undefined })}>
          Show all
        </button>
      )}
    </form>
  )
}

interface GridProps {
  readonly page: RowPage
  readonly order: string | undefined
  readonly descending: boolean
  readonly onOrder: (order: Readonly<Record<string, string | undefined>>) => void
  readonly name: string
}

function Grid({ page: { columns, rows }, order, descending, onOrder, name }: GridProps) {
  return (
    <Scrolling kind="grid" label={`Rows of ${name}`}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => {
              const isOrder = column.name === order
              return (
                <th
                  key={column.name}
                  scope="col"
                  aria-sort={isOrder ? (descending ? 'descending' : 'ascending') : undefined}
                >
                  <button
                    type="button"
                    class="plain"
                    title={`Order by ${column.name}`}
                    onClick={() =>
                      onOrder({ order: column.name, descending: isOrder && !descending ? 'true' : undefined })
                    }
                  >
                    <span>{column.name}</span>
                    {column.isKey && <span class="tag">key</span>}
                    <span class="order-mark" aria-hidden="true">
                      {isOrder ? (descending ? '↓' : '↑') : ''}
                    </span>
                  </button>
                  <span class="column-type">{column.type}</span>
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={row.join('\u0000') + i}>
              {row.map((value, at) => (
                <td key={columns[at]?.name}>
                  <Value value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty small">No rows.</p>}
    </Scrolling>
  )
}

/** Which rows the last save carried over, and what it could not keep. What waits is listed by itself. */
function LastSave({ now, waiting }: { now: UiState; waiting: readonly WaitingRows[] }) {
  const last = now.events?.findLast(({ event }) => event.type === 'applied')?.event
  if (last?.type !== 'applied') return null
  const { back } = last.carried
  const left = last.carried.left.filter(({ table }) => !waiting.some((store) => store.table === table))
  if (back.length + left.length === 0) return null
  return (
    <section class="last-save" aria-labelledby="last-save-title">
      <h2 id="last-save-title">The last save</h2>
      <ul>
        {back.map(({ table, rows }) => (
          <li key={`back ${table}`}>
            {table}: {count(rows, 'row')} carried over
          </li>
        ))}
        {left.map(({ table, column, rows, why }) => (
          <li key={`left ${table} ${column}`} class="left">
            {column === undefined ? table : `${table}.${column}`}: {count(rows, column === undefined ? 'row' : 'value')}{' '}
            left out, because {why}
          </li>
        ))}
      </ul>
    </section>
  )
}
