/** The states that every part of the page can be in: loading, empty, failed. */
import type { ComponentChildren } from 'preact'
import type { Failure } from '../src/watch/events.ts'
import { OpenInEditor } from './editor.tsx'
import type { Loaded } from './store.ts'

/** Shows a document, or that it is being read, or why it cannot be. */
export function Shown<T>({
  loaded,
  what,
  children,
}: {
  loaded: Loaded<T>
  what: string
  children: (data: T) => ComponentChildren
}) {
  const { data, failure, loading } = loaded
  // The page says already that its server has stopped.
  if (failure?.code === 'GONE') return <p class="empty small">{what} cannot be read at the moment.</p>
  if (failure) return <FailureText failure={failure} title={`${what} cannot be shown`} />
  if (data === undefined) return <Skeleton what={what} />
  return (
    <div class="shown" aria-busy={loading}>
      {children(data)}
    </div>
  )
}

/** Lines that stand for a text that is being read. Appears only if that takes a moment. */
export function Skeleton({ what }: { what: string }) {
  return (
    <div class="skeleton" role="status" aria-label={`${what} is being read`}>
      {[60, 85, 70, 40, 75].map((width) => (
        <span key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  )
}

/** An error as the terminal prints it: the first line says what and where, then the place, then what to do. */
export function FailureText({ failure, title }: { failure: Failure; title: string }) {
  const [head = ''] = failure.message.split('\n')
  const more = furtherLines(failure)
  return (
    <section class="failure" aria-label={title}>
      <p class="failure-title">{title}</p>
      <p class="failure-head">{head}</p>
      {more !== '' && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <pre class="failure-more" tabIndex={0}>
          {more}
        </pre>
      )}
      <p class="failure-foot">
        {failure.file !== undefined && <OpenInEditor file={failure.file} line={failure.line} column={failure.column} />}
        <span class="failure-code">{failure.code}</span>
      </p>
    </section>
  )
}

/** Returns what follows the first line of an error's message. */
export function furtherLines({ message }: Failure): string {
  return message.replace(/^.*\n*/, '').trimEnd()
}
