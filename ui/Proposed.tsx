/** The migration that the wanted schema needs: what has to be answered first, its text before it is written, its draft. */
import { useSignal } from '@preact/signals'
import type { Station, UiState } from '../src/ui/protocol.ts'
import type { Failure, Proposal } from '../src/watch/events.ts'
import { Code } from './Code.tsx'
import { linkTo } from './route.ts'
import { FailureText } from './states.tsx'
import { post, state } from './store.ts'
import { count } from './time.ts'

type Proposed = NonNullable<UiState['proposed']>

export function ProposedNotice({ proposed, stations }: { proposed: Proposed; stations: readonly Station[] }) {
  const failure = useSignal<Failure | undefined>(undefined)
  const ask = async (job: 'generate' | 'finish') => {
    failure.value = await post(job, {})
  }
  return (
    <section class="proposed" aria-label="The wanted schema">
      {proposed.type === 'questions' && (
        <Open whys={proposed.questions.map(({ why }) => why)} onAsk={() => void ask('generate')} />
      )}
      {proposed.type === 'proposed' && (
        <Review proposal={proposed.proposal} onWrite={() => void ask('generate')} key={proposed.proposal.up} />
      )}
      {proposed.type === 'drafted' && (
        <Draft files={proposed.files} fillIn={proposed.fillIn} stations={stations} onDone={() => void ask('finish')} />
      )}
      {failure.value && <FailureText failure={failure.value} title="That was refused" />}
    </section>
  )
}

// --- internal ---

function Open({ whys, onAsk }: { whys: readonly string[]; onAsk: () => void }) {
  return (
    <div class="proposed-head">
      <div>
        <p class="proposed-title">The migration to the wanted schema needs {count(whys.length, 'answer')} first</p>
        <ul>
          {whys.map((why) => (
            <li key={why}>{why}</li>
          ))}
        </ul>
      </div>
      <button type="button" class="primary" onClick={onAsk}>
        Answer and generate
      </button>
    </div>
  )
}

/** Shows both halves before anything is written. */
function Review({ proposal, onWrite }: { proposal: Proposal; onWrite: () => void }) {
  const { title, up, down, statements, remark, left } = proposal
  const isOpen = useSignal(false)
  const dialect = state.value?.dialect ?? 'postgres'
  return (
    <>
      <div class="proposed-head">
        <div>
          <p class="proposed-title">The migrations do not build the wanted schema yet</p>
          <p class="note">
            {title}: {count(statements.up, 'statement')} up, {count(statements.down, 'statement')} down, proven on a
            test server.
          </p>
        </div>
        <div class="answers">
          {isOpen.value && (
            <button type="button" class="primary" onClick={onWrite}>
              Write it
            </button>
          )}
          <button
            type="button"
            class={isOpen.value ? '' : 'primary'}
            aria-expanded={isOpen.value}
            onClick={() => {
              isOpen.value = !isOpen.value
            }}
          >
            {isOpen.value ? 'Not now' : 'Generate migration'}
          </button>
        </div>
      </div>
      {isOpen.value && (
        <>
          {remark !== undefined && <p class="note">{remark}</p>}
          {left.length > 0 && (
            <p class="note">Left alone, because the wanted schema knows none of their kind: {left.join(', ')}</p>
          )}
          <div class="proposed-halves">
            <section aria-label="Proposed up">
              <h2>Up</h2>
              <Code text={up} language={dialect} label="The proposed up" />
            </section>
            <section aria-label="Proposed down">
              <h2>Down</h2>
              <Code text={down} language={dialect} label="The proposed down" />
            </section>
          </div>
        </>
      )}
    </>
  )
}

function Draft({
  files,
  fillIn,
  stations,
  onDone,
}: {
  files: readonly string[]
  /** The parts of it that a person has to write; then it is no draft. */
  fillIn: string | undefined
  stations: readonly Station[]
  onDone: () => void
}) {
  const station = stations.findLast(({ key }) => files.some((file) => isOf(file, key)))
  const name = station?.key ?? files[0] ?? ''
  if (fillIn !== undefined) {
    return (
      <div class="proposed-head">
        <div>
          <p class="proposed-title">{files.join(', ')} has functions to fill in</p>
          <p class="note">Write {fillIn}, and save the file. Until then, it cannot be loaded.</p>
        </div>
      </div>
    )
  }
  return (
    <div class="proposed-head">
      <div>
        <p class="proposed-title">
          {station ? <a href={linkTo('migrations', [station.key])}>{name}</a> : name} is a draft
        </p>
        <p class="note">Each save of the wanted schema writes it anew, until it is done or you edit it.</p>
      </div>
      <button type="button" onClick={onDone}>
        It is done
      </button>
    </div>
  )
}

/** Returns whether a file is a half of the migration: `migrations/0007_add_users.up.sql` of `7_add_users`. */
function isOf(file: string, key: string): boolean {
  return file.split(/[\\/]/).some((part) => part.replace(/^0+(?=\d)/, '').replace(/(?:\.up|\.down)?\.sql$/, '') === key)
}
