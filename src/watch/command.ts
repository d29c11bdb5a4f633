/** A command of the user's, after a change of the schema. */
import { spawn } from 'node:child_process'

/** With the database's URL in `DATABASE_URL`. Never throws. */
export function runCommand(
  command: string,
  url: string,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DATABASE_URL: url },
    })
    let output = ''
    const hear = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', (error) => resolve({ code: -1, output: error.message }))
    child.once('close', (code) => resolve({ code: code ?? -1, output: output.trim() }))
  })
}

// --- internal ---

const MOST_OUTPUT = 20_000
