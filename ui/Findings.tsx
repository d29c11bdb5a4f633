/** What `verify` found: a matrix of migrations and checks, and each finding with its place and the safe way. */
import type { FindingsDocument, KeyedFinding, Station, UiState, VerifiedCheck } from '../src/ui/protocol.ts'
import { Code } from './Code.tsx'
import { DiffLines, linesOfText } from './Diff.tsx'
import { linkTo, route } from './route.ts'
import { Shown } from './states.tsx'
import { documentAt, state } from './store.ts'
import { duration } from './time.ts'

export function Findings({ now }: { now: UiState }) {
  const findings = documentAt<FindingsDocument>('findings')
  const chosen = route.value.parts[0]
  return (
    <article class="findings">
      <h1>Findings</h1>
      <Shown loaded={findings} what="The findings">
        {(found) => {
          const shown =
            chosen === undefined ? found.findings : found.findings.filter(({ key }) => (key ?? ALL) === chosen)
          return (
            <>
              <p class={`verdict ${found.ok ? 'ok' : 'bad'}`}>{found.verdict}</p>
              <div class="findings-split">
                <Matrix found={found} stations={now.stations} chosen={chosen} />
                <section class="finding-list" aria-labelledby="found-title">
                  <h2 id="found-title">
                    {chosen === undefined ? 'All findings' : chosen === ALL ? 'Of all migrations together' : chosen}
                    {chosen !== undefined && (
                      <a class="more" href={linkTo('findings')}>
                        Show all
                      </a>
                    )}
                  </h2>
                  {shown.length === 0 && <p class="empty small">Nothing was found.</p>}
                  {shown.map((finding, i) => (
                    <FindingCard
                      key={`${finding.rule} ${finding.key} ${i}`}
                      finding={finding}
                      named={chosen === undefined}
                    />
                  ))}
                  <NotRun checks={found.checks.filter(({ key }) => chosen === undefined || (key ?? ALL) === chosen)} />
                </section>
              </div>
            </>
          )
        }}
      </Shown>
    </article>
  )
}

/** The findings of one migration, and what each of its statements did. */
export function FindingsOf({ station }: { station: Station }) {
  const findings = documentAt<FindingsDocument>('findings')
  return (
    <Shown loaded={findings} what="The findings">
      {(found) => {
        const own = found.findings.filter(({ key }) => key === station.key)
        const effects = found.effects.filter(({ key }) => key === station.key)
        if (own.length + effects.length === 0) return null
        return (
          <section class="finding-list" aria-labelledby="findings-title">
            <h2 id="findings-title">What verify found</h2>
            {own.map((finding, i) => (
              <FindingCard key={`${finding.rule} ${i}`} finding={finding} named={false} />
            ))}
            {effects.length > 0 && <Effects effects={effects} />}
          </section>
        )
      }}
    </Shown>
  )
}

// --- internal ---

/** Stands for the checks of all migrations together. */
const ALL = 'all migrations'

const MARKS = { error: '✗', warning: '!', notice: '·', ok: '✓', 'not-run': '?' } as const
type Mark = keyof typeof MARKS

function markOf({ ok, worst, notRun }: VerifiedCheck): Mark {
  if (notRun !== undefined) return 'not-run'
  return worst ?? (ok ? 'ok' : 'error')
}

function Matrix({
  found,
  stations,
  chosen,
}: {
  found: FindingsDocument
  stations: readonly Station[]
  chosen: string | undefined
}) {
  const ids = [...new Set(found.checks.filter(({ key }) => key !== undefined).map(({ id }) => id))]
  const cells = new Map(found.checks.map((check) => [`${check.key ?? ALL} ${check.id}`, check]))
  const together = found.checks.filter(({ key }) => key === undefined)
  const keys = new Set(found.checks.map(({ key }) => key))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="matrix" tabIndex={0} aria-label="Migrations and checks">
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
                  <Cell key={check.id} check={check} />
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
                  return <td key={id}>{check ? <Cell check={check} /> : <span class="none">–</span>}</td>
                })}
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  )
}

const WORDS: Readonly<Record<Mark, string>> = {
  error: 'error',
  warning: 'warning',
  notice: 'notice',
  ok: 'passed',
  'not-run': 'could not run',
}

