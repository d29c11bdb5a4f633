/** Any two versions: what differs, and the way from one to the other. */
import { useSignal } from '@preact/signals'
import { diffSchemas } from '../src/schema/diff.ts'
import type { PlanDocument, SchemaDocument, UiState } from '../src/ui/protocol.ts'
import type { Failure } from '../src/watch/events.ts'
import { Diff } from './Diff.tsx'
import { go, linkTo, route } from './route.ts'
import { FailureText, Shown } from './states.tsx'
import { documentAt, post } from './store.ts'
import { count } from './time.ts'

export function Compare({ now }: { now: UiState }) {
  const latest = now.stations.at(-1)?.key ?? 'nil'
  const isSaved = now.mode === 'saved'
  const hasDatabase = now.at !== undefined && !isSaved
  const [from = hasDatabase ? 'database' : 'nil', to = latest] = route.value.parts
  const choose = (first: string, second: string) => go(linkTo('compare', [first, second]), true)
  const choices = (
    <>
      {hasDatabase && <option value="database">the database as it is now</option>}
      <option value="nil">nil, before the first</option>
      {now.stations.toReversed().map(({ key }) => (
        <option key={key} value={key}>
          {key}
        </option>
      ))}
    </>
  )
  return (
    <article class="compare">
      <h1 class="hidden">Compare two versions</h1>
      <div class="pair">
        <label>
          <span>From</span>
          <select value={from} onChange={(event) => choose(event.currentTarget.value, to)}>
            {choices}
          </select>
        </label>
        <button type="button" class="swap" onClick={() => choose(to, from)} aria-label="Swap the two versions">
          ⇄
        </button>
        <label>
          <span>To</span>
          <select value={to} onChange={(event) => choose(from, event.currentTarget.value)}>
            {choices}
          </select>
        </label>
      </div>
      <div class="compared">
        <section aria-labelledby="way-title">
          <h2 id="way-title">The way</h2>
          <Way from={from} to={to} now={now} />
        </section>
        <section aria-labelledby="difference-title">
          <h2 id="difference-title">The difference</h2>
          <Difference from={from} to={to} />
        </section>
      </div>
    </article>
  )
}

// --- internal ---

function Way({ from, to, now }: { from: string; to: string; now: UiState }) {
  const plan = documentAt<PlanDocument>(`plan?${new URLSearchParams({ from, to })}`)
  return (
    <Shown loaded={plan} what="The way">
      {({ steps, warnings }) => (
        <>
          {steps.length === 0 ? (
            <p class="empty small">There is nothing to run.</p>
          ) : (
            <ol class="steps">
              {steps.map(({ key, direction, origin, statements, code, atomic }) => (
                <li key={`${direction} ${key}`}>
                  <span class={`direction ${direction}`} aria-hidden="true">
                    {direction === 'up' ? '↑' : '↓'}
                  </span>
                  <a href={linkTo('migrations', [key])}>
                    <span class="hidden">{direction} </span>
                    {key}
                  </a>
                  <span class="step-facts">
                    {[
                      code ? 'code' : statements === 0 ? 'nothing to run' : count(statements, 'statement'),
                      origin === 'record' && 'as recorded',
                      !atomic && 'no transaction',
                    ]
                      .filter(Boolean)
                      .join(' · ')}
                  </span>
                </li>
              ))}
            </ol>
          )}
          {warnings.map((warning) => (
            <p key={warning} class="notice warn">
              {warning}
            </p>
          ))}
          {now.mode === 'watching' && steps.length > 0 && isHere(from, now) && to !== 'database' && (
            <GoThere to={to} steps={steps} key={`${from} ${to}`} />
          )}
          {now.mode === 'saved' && steps.length > 0 && <p class="note">As the files have them.</p>}
        </>
      )}
    </Shown>
  )
}

function isHere(from: string, now: UiState): boolean {
  return from === 'database' || from === now.at
}

/** Moves the database, after saying what that means. */
function GoThere({ to, steps }: { to: string; steps: PlanDocument['steps'] }) {
  const isSure = useSignal(false)
  const failure = useSignal<Failure | undefined>(undefined)
  const downs = steps.filter(({ direction }) => direction === 'down').length
  const begin = async () => {
    failure.value = await post('move', { to })
    isSure.value = false
  }
  if (!isSure.value) {
    return (
      <div class="go-there">
        <button
          type="button"
          class="primary"
          onClick={() => {
            isSure.value = true
          }}
        >
          Go to {to}
        </button>
        {failure.value && <FailureText failure={failure.value} title="The database was not moved" />}
      </div>
    )
  }
  return (
    <div class="go-there sure">
      <p>
        {downs > 0
          ? `${count(downs, 'migration')} will be undone in this database. Rows that lose their place are kept aside and come back.`
          : `${count(steps.length, 'migration')} will be applied to this database.`}{' '}
        The next save brings it in line with the files again.
      </p>
      <div class="answers">
        <button type="button" class="primary" onClick={begin}>
          {downs > 0 ? `Undo ${downs}` : `Apply ${steps.length}`}
        </button>
        <button
          type="button"
          onClick={() => {
            isSure.value = false
          }}
        >
          Cancel
        </button>
      </div>
    </div>
  )
}

function Difference({ from, to }: { from: string; to: string }) {
  const before = documentAt<SchemaDocument>(`schema?key=${encodeURIComponent(from)}`)
  const after = documentAt<SchemaDocument>(`schema?key=${encodeURIComponent(to)}`)
  return (
    <Shown loaded={before} what="The first schema">
      {(old) => (
        <Shown loaded={after} what="The second schema">
          {(now) => <Diff diff={diffSchemas(old, now)} nothing="Both have the same schema." />}
        </Shown>
      )}
    </Shown>
  )
}
