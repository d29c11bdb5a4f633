/** Notices which of the project's modules are loaded while something runs. */
import { registerHooks } from 'node:module'

/** Runs `work`, and returns what it returned with the first file of the project that was loaded meanwhile. */
export async function noticingLoads<T>(
  work: () => T,
): Promise<{ readonly result: Awaited<T>; readonly loaded: string | undefined }> {
  let loaded: string | undefined
  const hooks = registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:') && !url.includes('/node_modules/') && !url.startsWith(HOME)) loaded ??= url
      return next(url, context)
    },
  })
  try {
    return { result: await work(), loaded }
  } finally {
    hooks.deregister()
  }
}

// --- internal ---

/** Where this package's own files are, which it loads when they are needed. */
const HOME = new URL(import.meta.url.endsWith('.ts') ? '../../../' : './', import.meta.url).href
