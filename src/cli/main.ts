#!/usr/bin/env node
/** Entry point of the command `migratest`, also installed as `migrate`. Loads only what the requested command needs. */
import { readFileSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import { endWithReader } from './output.ts'
import { packageFolder, pathInPackage } from './packageFiles.ts'
import { run } from './run.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const supported = `Node 22.22 or later; this is Node ${process.versions.node}.\n`
if (major < 22) {
  // Modules that most commands load do not load there.
  process.stderr.write(`migratest needs ${supported}`)
  process.exit(1)
}
if (major === 22 && minor < 22) process.stderr.write(`warning: migratest supports ${supported}`)

// Cache compiled code between runs, if the system has a place for it.
module.enableCompileCache?.()
endWithReader()
process.exitCode = await run(process.argv.slice(2), { version: ownVersion, reference })

// --- internal ---

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }).version
}

/** Returns the sentence that refers to the error's explanation. */
function reference(code: string): string {
  return `\n\nSee ${pathInPackage('docs', 'errors.md')}#${code.toLowerCase()}`
}
