/** The page's frame: what is shown of which project, whether it is live, what is wrong, and the chosen view. */
import { useEffect } from 'preact/hooks'
import type { UiState } from '../src/ui/protocol.ts'
import { Activity } from './Activity.tsx'
import { Compare } from './Compare.tsx'
import { Findings } from './Findings.tsx'
import { ProposedNotice } from './Proposed.tsx'
import { QuestionNotice } from './Question.tsx'
import { Rows } from './Rows.tsx'
import { go, isFirst, linkTo, route, type View } from './route.ts'
import { FailureText } from './states.tsx'
import { lost, state, stationOf } from './store.ts'
import { Timeline } from './Timeline.tsx'
import { VersionView } from './VersionView.tsx'

const VIEWS: readonly { readonly view: View; readonly name: string }[] = [
  { view: 'migrations', name: 'Migrations' },
  { view: 'compare', name: 'Compare' },
  { view: 'findings', name: 'Findings' },
  { view: 'rows', name: 'Rows' },
  { view: 'activity', name: 'Activity' },
]

export function App() {
  const now = state.value
  const { view, parts } = route.value
  useEffect(() => {
    document.title = now ? `${now.folder}${now.at === undefined ? '' : ` at ${now.at}`} – migratest` : 'migratest'
  }, [now?.folder, now?.at])
  if (!now) return <Waiting />
  return (
    <div class={`app view-${view}${parts.length > 0 ? ' chosen' : ''}`}>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <Header now={now} view={view} />
      <Notices now={now} />
      {view === 'migrations' && (
        <div class="split">
          <Timeline />
          <main id="content" tabIndex={-1}>
            <Chosen now={now} chosen={parts[0]} />
          </main>
        </div>
      )}
      {view !== 'migrations' && (
        <main id="content" tabIndex={-1}>
          {view === 'compare' && <Compare now={now} />}
          {view === 'findings' && <Findings now={now} />}
          {view === 'rows' && <Rows now={now} />}
          {view === 'activity' && <Activity now={now} />}
        </main>
      )}
    </div>
  )
}

// --- internal ---

function Header({ now, view }: { now: UiState; view: View }) {
  const { folder, database, server, format } = now
  const shown = VIEWS.filter(({ view: one }) => {
    if (one === 'findings' && now.verified) return true
    return now.mode !== 'saved' || one === 'migrations' || one === 'compare'
  })
  return (
    <header class="top">
      <p class="brand">
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M5 2v9M5 9c0-4 6-2 6-5" />
          <circle cx="5" cy="13" r="2.2" />
          <circle cx="11" cy="3" r="2.2" />
        </svg>
        migratest
      </p>
      <nav class="views" aria-label="Views">
        {shown.map((one) => (
          <a
            key={one.view}
            href={linkTo(one.view)}
            data-name={one.name}
            aria-current={one.view === view ? 'page' : undefined}
          >
            {one.name}
          </a>
        ))}
      </nav>
      <p class="project" title={[folder, format, database, server].filter(Boolean).join('\n')}>
        <span class="folder">{folder}</span>
        {format && <span>{format}</span>}
        {database && <span>{database}</span>}
        {server && <span class="server">{server}</span>}
      </p>
      <Live now={now} />
    </header>
  )
}

function Live({ now }: { now: UiState }) {
  const { mode, connected, running, failure, dirty } = now
  const [kind, text] =
    lost.value !== undefined
      ? ['lost', 'Not connected']
      : !connected
        ? ['lost', 'Database away']
        : running !== undefined
          ? ['busy', `Running ${running}`]
          : dirty
            ? ['failed', 'Dirty']
            : failure
              ? ['failed', 'Failed']
              : {
                  watching: ['watching', 'Watching'],
                  reading: ['reading', 'Only looking'],
                  saved: ['saved', 'Saved page'],
                }[mode]
  return (
    <p class={`live ${kind}`} role="status">
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
        {kind === 'failed' || kind === 'lost' ? <path d="M2 2L8 8M8 2L2 8" /> : <circle cx="5" cy="5" r="3.5" />}
      </svg>
      {text}
    </p>
  )
}

function Notices({ now }: { now: UiState }) {
  const { failure, unread, problems, why, connected } = now
  return (
    <div class="notices">
      {lost.value !== undefined && (
        <p class="notice lost" role="alert">
          {lost.value === 'gone'
            ? 'The server of this page has stopped. This is what it showed last; the page comes back as soon as it runs again.'
            : 'The server was started again and does not know this page. Open the address that migratest printed.'}
        </p>
      )}
      {!connected && lost.value === undefined && (
        <p class="notice lost" role="alert">
          The database does not answer; this is what it showed last. {unread?.message.split('\n')[0]}
        </p>
      )}
      {now.question && <QuestionNotice asked={now.question} />}
      {now.proposed && !now.question && <ProposedNotice proposed={now.proposed} stations={now.stations} />}
      {now.unwanted && <FailureText failure={now.unwanted} title="The wanted schema cannot be reached" />}
      {failure && !now.question && <FailureText failure={failure} title="The last save was not applied" />}
      {unread && connected && <FailureText failure={unread} title="The migrations cannot be read" />}
      {now.mode === 'reading' && why !== undefined && <p class="notice">Only looking: {why}</p>}
      {problems.map((problem) => (
        <p key={problem} class="notice warn">
          {problem}
        </p>
      ))}
    </div>
  )
}

function Chosen({ now, chosen }: { now: UiState; chosen: string | undefined }) {
  if (chosen === undefined) return <Nothing now={now} />
  const station = stationOf(chosen)
  if (station) return <VersionView station={station} />
  return (
    <div class="empty">
      <p>There is no migration “{chosen}”.</p>
      <a href={linkTo('migrations')}>All migrations</a>
    </div>
  )
}

function Nothing({ now }: { now: UiState }) {
  const first = (now.at === undefined ? undefined : stationOf(now.at)) ?? now.stations.at(-1)
  useEffect(() => {
    // The page of a report begins with what was found.
    if (isFirst() && now.mode === 'saved' && now.verified) return go(linkTo('findings'), true)
    // On a small screen the list has the whole page, so nothing is chosen yet.
    if (first && route.peek().parts.length === 0 && matchMedia('(min-width: 761px)').matches)
      go(linkTo('migrations', [first.key]), true)
  }, [first?.key])
  if (first) return null
  return (
    <div class="empty">
      <h1>No migrations yet</h1>
      <p>
        Write the first one: <code>npx migratest new create_users</code>
      </p>
    </div>
  )
}

function Waiting() {
  return (
    <main class="waiting" id="content">
      {lost.value === 'refused' ? (
        <p role="alert">
          Open the address that migratest printed: it contains a token, without which nobody is let in.
        </p>
      ) : lost.value === 'gone' ? (
        <p role="alert">The server of this page does not answer.</p>
      ) : (
        <p role="status">Reading the migrations …</p>
      )}
    </main>
  )
}
