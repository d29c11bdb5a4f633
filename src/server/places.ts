/** Paths and addresses of keepers and their files. */
import { chmodSync, lstatSync, mkdirSync, statfsSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ServerUnavailableError } from './errors.ts'

const MIN_SHM_BYTES = 512 * 2 ** 20

/**
 * Returns the folder for running servers. Only we may write to it. Others may pass through it, since a server that runs
 * as another user has its data inside.
 */
export function runtimeFolder(): string {
  return ownFolder(fastFolder(), 0o711)
}

/** Returns the folder for servers that keep their data: on disk, and not in a folder that the system clears. */
export function keptFolder(): string {
  const { XDG_DATA_HOME, LOCALAPPDATA } = process.env
  const usual: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), 'Library', 'Application Support'),
    win32: LOCALAPPDATA ?? homedir(),
  }
  // If we are root, the server runs as another user, which may not enter root's home.
  const home = userId() === 0 ? '/var/lib' : join(homedir(), '.local', 'share')
  const base = XDG_DATA_HOME || usual[process.platform] || home
  mkdirSync(base, { recursive: true })
  return ownFolder(base, 0o711)
}

/** Returns the folder for files that only we may read: sockets, URLs with passwords, logs. */
export function privateFolder(): string {
  const folder = join(runtimeFolder(), 'private')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Returns this user's folder in `base` and checks its owner and mode, since others can guess its name in a shared
 * folder.
 * @throws ServerUnavailableError
 */
export function ownFolder(base: string, mode: number): string {
  const folder = join(base, `migratest-${userId()}`)
  mkdirSync(folder, { recursive: true, mode })
  const found = lstatSync(folder)
  if (process.getuid && (found.uid !== process.getuid() || !found.isDirectory() || (found.mode & 0o022) !== 0)) {
    throw new ServerUnavailableError(`${folder} belongs to another user or is writable by others.`, {
      hint: 'Remove it, or set TMPDIR to a folder of your own.',
    })
  }
  // Set the mode regardless of the umask: the server's user has to pass through.
  if ((found.mode & 0o777) !== mode && process.platform !== 'win32') chmodSync(folder, mode)
  return folder
}

/** Returns the user's numeric id, since a user in a container may have no name. */
export function userId(): number {
  return process.getuid?.() ?? userInfo().uid
}

/** Returns the address on which the keeper of `key` listens, in a folder that no other user may enter. */
export function keeperAddress(key: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\migratest-${userInfo().username}-${key}`
  return join(privateFolder(), `${key}.sock`)
}

/**
 * Returns the identity of our folder. Containers may share a Docker engine and a host name without sharing the folder.
 */
export function folderId(): string {
  const { dev, ino } = lstatSync(privateFolder())
  return `${dev}-${ino}`
}

/**
 * Returns an address that only one process can hold, and that is free again however that process ends, unlike a file.
 * Such names (abstract sockets) exist only on Linux. The address contains the folder's identity, since two containers
 * may share the network namespace but not the folder.
 */
export function mutexAddress(key: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  return `\0migratest-${userId()}-${folderId()}-${key}`
}

/**
 * Returns the folder in memory if its total size is sufficient, else the temporary folder. Free space changes, and all
 * processes must choose the same folder.
 */
function fastFolder(): string {
  if (process.platform !== 'linux') return tmpdir()
  try {
    const { blocks, bsize } = statfsSync('/dev/shm')
    return blocks * bsize >= MIN_SHM_BYTES ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
