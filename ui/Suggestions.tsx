/** Shows what commands could tidy up: branches to join, migrations that could be one. */
import type { Suggestion, SuggestionsDocument } from '../src/ui/protocol.ts'
import { linkTo } from './route.ts'
import { Shown } from './states.tsx'
import { documentAt } from './store.ts'
import { count } from './time.ts'

export function Suggestions() {
  const found = documentAt<SuggestionsDocument>('suggestions')
  return (
    <section class="suggestions" aria-labelledby="suggestions-title">
      <h2 id="suggestions-title">Suggestions</h2>
      <Shown loaded={found} what="Suggestions">
        {({ suggestions }) =>
          suggestions.length === 0 ? (
            <p class="empty small">
              No branches have to be joined, and no migrations of this branch in a row could become one.
            </p>
          ) : (
            <ul>
              {suggestions.map((one) => (
                <li key={one.command} class="suggestion">
                  <p>{textOf(one)}</p>
                  <p class="suggestion-keys">
                    {one.keys.map((key) => (
                      <a key={key} href={linkTo('migrations', [key])}>
                        {key}
                      </a>
                    ))}
                  </p>
                  <code>{one.command}</code>
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </section>
  )
}

// --- internal ---

function textOf({ kind, keys, base }: Suggestion): string {
  return kind === 'merge'
    ? `${count(keys.length, 'branch', 'branches')} have no migration that joins them.`
    : `${count(keys.length, 'migration')} in a row that ${base} does not have yet could become one. The command proves that the schema stays the same.`
}
