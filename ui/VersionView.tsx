/** One migration: its texts, what it changes, the schema after it as DDL and as a diagram. */

import type { ComponentChildren } from 'preact'
import { diffSchemas, textDiff } from '../src/schema/diff.ts'
import type { Half, SchemaDocument, Station, VersionDetail } from '../src/ui/protocol.ts'
import { Code } from './Code.tsx'
import { Diagram } from './Diagram.tsx'
import { Diff, DiffLines, linesOfText } from './Diff.tsx'
import { EditorLink } from './editor.tsx'
import { FindingsOf } from './Findings.tsx'
import { linkTo, route, type VersionTab } from './route.ts'
import { SchemaText } from './SchemaText.tsx'
import { STATE_WORDS, StateIcon } from './stateMark.tsx'
import { Shown } from './states.tsx'
import { documentAt, state } from './store.ts'
import { bytes, count, duration, moment } from './time.ts'

const TABS: readonly { readonly tab: VersionTab; readonly name: string }[] = [
  { tab: 'migration', name: 'Migration' },
  { tab: 'schema', name: 'Schema' },
  { tab: 'diagram', name: 'Diagram' },
]

export function VersionView({ station }: { station: Station }) {
  const stations = state.value?.stations ?? []
  const at = stations.findIndex(({ key }) => key === station.key)
  const below = stations[at - 1]
  const above = stations[at + 1]
  const tab = TABS.find((one) => one.tab === route.value.parts[1])?.tab ?? 'migration'
  // The schema of one whose file is gone cannot be made.
  const belowKey = stations.slice(0, Math.max(0, at)).findLast(({ state: is }) => is !== 'missing')?.key ?? 'nil'
  return (
    <article class="version" aria-labelledby="version-title">
      <header class="version-head">
        <a class="back" href={linkTo('migrations')}>
          All migrations
        </a>
        <h1 id="version-title">
          {station.number && <span class="version-number">{station.number}</span>}
          <span>{station.title}</span>
        </h1>
        <nav class="neighbours" aria-label="Migrations beside this one">
          {state.value?.at !== undefined && state.value.mode !== 'saved' && station.state !== 'missing' && (
            <a class="neighbour wide" href={linkTo('compare', ['database', station.key])}>
              Compare with the database
            </a>
          )}
          <Neighbour station={below} tab={tab} name="Older" arrow="↓" />
          <Neighbour station={above} tab={tab} name="Newer" arrow="↑" />
        </nav>
        <Facts station={station} />
      </header>
      <nav class="tabs" aria-label="Parts of this migration">
        {TABS.map((one) => (
          <a
            key={one.tab}
            href={linkTo('migrations', one.tab === 'migration' ? [station.key] : [station.key, one.tab])}
            data-name={one.name}
            aria-current={one.tab === tab ? 'page' : undefined}
          >
            {one.name}
          </a>
        ))}
      </nav>
      {tab === 'migration' && <MigrationTab station={station} below={belowKey} />}
      {tab === 'schema' && (
        <WithSchemas station={station} below={belowKey}>
          {(before, after) => <SchemaText key={station.key} before={before} after={after} />}
        </WithSchemas>
      )}
      {tab === 'diagram' && (
        <WithSchemas station={station} below={belowKey}>
          {(before, after) => <Diagram key={station.key} before={before} after={after} />}
        </WithSchemas>
      )}
    </article>
  )
}

// --- internal ---

function Neighbour({
  station,
  tab,
  name,
  arrow,
}: {
  station: Station | undefined
  tab: VersionTab
  name: string
  arrow: string
}) {
  if (!station) return <span class="neighbour off">{arrow}</span>
  const parts = tab === 'migration' ? [station.key] : [station.key, tab]
  return (
    <a
      class="neighbour"
      href={linkTo('migrations', parts)}
      title={`${name}: ${station.key}`}
      aria-label={`${name}: ${station.key}`}
    >
      {arrow}
    </a>
  )
}

function Facts({ station }: { station: Station }) {
  const { state: is, appliedAt, appliedBy, durationMs, parents, replaces, problem, key, bytes: size } = station
  const isHere = key === state.value?.at
  return (
    <ul class="facts">
      {is && (
        <li class={`fact-state ${is}`}>
          <StateIcon state={is} />
          {STATE_WORDS[is]}
        </li>
      )}
      {isHere && <li class="fact-here">the database is here</li>}
      {appliedAt && <li>{moment(appliedAt)}</li>}
      {appliedBy && <li>by {appliedBy}</li>}
      {durationMs !== null && <li>{duration(durationMs)}</li>}
      {size !== null && <li>{bytes(size)}</li>}
      {parents.length > 1 && <li>joins {parents.join(' and ')}</li>}
      {replaces.length > 0 && <li>replaces {count(replaces.length, 'migration')}</li>}
      {problem !== null && <li class="fact-problem">{problem.split('\n')[0]}</li>}
    </ul>
  )
}

