/** The whole schema as DDL, with what the migration touches marked. */

import { useSignal } from '@preact/signals'
import type { SchemaObject } from '../src/schema/model.ts'
import { statementOf } from '../src/schema/text.ts'
import type { SchemaDocument } from '../src/ui/protocol.ts'
import { Parts } from './Code.tsx'
import { highlight } from './highlight.ts'
import { Scrolling, Search } from './parts.tsx'
import { state } from './store.ts'
import { count } from './time.ts'

export function SchemaText({ before, after }: { before: SchemaDocument | undefined; after: SchemaDocument }) {
  const text = useSignal('')
  const onlyTouched = useSignal(false)
  const old = new Map(before?.objects.map((object) => [keyOf(object), JSON.stringify(object)]))
  const isTouched = (object: SchemaObject) => before !== undefined && old.get(keyOf(object)) !== JSON.stringify(object)
  const wanted = text.value.trim().toLowerCase()
  const shown = after.objects.filter(
    (object) =>
      (!onlyTouched.value || isTouched(object)) &&
      (wanted === '' || `${object.kind} ${object.name} ${object.table ?? ''}`.toLowerCase().includes(wanted)),
  )
  return (
    <section class="schema" aria-label="Schema as DDL">
      <div class="tools">
        <Search text={text} label="Find an object of the schema" placeholder="Table, index, view …" />
        {before !== undefined && (
          <label class="check">
            <input
              type="checkbox"
              checked={onlyTouched.value}
              onChange={(event) => {
                onlyTouched.value = event.currentTarget.checked
              }}
            />
            only what it touches
          </label>
        )}
        <span class="tools-sum">
          {shown.length === after.objects.length
            ? count(shown.length, 'object')
            : `${shown.length} of ${count(after.objects.length, 'object')}`}
        </span>
      </div>
      {shown.length === 0 ? (
        <p class="empty small">{after.objects.length === 0 ? 'The schema is empty.' : 'Nothing fits.'}</p>
      ) : (
        <Scrolling kind="code" label="DDL">
          {shown.map((object) => (
            <SchemaBlock key={keyOf(object)} object={object} touched={isTouched(object)} />
          ))}
        </Scrolling>
      )}
    </section>
  )
}

// --- internal ---

function SchemaBlock({ object, touched }: { object: SchemaObject; touched: boolean }) {
  const text = [statementOf(object), ...object.more, ...(object.later ?? [])].join('\n')
  return (
    <pre class={`block${touched ? ' touched' : ''}${object.table === null ? '' : ' joined'}`}>
      <code>
        {highlight(text, state.value?.dialect ?? 'postgres').map((parts, i) => (
          <span key={i} class="line">
            <Parts parts={parts} />
            {'\n'}
          </span>
        ))}
      </code>
    </pre>
  )
}

function keyOf({ kind, name, table }: SchemaObject): string {
  return `${kind} ${table ?? ''} ${name}`
}
