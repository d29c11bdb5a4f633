/** The matrix of `verify`: migrations and checks. Each cell opens what its check has found. */

import type { FindingsDocument, Station, VerifiedCheck } from '../src/ui/protocol.ts'
import { ALL, MARKS, type Mark, WORDS } from './findingMarks.ts'
import { Scrolling } from './parts.tsx'
import { linkTo } from './route.ts'
import { duration } from './time.ts'

export function Matrix({
  found,
  stations,
  chosen,
  check: checked,
}: {
  found: FindingsDocument
  stations: readonly Station[]
  chosen: string | undefined
  check: string | undefined
}) {
  const ids = [...new Set(found.checks.filter(({ key }) => key !== undefined).map(({ id }) => id))]
  const cells = new Map(found.checks.map((check) => [`${check.key ?? ALL} ${check.id}`, check]))
  const together = found.checks.filter(({ key }) => key === undefined)
  const keys = new Set(found.checks.map(({ key }) => key))
  return (
    <Scrolling kind="matrix" label="Migrations and checks">
      <table>
        <thead>
          <tr>
            <th scope="col">Migration</th>
            {ids.map((id) => (
              <th key={id} scope="col">
                {id.replaceAll('-', ' ')}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {together.length > 0 && (
            <tr class={chosen === ALL ? 'chosen' : undefined}>
              <th scope="row">
                <a href={linkTo('findings', [ALL])}>All together</a>
              </th>
              <td colSpan={Math.max(1, ids.length)}>
                {together.map((check) => (
                  <Cell key={check.id} check={check} chosen={chosen === ALL && checked === check.id} />
                ))}
              </td>
            </tr>
          )}
          {stations
            .filter(({ key }) => keys.has(key))
            .toReversed()
            .map(({ key }) => (
              <tr key={key} class={chosen === key ? 'chosen' : undefined}>
                <th scope="row">
                  <a href={linkTo('findings', [key])}>{key}</a>
                </th>
                {ids.map((id) => {
                  const check = cells.get(`${key} ${id}`)
                  return (
                    <td key={id}>
                      {check ? (
                        <Cell check={check} chosen={chosen === key && checked === id} />
                      ) : (
                        <span class="none">–</span>
                      )}
                    </td>
                  )
                })}
              </tr>
            ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

// --- internal ---

function markOf({ ok, worst, notRun }: VerifiedCheck): Mark {
  if (notRun !== undefined) return 'not-run'
  return worst ?? (ok ? 'ok' : 'error')
}

function Cell({ check, chosen }: { check: VerifiedCheck; chosen: boolean }) {
  const { id, key = ALL, name, text, ms } = check
  const mark = markOf(check)
  return (
    <a
      class={`cell is-${mark}`}
      href={linkTo('findings', [key, id])}
      aria-current={chosen ? 'true' : undefined}
      title={[name, WORDS[mark], text, duration(ms)].filter(Boolean).join('\n')}
    >
      <span aria-hidden="true">{MARKS[mark]}</span>
      <span class="hidden">
        {id.replaceAll('-', ' ')} {WORDS[mark]}
      </span>
    </a>
  )
}
