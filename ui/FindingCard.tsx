/** A finding of `verify` with its place, what shows it and the safe way; and what each statement did. */

import type { FindingsDocument, KeyedFinding } from '../src/ui/protocol.ts'
import { Code } from './Code.tsx'
import { DiffLines, linesOfText } from './Diff.tsx'
import { EditorLink } from './editor.tsx'
import { MARKS } from './findingMarks.ts'
import { Scrolling } from './parts.tsx'
import { linkTo } from './route.ts'
import { state } from './store.ts'
import { duration } from './time.ts'

export function FindingCard({ finding, named }: { finding: KeyedFinding; named: boolean }) {
  const { rule, severity, message, why, fix, evidence, allowed, file, path, line, column, statement, key } = finding
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
        <EditorLink file={path ?? place} line={line} column={column} text={place} />
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

export function Effects({ effects }: { effects: FindingsDocument['effects'] }) {
  const listed = (names: readonly string[]) => names.join(', ') || '–'
  return (
    <Scrolling kind="grid" label="What each statement did">
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
    </Scrolling>
  )
}