function Cell({ check }: { check: VerifiedCheck }) {
  const mark = markOf(check)
  return (
    <span
      class={`cell is-${mark}`}
      title={[check.name, WORDS[mark], check.text, duration(check.ms)].filter(Boolean).join('\n')}
    >
      <span aria-hidden="true">{MARKS[mark]}</span>
      <span class="hidden">{WORDS[mark]}</span>
    </span>
  )
}

function NotRun({ checks }: { checks: readonly VerifiedCheck[] }) {
  return (
    <>
      {checks
        .filter(({ notRun }) => notRun !== undefined)
        .map(({ name, notRun }) => (
          <p key={name} class="notice warn">
            {name}: could not run, {notRun?.split('\n')[0]}
          </p>
        ))}
    </>
  )
}

function FindingCard({ finding, named }: { finding: KeyedFinding; named: boolean }) {
  const { rule, severity, message, why, fix, evidence, allowed, file, line, statement, key } = finding
  const dialect = state.value?.dialect ?? 'postgres'
  const place = file === undefined ? '' : line === undefined ? file : `${file}:${line}`
  return (
    <section
      class={`finding ${allowed ? 'allowed' : severity}`}
      aria-label={`${rule}${key === undefined ? '' : `, ${key}`}`}
    >
      <header>
        <span class="finding-severity">
          <span aria-hidden="true">{allowed ? '○' : MARKS[severity]}</span> {allowed ? 'allowed' : severity}
        </span>
        <strong>{rule}</strong>
        {named && key !== undefined && <a href={linkTo('migrations', [key])}>{key}</a>}
        <span class="path">{place}</span>
      </header>
      <p>{message}</p>
      {allowed && (
        <p class="note">
          Allowed at {allowed.at}: {allowed.reason}
        </p>
      )}
      {statement !== undefined && <Code text={statement} language={dialect} label="The statement" first={line} />}
      {evidence?.diff !== undefined && (
        <DiffLines lines={linesOfText(evidence.diff)} dialect={dialect} label="The difference" />
      )}
      {evidence?.insert !== undefined && (
        <>
          <p class="note">Rows that show it:</p>
          <Code text={evidence.insert} language={dialect} label="Rows that show it" />
        </>
      )}
      {evidence?.queries !== undefined && (
        <>
          <p class="note">Queries that fail:</p>
          <Code text={evidence.queries} language={dialect} label="Queries that fail" />
        </>
      )}
      {evidence?.output !== undefined && (
        <>
          <p class="note">It printed:</p>
          <pre>{evidence.output}</pre>
        </>
      )}
      <p class="note">{why}</p>
      {fix && (
        <>
          <p>
            <strong>Instead:</strong> {fix.text}
          </p>
          {fix.sql !== undefined && <Code text={fix.sql} language={dialect} label="The safe way" />}
        </>
      )}
    </section>
  )
}

function Effects({ effects }: { effects: FindingsDocument['effects'] }) {
  const listed = (names: readonly string[]) => names.join(', ') || '–'
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="grid" tabIndex={0} aria-label="What each statement did">
      <table>
        <thead>
          <tr>
            {['Statement', 'Keeps others from', 'Locks', 'Rewrites', 'Scans', 'Rows', 'Time'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {effects.map(({ half, line, statement, blocks, locks, rewritten, scanned, rows, algorithm, ms }, i) => (
            <tr key={`${half} ${line} ${i}`}>
              <td title={statement}>
                {half} {line}: {statement.replace(/\s+/g, ' ')}
              </td>
              <td class={`blocks ${blocks}`}>
                {blocks === 'reads' ? 'reading' : blocks === 'writes' ? 'writing' : 'nothing'}
              </td>
              <td>
                {listed(
                  [...Object.entries(locks).map(([name, mode]) => `${name}: ${mode}`), algorithm ?? ''].filter(Boolean),
                )}
              </td>
              <td>{listed(rewritten)}</td>
              <td>{listed(scanned)}</td>
              <td>{listed(Object.entries(rows).map(([name, many]) => `${name}: ${many}`))}</td>
              <td>{duration(ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
