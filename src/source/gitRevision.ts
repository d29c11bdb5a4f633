import { spawn } from 'node:child_process'
import { SourceNotFoundError, UnreadableFileError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { decode, sourceOfFiles } from './files.ts'
import { gitEnvironment } from './gitBase.ts'

export interface GitRevisionOptions {
  /** The migrations' folder, relative to the root of the repository. */
  readonly path: string
  /** A folder in the repository; default: the working directory. */
  readonly cwd?: string
}

/**
 * Returns a source of the migrations at a tag, branch or commit. Reads git's object store, not the work tree. Each
 * `list()` resolves the revision again, and then keeps the texts of that revision in memory.
 */
export function gitRevision(revision: string, { path, cwd = process.cwd() }: GitRevisionOptions): Source {
  const folder = path.replace(/\/+$/, '')
  const shown = `${revision}:${folder}`
  let texts = new Map<string, Uint8Array>()
  return sourceOfFiles({
    name: `git revision ${shown}`,
    names: async () => {
      texts = await readTree(revision, folder, cwd)
      return [...texts.keys()]
    },
    text: async (name) => decode(texts.get(name) ?? new Uint8Array(), `${shown}/${name}`),
    module: async (name) => {
      throw new UnreadableFileError(`${shown}/${name}: code migrations cannot be loaded from a git revision.`, {
        hint: 'Check the revision out into a folder of its own (git worktree add) and use directory().',
      })
    },
    show: (name) => `${shown}/${name}`,
  })
}

// --- internal ---

async function readTree(revision: string, folder: string, cwd: string): Promise<Map<string, Uint8Array>> {
  const commit = (await git(cwd, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]))
    .toString()
    .trim()
  if (!commit) {
    throw new SourceNotFoundError(`git knows no revision "${revision}" in ${cwd}.`, {
      hint: 'In CI, a shallow clone may lack it: fetch it first (git fetch origin REVISION).',
    })
  }
  const tree = `${commit}:${folder === '.' ? '' : folder}`
  const listed = (await git(cwd, ['ls-tree', '-z', '--full-tree', tree])).toString()
  if (!listed) throw new SourceNotFoundError(`There is no folder ${folder} in git revision ${revision}.`)
  const blobs = listed
    .split('\0')
    .map((line) => /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line))
    .filter((found) => found !== null)
  const batch = await git(cwd, ['cat-file', '--batch'], blobs.map(([, id]) => `${id}\n`).join(''))
  const texts = new Map<string, Uint8Array>()
  let at = 0
  for (const [, , name = ''] of blobs) {
    const headEnd = batch.indexOf(10, at)
    const size = Number(batch.subarray(at, headEnd).toString().split(' ')[2])
    texts.set(name, batch.subarray(headEnd + 1, headEnd + 1 + size))
    at = headEnd + 1 + size + 1
  }
  return texts
}

/** Runs git and returns its output. Does not check the exit status: the output is empty if git failed. */
function git(cwd: string, args: readonly string[], input = ''): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { cwd, env: gitEnvironment(), stdio: ['pipe', 'pipe', 'ignore'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', (cause) =>
      reject(new SourceNotFoundError(`git cannot be run in ${cwd}: ${cause.message}`, { cause })),
    )
    child.on('close', () => resolve(Buffer.concat(chunks)))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
