/** Loads a package that only some projects need, and distinguishes a missing package from one that fails to load. */
import { NotInstalledError, NotLoadedError } from './errors.ts'

/**
 * Loads an optional package.
 * @param purpose what needs the package, as the subject of a sentence: "A postgres:// database"
 * @param load a function with the literal `import('…')`, so that bundlers see the name
 * @throws NotInstalledError if the package is missing, NotLoadedError if it is installed but cannot be loaded
 */
export async function loadPackage<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return (requiring?.(name) as T | undefined) ?? (await load())
  } catch (cause) {
    if (isMissing(cause, name)) throw new NotInstalledError(name, purpose, cause)
    throw new NotLoadedError(name, purpose, cause)
  }
}

/**
 * Lets a process of our own load packages in a faster way.
 * @param load returns undefined for packages that it does not load; throws as `require` does
 */
export function loadPackagesWith(load: (name: string) => unknown): void {
  requiring = load
}

// --- internal ---

let requiring: ((name: string) => unknown) | undefined

/**
 * Returns `true` if the package itself is missing, and not one that it imports. The loaders of Node, vite and jest each
 * report this differently.
 */
function isMissing(error: unknown, name: string): boolean {
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string }
  const isNotFound =
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    /^(?:Cannot find (?:package|module)|Failed to (?:load url|resolve import)|Could not resolve)\b/.test(message)
  const found = /['"]([^'"]+)['"]/.exec(message)?.[1] ?? name
  return isNotFound && (found === name || found.startsWith(`${name}/`))
}