function MigrationTab({ station, below }: { station: Station; below: string }) {
  const detail = documentAt<VersionDetail>(`version?key=${encodeURIComponent(station.key)}`)
  return (
    <div class="migration-tab">
      <div class="texts">
        <Shown loaded={detail} what="The migration">
          {(version) => <Halves version={version} told={station.problem !== null} />}
        </Shown>
      </div>
      <FindingsOf station={station} />
      <section class="changes" aria-labelledby="changes-title">
        <h2 id="changes-title">What it changes</h2>
        <WithSchemas station={station} below={below}>
          {(before, after) => <Diff diff={diffSchemas(before, after)} nothing="The schema stays as it is." />}
        </WithSchemas>
      </section>
    </div>
  )
}

/** @param told `true` if the head says already why it cannot run */
function Halves({ version: { up, down, recorded }, told }: { version: VersionDetail; told: boolean }) {
  const dialect = state.value?.dialect ?? 'postgres'
  const isOneFile = up?.kind === 'code' && down?.kind === 'code' && up.file === down.file
  // Many tools have no downs at all.
  const hasNoDowns = down === undefined && state.value?.format !== undefined
  return (
    <>
      {recorded?.up !== undefined && (
        <section class="recorded" aria-labelledby="recorded-title">
          <h2 id="recorded-title">{up ? 'Edited since it was applied' : 'As it was applied'}</h2>
          {up ? (
            <DiffLines
              lines={linesOfText(textDiff(recorded.up, up.text))}
              dialect={dialect}
              label="Changes since it was applied"
            />
          ) : (
            <Code text={recorded.up} language={dialect} label="The up that was applied" />
          )}
        </section>
      )}
      {up || down ? (
        <div class={`halves${isOneFile || hasNoDowns ? ' one' : ''}`}>
          <HalfView
            half={up && told ? { ...up, problem: undefined } : up}
            name={isOneFile ? 'Up and down' : 'Up'}
            missing="There is no up: the version changes, and nothing runs."
          />
          {!isOneFile && !hasNoDowns && (
            <HalfView
              half={down && told ? { ...down, problem: undefined } : down}
              name="Down"
              missing="There is no down, so it cannot be undone."
            />
          )}
        </div>
      ) : (
        recorded === undefined && <p class="empty small">Its file is gone.</p>
      )}
    </>
  )
}

function HalfView({ half, name, missing }: { half: Half | undefined; name: string; missing: string }) {
  const dialect = state.value?.dialect ?? 'postgres'
  return (
    <section class="half" aria-label={name}>
      <header class="half-head">
        <h2>{name}</h2>
        {half && <EditorLink file={half.path ?? half.file} text={half.file} />}
        {half && !half.transaction && <span class="tag">no transaction</span>}
        {half && half.kind === 'sql' && half.statements.length > 0 && (
          <span class="half-count">{count(half.statements.length, 'statement')}</span>
        )}
      </header>
      {half?.problem !== undefined && <p class="fact-problem">{half.problem.split('\n')[0]}</p>}
      {half ? (
        <Code
          text={half.text}
          language={half.kind === 'code' ? 'typescript' : dialect}
          statements={half.statements}
          label={`${name}: ${half.file}`}
        />
      ) : (
        <p class="empty small">{missing}</p>
      )}
    </section>
  )
}

function WithSchemas({ station, below, children }: { station: Station; below: string; children: OfBoth }) {
  if (station.state === 'missing') return <p class="empty small">Its file is gone, so its schema cannot be made.</p>
  return (
    <Both below={below} above={station.key}>
      {children}
    </Both>
  )
}

type OfBoth = (before: SchemaDocument, after: SchemaDocument) => ComponentChildren

function Both({ below, above, children }: { below: string; above: string; children: OfBoth }) {
  const before = documentAt<SchemaDocument>(`schema?key=${encodeURIComponent(below)}`)
  const after = documentAt<SchemaDocument>(`schema?key=${encodeURIComponent(above)}`)
  return (
    <Shown loaded={after.failure ? after : before} what="The schema before it">
      {(old) => (
        <Shown loaded={after} what="The schema after it">
          {(now) => children(old as SchemaDocument, now)}
        </Shown>
      )}
    </Shown>
  )
}
