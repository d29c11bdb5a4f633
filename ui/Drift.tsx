/** Whether the database has the schema that the files make of its version. */
import { diffSchemas } from '../src/schema/diff.ts'
import type { SchemaDocument, UiState } from '../src/ui/protocol.ts'
import { Diff } from './Diff.tsx'
import { linkTo } from './route.ts'
import { Shown } from './states.tsx'
import { documentAt } from './store.ts'

export function Drift({ now }: { now: UiState }) {
  const { at, connected, stations } = now
  const isKnown = at === 'nil' || stations.some(({ key, state }) => key === at && state !== 'missing')
  if (at === undefined || !connected || !isKnown) return null
  return (
    <section class="drift" aria-labelledby="drift-title">
      <h2 id="drift-title">
        The database and version {at}
        <a class="more" href={linkTo('compare', [at, 'database'])}>
          Compare
        </a>
      </h2>
      <Difference at={at} />
    </section>
  )
}

// --- internal ---

function Difference({ at }: { at: string }) {
  const wanted = documentAt<SchemaDocument>(`schema?key=${encodeURIComponent(at)}`)
  const found = documentAt<SchemaDocument>('schema?key=database')
  return (
    <Shown loaded={wanted.failure ? wanted : found} what="The database's schema">
      {(there) => (
        <Shown loaded={wanted} what="The version's schema">
          {(files) => (
            <Diff
              diff={diffSchemas(files, there as SchemaDocument)}
              nothing="The database has just the schema that the migrations make."
            />
          )}
        </Shown>
      )}
    </Shown>
  )
}
