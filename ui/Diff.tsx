/** The difference between two schemas, object by object, or between two texts. */

import type { DiffLine, SchemaDiff } from '../src/schema/diff.ts'
import type { Dialect } from '../src/sql/dialect.ts'
import { Parts } from './Code.tsx'
import { highlight } from './highlight.ts'
import { Scrolling } from './parts.tsx'
import { state } from './store.ts'
import { count } from './time.ts'

const SIGNS = { added: '+', removed: '−', changed: '~' } as const

export function Diff({ diff, nothing }: { diff: SchemaDiff; nothing: string }) {
  const { changes, minor } = diff
  const dialect = state.value?.dialect ?? 'postgres'
  if (changes.length === 0 && minor.length === 0) return <p class="empty small">{nothing}</p>
  return (
    <div class="diff">
      <p class="diff-sum">
        {(['added', 'changed', 'removed'] as const).map((change) => {
          const many = changes.filter((one) => one.change === change).length
          return many === 0 ? null : (
            <span key={change} class={`tag ${change}`}>
              {SIGNS[change]} {count(many, 'object')} {change}
            </span>
          )
        })}
      </p>
      {changes.map(({ change, object, lines }) => (
        <div key={`${change} ${object}`} class={`diff-object ${change}`}>
          <h3>
            <span class="diff-sign" aria-hidden="true">
              {SIGNS[change]}
            </span>
            {object}
          </h3>
          <DiffLines lines={lines} dialect={dialect} label={`${object}, ${change}`} />
        </div>
      ))}
      {minor.map((text) => (
        <p key={text} class="note">
          Without a change of meaning: {text}
        </p>
      ))}
    </div>
  )
}

export function DiffLines({ lines, dialect, label }: { lines: readonly DiffLine[]; dialect: Dialect; label: string }) {
  return (
    <Scrolling kind="code" label={label}>
      <pre class="diff-lines">
        <code>
          {lines.map(({ sign, text }, i) => (
            <span
              key={i}
              class={`line ${sign === '+' ? 'plus' : sign === '-' ? 'minus' : ''}`}
              data-sign={sign === '-' ? '−' : sign}
            >
              <Parts parts={highlight(text, dialect)[0] ?? []} />
              {'\n'}
            </span>
          ))}
        </code>
      </pre>
    </Scrolling>
  )
}

/** Returns the lines of a difference that `textDiff` has made. */
export function linesOfText(diff: string): DiffLine[] {
  return diff.split('\n').flatMap((line) => {
    const sign = line[0] ?? ' '
    return sign === '+' || sign === '-' || sign === ' ' ? [{ sign, text: line.slice(2) }] : [{ sign: ' ', text: line }]
  })
}
