/** A question of the watch or of `generate`, answered here or in the terminal, whichever comes first. */
import { useSignal } from '@preact/signals'
import type { UiState } from '../src/ui/protocol.ts'
import type { AskedOfGenerate, Question } from '../src/watch/events.ts'
import { post } from './store.ts'
import { count } from './time.ts'

export function QuestionNotice({ asked: { id, question } }: { asked: NonNullable<UiState['question']> }) {
  const answer = (text: boolean | string | null) => void post('answer', { id, answer: text })
  return question.about === 'generate' ? (
    <OfGenerate key={id} asked={question} onAnswer={answer} />
  ) : (
    <YesOrNo question={question} onAnswer={answer} />
  )
}

// --- internal ---

function YesOrNo({ question, onAnswer }: { question: Question; onAnswer: (yes: boolean) => void }) {
  const isRebuild = question.about === 'irreversible'
  return (
    <section class="question" role="alertdialog" aria-labelledby="question-title" aria-describedby="question-text">
      <div class="question-text">
        <p class="question-title" id="question-title">
          {isRebuild ? 'This cannot be undone. Rebuild the database?' : 'Carry that many rows?'}
        </p>
        <p id="question-text">{question.why}</p>
        {isRebuild && (
          <>
            <p>
              All migrations are applied again from nothing, and the rows are carried over.
              {question.loss && question.loss.left.length > 0 && ' What then has no place is kept aside:'}
            </p>
            <ul>
              {question.loss?.left.map(({ table, column, rows, why }) => (
                <li key={`${table} ${column}`}>
                  {column === undefined ? table : `${table}.${column}`}:{' '}
                  {count(rows, column === undefined ? 'row' : 'value')}, {why}
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      <div class="answers">
        <button type="button" class="primary" onClick={() => onAnswer(true)}>
          {isRebuild ? 'Rebuild' : 'Carry them'}
        </button>
        <button type="button" onClick={() => onAnswer(false)}>
          Leave it unchanged
        </button>
      </div>
    </section>
  )
}

const TITLES: Readonly<Record<AskedOfGenerate['question']['kind'], string>> = {
  rename: 'Renamed, or new?',
  destroy: 'Rows would be lost',
  fill: 'Which value do the rows get?',
  map: 'What do the rows get instead?',
  using: 'How is the old value read?',
}

/** @param onAnswer receives null if the question stays open */
function OfGenerate({ asked, onAnswer }: { asked: AskedOfGenerate; onAnswer: (answer: string | null) => void }) {
  const { question, why, choices } = asked
  const text = useSignal('')
  return (
    <section class="question" role="alertdialog" aria-labelledby="question-title" aria-describedby="question-text">
      <div class="question-text">
        <p class="question-title" id="question-title">
          {TITLES[question.kind]}
        </p>
        <p id="question-text">{why}</p>
      </div>
      <form
        class="answers"
        onSubmit={(event) => {
          event.preventDefault()
          if (text.value.trim() !== '') onAnswer(text.value.trim())
        }}
      >
        {choices.map(({ answer, label }, i) => (
          <button key={answer} type="button" class={i === 0 ? 'primary' : ''} onClick={() => onAnswer(answer)}>
            {label}
          </button>
        ))}
        {choices.length === 0 && (
          <>
            <input
              type="text"
              class="expression"
              aria-label={`SQL expression for ${question.object}`}
              placeholder="SQL expression"
              spellcheck={false}
              value={text.value}
              onInput={(event) => {
                text.value = event.currentTarget.value
              }}
            />
            <button type="submit" class="primary" disabled={text.value.trim() === ''}>
              Use it
            </button>
          </>
        )}
        <button type="button" onClick={() => onAnswer(null)}>
          Leave it open
        </button>
      </form>
    </section>
  )
}
