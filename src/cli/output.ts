/** Standard output is the command's: with --json, one document and nothing else. */

const write = process.stdout.write.bind(process.stdout)

/** A line of the command's own data. */
export function printOut(text: string): void {
  write(`${text}\n`)
}

/** From now on, what migrations and the configuration print goes to standard error. */
export function keepStdoutForData(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr)
}

/** A reader who has seen enough is no failure; a full disk is one. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    process.stderr.write(`The output cannot be written: ${error.message}\n`)
    process.exit(1)
  })
}
