/** Where the keeper of a server is found, and where its files are. */
import { chmodSync, lstatSync, mkdirSync, statfsSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ServerUnavailableError } from './errors.ts'

const MIN_SHM_BYTES = 512 * 2 ** 20

/** Ours alone to write; others may pass through it, since a server that runs as another user has its data inside. */
export function runtimeFolder(): string {
  return ownFolder(fastFolder(), 0o711)
}

/** Where the data of servers is that keep it: on disk, and not among what the system clears away. */
export function keptFolder(): string {
  const { XDG_DATA_HOME, LOCALAPPDATA } = process.env
  const usual: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), 'Library', 'Application Support'),
    win32: LOCALAPPDATA ?? homedir(),
  }
  // A server that root starts runs as another user, who may not enter root's home.
  const home = userId() === 0 ? '/var/lib' : join(homedir(), '.local', 'share')
  const base = XDG_DATA_HOME || usual[process.platform] || home
  mkdirSync(base, { recursive: true })
  return ownFolder(base, 0o711)
}

/** Files only we may read: sockets, URLs with passwords, logs. */
export function privateFolder(): string {
  const folder = join(runtimeFolder(), 'private')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** A folder of this user's in `base`. Names in shared folders can be guessed, so whose it is is looked at. */
export function ownFolder(base: string, mode: number): string {
  const folder = join(base, `migratest-${userId()}`)
  mkdirSync(folder, { recursive: true, mode })
  const found = lstatSync(folder)
  if (process.getuid && (found.uid !== process.getuid() || !found.isDirectory() || (found.mode & 0o022) !== 0)) {
    throw new ServerUnavailableError(`${folder} belongs to somebody else or is writable by others.`, {
      hint: 'Remove it, or set TMPDIR to a folder of your own.',
    })
  }
  // Whatever the umask: a server's own user has to pass.
  if ((found.mode & 0o777) !== mode && process.platform !== 'win32') chmodSync(folder, mode)
  return folder
}

/** A user in a container may have a number and no name. */
export function userId(): number {
  return process.getuid?.() ?? userInfo().uid
}

/** Where the keeper of `key` listens: in a folder that nobody else may enter. */
export function keeperAddress(key: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\migratest-${userInfo().username}-${key}`
  return join(privateFolder(), `${key}.sock`)
}

/** Tells folders apart that are called the same: containers may share an engine and a host's name, and not the folder. */
export function folderId(): string {
  const { dev, ino } = lstatSync(privateFolder())
  return `${dev}-${ino}`
}

/**
 * A name that only one process can have at a time and that is free again however that process ends, which a file would
 * not be. Only Linux has such names; it holds the folder's identity, since two containers may share one and not the other.
 */
export function mutexAddress(key: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  return `\0migratest-${userId()}-${folderId()}-${key}`
}

/** Memory where there is enough of it in all: how much is free changes, and everybody must look in the same place. */
function fastFolder(): string {
  if (process.platform !== 'linux') return tmpdir()
  try {
    const { blocks, bsize } = statfsSync('/dev/shm')
    return blocks * bsize >= MIN_SHM_BYTES ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
