/** A question of the watch, answered here or in the terminal, whichever comes first. */
import type { UiState } from '../src/ui/protocol.ts'
import { post } from './store.ts'
import { count } from './time.ts'

export function QuestionNotice({ asked }: { asked: NonNullable<UiState['question']> }) {
  const { id, question } = asked
  const answer = (yes: boolean) => void post('answer', { id, yes })
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
        <button type="button" class="primary" onClick={() => answer(true)}>
          {isRebuild ? 'Rebuild' : 'Carry them'}
        </button>
        <button type="button" onClick={() => answer(false)}>
          Leave it unchanged
        </button>
      </div>
    </section>
  )
}
