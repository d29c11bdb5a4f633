/** The rows and values that a watch keeps aside until the database has a place for them. */

import type { WaitingRows } from '../src/database/rowReader.ts'
import { Scrolling, Value } from './parts.tsx'
import { count } from './time.ts'

/** @param open `true` to show the values at once */
export function Waiting({ stores, open }: { stores: readonly WaitingRows[]; open: boolean }) {
  if (stores.length === 0) return null
  return (
    <section class="waiting-rows" aria-labelledby="waiting-title">
      <h2 id="waiting-title">Waiting for a place</h2>
      <p class="note">They are kept aside, and come back with the first save that gives them a place.</p>
      {stores.map((store) => (
        <details key={`${store.table} ${store.whole} ${store.columns.join()}`} open={open}>
          <summary>
            {store.table}: {count(store.total, store.whole ? 'row' : 'value')}
            <span class="note">{reasonsOf(store)}</span>
          </summary>
          <Values store={store} />
        </details>
      ))}
    </section>
  )
}

// --- internal ---

function reasonsOf({ rows }: WaitingRows): string {
  const reasons = [...new Set(rows.flatMap(({ why }) => why ?? []))]
  const [first = ''] = reasons
  return reasons.length > 1 ? `${first} (and ${count(reasons.length - 1, 'other reason')})` : first
}

function Values({ store: { table, columns, rows, total } }: { store: WaitingRows }) {
  const differ = new Set(rows.map(({ why }) => why)).size > 1
  return (
    <>
      <Scrolling kind="grid" label={`Values of ${table} that wait`}>
        <table>
          <thead>
            <tr>
              {columns.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              {differ && <th scope="col">Why</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ values, why }, i) => (
              <tr key={values.join('\u0000') + i}>
                {values.map((value, at) => (
                  <td key={columns[at]}>
                    <Value value={value} />
                  </td>
                ))}
                {differ && <td class="why">{why}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolling>
      {rows.length < total && <p class="note">The first {rows.length}.</p>}
    </>
  )
}
