/** Shows the findings of `verify`, changes that something else made to the database, and what could be tidied up. */
import { useEffect, useRef } from 'preact/hooks'
import type { FindingsDocument, Station, UiState, VerifiedCheck } from '../src/ui/protocol.ts'
import { Drift } from './Drift.tsx'
import { Effects, FindingCard } from './FindingCard.tsx'
import { ALL } from './findingMarks.ts'
import { Matrix } from './Matrix.tsx'
import { linkTo, route } from './route.ts'
import { Suggestions } from './Suggestions.tsx'
import { Shown } from './states.tsx'
import { foundByVerify } from './store.ts'
import { Verify } from './Verify.tsx'

export function Findings({ now }: { now: UiState }) {
  const findings = foundByVerify()
  return (
    <article class="findings">
      <h1 class="hidden">Findings</h1>
      <Verify now={now} found={findings?.data} />
      {findings && (
        <Shown loaded={findings} what="The findings">
          {(found) => <Found found={found} stations={now.stations} />}
        </Shown>
      )}
      {now.mode !== 'saved' && (
        <div class="finding-others">
          <Drift now={now} />
          <Suggestions />
        </div>
      )}
    </article>
  )
}

/** The findings of one migration, and what each of its statements did. */
export function FindingsOf({ station }: { station: Station }) {
  const findings = foundByVerify()
  if (!findings) return null
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

function Found({ found, stations }: { found: FindingsDocument; stations: readonly Station[] }) {
  const [chosen, id] = route.value.parts
  const isChosen = ({ key }: { readonly key: string | undefined }) => chosen === undefined || (key ?? ALL) === chosen
  const checks = found.checks.filter((check) => isChosen(check) && (id === undefined || check.id === id))
  const rules = new Set(checks.flatMap((check) => check.rules))
  const shown = found.findings.filter((finding) => isChosen(finding) && (id === undefined || rules.has(finding.rule)))
  const effects = found.effects.filter(({ key }) => key === chosen)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // Below the matrix on a narrow page, where nothing would seem to happen.
    if (chosen !== undefined) heading.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen, id])
  return (
    <div class="findings-split">
      <Matrix found={found} stations={stations} chosen={chosen} check={id} />
      <section class="finding-list" aria-labelledby="found-title">
        <h2 id="found-title" ref={heading}>
          {chosen === undefined ? 'All findings' : chosen === ALL ? 'Of all migrations together' : chosen}
          {id !== undefined && `: ${id.replaceAll('-', ' ')}`}
          {chosen !== undefined && (
            <a class="more" href={linkTo('findings')}>
              Show all
            </a>
          )}
        </h2>
        {shown.length === 0 && <p class="empty small">Nothing was found.</p>}
        {shown.map((finding, i) => (
          <FindingCard key={`${finding.rule} ${finding.key} ${i}`} finding={finding} named={chosen === undefined} />
        ))}
        <Remarks checks={checks} alone={id !== undefined} />
        {effects.length > 0 && (
          <>
            <h2>What each statement does to others</h2>
            <Effects effects={effects} />
          </>
        )}
      </section>
    </div>
  )
}

/** Shows what checks say besides findings: why they could not run and, if one was chosen, its remark. */
function Remarks({ checks, alone }: { checks: readonly VerifiedCheck[]; alone: boolean }) {
  return (
    <>
      {checks.map(({ name, notRun, text, ok }) => {
        if (notRun !== undefined) {
          return (
            <p key={name} class="notice warn">
              {name}: could not run, {notRun.split('\n')[0]}
            </p>
          )
        }
        return alone && ok && text !== undefined ? (
          <p key={name} class="note">
            {text}
          </p>
        ) : null
      })}
    </>
  )
}
