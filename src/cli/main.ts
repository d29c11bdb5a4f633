#!/usr/bin/env node
/** Entry point of the command `migratest`, also installed as `migrate`. Loads only what the requested command needs. */
import { readFileSync } from 'node:fs'
import module from 'node:module'
import { join, relative } from 'node:path'
import { cacheFolder, packageFolder } from '../packages/ownPackage.ts'
import { PackedPackages } from '../packages/packed.ts'
import { endWithReader } from './output.ts'
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
const packages = new PackedPackages(module.createRequire(import.meta.url), cacheFolder(), ['pg'])
process.exitCode = await run(process.argv.slice(2), {
  version: ownVersion,
  reference,
  load: (name) => packages.load(name),
})
if (packages.isIncomplete) await packages.keep()

// --- internal ---

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }).version
}

/**
 * Returns the sentence that refers to the error's explanation. It names a file of the installed package, so the
 * explanation fits this version.
 */
function reference(code: string): string {
  const file = relative(process.cwd(), join(packageFolder(), 'docs', 'errors.md'))
  return `\n\nSee ${file}#${code.toLowerCase()}`
}
