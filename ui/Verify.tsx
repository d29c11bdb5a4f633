/** Runs `verify` from the page: a button, how far it is, and what it found in a line. */
import { useSignal } from '@preact/signals'
import type { FindingsDocument, UiState } from '../src/ui/protocol.ts'
import type { Failure } from '../src/watch/events.ts'
import { FailureText } from './states.tsx'
import { post } from './store.ts'
import { clock, count } from './time.ts'

export function Verify({ now, found }: { now: UiState; found: FindingsDocument | undefined }) {
  const { verifying, verified, unverified } = now
  const refused = useSignal<Failure | undefined>(undefined)
  const ask = async (path: string) => {
    refused.value = await post(path, {})
  }
  const failure = refused.value ?? unverified
  return (
    <section class="verify" aria-label="Verification">
      {verifying ? (
        <Progress progress={verifying} onStop={() => void ask('verify/stop')} />
      ) : (
        <div class={`verdict ${found === undefined ? '' : found.ok ? 'ok' : 'bad'}`}>
          <p>
            {found?.verdict ?? 'The migrations have not been verified yet.'}
            <span class="note">
              {verified ? whenOf(verified) : 'All checks run on test databases; this database is not touched.'}
            </span>
          </p>
          {now.mode !== 'saved' && (
            <button
              type="button"
              class={verified && !verified.outdated ? '' : 'primary'}
              onClick={() => void ask('verify')}
            >
              {verified ? 'Verify again' : 'Verify'}
            </button>
          )}
        </div>
      )}
      {failure && <FailureText failure={failure} title="The migrations could not be verified" />}
    </section>
  )
}

// --- internal ---

function whenOf({ at, outdated }: NonNullable<UiState['verified']>): string {
  return `Verified at ${clock(at)}.${outdated ? ' Files were saved since then.' : ''}`
}

function Progress({ progress, onStop }: { progress: NonNullable<UiState['verifying']>; onStop: () => void }) {
  const { done, all, check, failed, stopping } = progress
  return (
    <div class="verdict running">
      <p>
        {all === 0 ? 'Waiting for a test server' : `${done + (done < all ? 1 : 0)} of ${count(all, 'check')}`}
        {failed > 0 && <span class="tag bad">{failed} failed</span>}
        <span class="note">{check || 'It is started if none is running.'}</span>
      </p>
      <button type="button" onClick={onStop} disabled={stopping}>
        {stopping ? 'Stopping' : 'Stop'}
      </button>
      <progress max={Math.max(1, all)} value={all === 0 ? undefined : done} aria-label="Checks that have run" />
    </div>
  )
}
