/** Reserves standard output for the command's data: with --json, one document and nothing else. */

const write = process.stdout.write.bind(process.stdout)

/** Prints a line of the command's own data. */
export function printOut(text: string): void {
  write(`${text}\n`)
}

/** Redirects everything that migrations and the configuration print to standard error. */
export function keepStdoutForData(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr)
}

/**
 * Ends the program if stdout fails: quietly if the reader closed the pipe, with an error otherwise (for example a full
 * disk).
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    process.stderr.write(`Cannot write the output: ${error.message}\n`)
    process.exit(1)
  })
}
