/** Lists the events since the server was started, newest first. */
import type { Heard, UiState } from '../src/ui/protocol.ts'
import type { WatchEvent } from '../src/watch/events.ts'
import { Diff } from './Diff.tsx'
import { furtherLines, Skeleton } from './states.tsx'
import { clock, count, duration } from './time.ts'

export function Activity({ now }: { now: UiState }) {
  const { events } = now
  return (
    <article class="activity">
      <h1>Activity</h1>
      {events ? <Events events={events} now={now} /> : <Skeleton what="What has happened" />}
    </article>
  )
}

// --- internal ---

function Events({ events, now }: { events: readonly Heard[]; now: UiState }) {
  const shown = events.filter(({ event }) => said(event) !== undefined).toReversed()
  if (shown.length === 0) {
    return (
      <p class="empty small">
        {now.mode === 'watching'
          ? 'Nothing has happened yet. Save a migration.'
          : 'Without a watch nothing is recorded here.'}
      </p>
    )
  }
  return (
    <ol class="events">
      {shown.map((heard) => (
        <Event key={heard.id} heard={heard} />
      ))}
    </ol>
  )
}

interface Said {
  readonly mark: '✓' | '✗' | '·' | '?' | '!'
  readonly text: string
}

function Event({ heard: { at, event } }: { heard: Heard }) {
  const { mark = '·', text = '' } = said(event) ?? {}
  return (
    <li class={`event mark-${KINDS[mark]}`}>
      <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>
      <span class="event-mark" aria-hidden="true">
        {mark}
      </span>
      <div class="event-text">
        <h2>{text}</h2>
        <Details event={event} />
      </div>
    </li>
  )
}

const KINDS = { '✓': 'done', '✗': 'failed', '·': 'plain', '?': 'asked', '!': 'warning' } as const

function Details({ event }: { event: WatchEvent }) {
  if (event.type === 'failed') return <pre class="output">{furtherLines(event.error)}</pre>
  if (event.type === 'drifted') return <Diff diff={event.diff} nothing="" />
  if (event.type === 'command' && event.output !== '') return <pre class="output">{event.output}</pre>
  if (event.type !== 'applied') return null
  const { steps, carried, diff, warnings, why } = event
  return (
    <>
      <ul class="event-steps">
        {steps.map(({ version, name, direction, origin, ms }) => (
          <li key={`${direction} ${version}`}>
            <span class={`direction ${direction}`} aria-hidden="true">
              {direction === 'up' ? '↑' : '↓'}
            </span>
            <span class="hidden">{direction}</span> {typeof version === 'number' ? `${version}_${name}` : name}
            <span class="step-facts">
              {duration(ms)}
              {origin === 'record' && ' · as recorded'}
            </span>
          </li>
        ))}
        {carried.back.map(({ table, rows }) => (
          <li key={`back ${table}`} class="carried">
            {table}: {count(rows, 'row')} carried over
          </li>
        ))}
        {carried.left.map(({ table, column, rows, why: reason }) => (
          <li key={`left ${table} ${column}`} class="carried left">
            {column === undefined ? table : `${table}.${column}`}: {count(rows, column === undefined ? 'row' : 'value')}{' '}
            kept aside, {reason}
          </li>
        ))}
      </ul>
      {why !== undefined && <p class="note">{why}</p>}
      {warnings.map((warning) => (
        <p key={warning} class="notice warn">
          {warning}
        </p>
      ))}
      {diff.changes.length > 0 && <Diff diff={diff} nothing="" />}
    </>
  )
}

/** Returns what an event says in a line; undefined for events that say nothing by themselves. */
function said(event: WatchEvent): Said | undefined {
  switch (event.type) {
    case 'opened':
      return { mark: '·', text: `Opened ${event.database}${event.pending > 0 ? `, ${event.pending} pending` : ''}` }
    case 'ready':
      return { mark: '·', text: 'Following the files' }
    case 'changed':
      return undefined
    case 'unchanged':
      return { mark: '·', text: `${event.files.join(', ')}: the database already matches` }
    case 'applied': {
      const total = event.ms.noticed + event.ms.planned + event.ms.run + event.ms.shown
      const what = event.changes.map(
        ({ version, name, what: how }) => `${typeof version === 'number' ? `${version}_${name}` : name} ${how}`,
      )
      return {
        mark: '✓',
        text: `At ${event.to} in ${duration(total)}${what.length > 0 ? `: ${what.slice(0, 3).join(', ')}${what.length > 3 ? ` and ${what.length - 3} more` : ''}` : ''}`,
      }
    }
    case 'failed':
      return { mark: '✗', text: event.error.message.split('\n')[0] ?? '' }
    case 'asked':
      return { mark: '?', text: event.question.why }
    case 'skipped':
      return { mark: '·', text: `Left unchanged: ${event.why}` }
    case 'drifted':
      return { mark: '!', text: 'Something else changed the schema' }
    case 'disconnected':
      return { mark: '!', text: `Connection lost: ${event.why}` }
    case 'reconnected':
      return { mark: '·', text: 'Connected again' }
    case 'idle':
      return { mark: '·', text: event.why }
    case 'running':
      return { mark: '·', text: `${event.step} has been running for ${event.seconds} s` }
    case 'log':
      return { mark: '·', text: `${event.step}: ${event.message}` }
    case 'waiting':
      return { mark: '!', text: `Waiting: ${event.why}` }
    case 'proposed':
      return { mark: '?', text: `Proposed for the wanted schema: ${event.proposal.title}` }
    case 'questions':
      return { mark: '?', text: `The wanted schema: ${event.questions.map(({ why }) => why).join(' ')}` }
    case 'drafted':
      return {
        mark: '✓',
        text: `${event.again ? 'Wrote anew' : 'Wrote'} ${event.files.join(', ')}${event.fillIn === undefined ? '' : `: fill in ${event.fillIn}`}`,
      }
    case 'withdrawn':
      return {
        mark: '·',
        text: `Nothing to propose: ${event.why}${event.files.length > 0 ? `; removed ${event.files.join(', ')}` : ''}`,
      }
    case 'finished':
      return { mark: '✓', text: `Done: ${event.files.join(', ')}` }
    case 'unreadable':
      return { mark: '✗', text: event.error.message.split('\n')[0] ?? '' }
    case 'seeded':
      return { mark: '✓', text: `Seeds: ${event.files.join(', ')}` }
    case 'command':
      return { mark: event.code === 0 ? '✓' : '✗', text: `${event.command} ended with ${event.code}` }
    case 'warning':
      return { mark: '!', text: event.message }
  }
}
