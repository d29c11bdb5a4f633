/** Code with line numbers, and for SQL with the number of each statement. */

import type { Dialect } from '../src/sql/dialect.ts'
import { highlight, type Part } from './highlight.ts'
import { Scrolling } from './parts.tsx'

interface CodeProps {
  readonly text: string
  readonly language: Dialect | 'typescript'
  /** First and last line of each statement, counted from 1. */
  readonly statements?: readonly { readonly from: number; readonly to: number }[]
  readonly label: string
  /** Number of the first line; default 1. */
  readonly first?: number | undefined
}

export function Code({ text, language, statements = [], label, first = 1 }: CodeProps) {
  const lines = highlight(text.replace(/\n$/, ''), language)
  const starts = new Map(statements.map(({ from }, i) => [from, i + 1]))
  const within = new Set(
    statements.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i + 1)),
  )
  return (
    <Scrolling kind="code" label={label}>
      <pre class={statements.length > 0 ? 'numbered' : undefined}>
        <code>
          {lines.map((parts, i) => {
            const number = i + first
            const statement = starts.get(number)
            return (
              <span key={i} class={`line${within.has(number) ? ' in' : ''}`} data-line={number}>
                {statement !== undefined && (
                  <span
                    class="statement"
                    data-number={statement}
                    title={`Statement ${statement} of ${statements.length}`}
                  />
                )}
                <Parts parts={parts} />
                {'\n'}
              </span>
            )
          })}
        </code>
      </pre>
    </Scrolling>
  )
}

export function Parts({ parts }: { parts: readonly Part[] }) {
  return (
    <>
      {parts.map(({ text, kind }, i) =>
        kind === 'plain' ? (
          text
        ) : (
          <span key={i} class={`hl-${kind}`}>
            {text}
          </span>
        ),
      )}
    </>
  )
}
