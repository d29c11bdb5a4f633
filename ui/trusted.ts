/**
 * The content security policy demands trusted types. The only text that this page turns into a script is its own layout
 * worker, from a blob.
 */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown
}

export function allowOwnWorker(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  trustedTypes?.createPolicy('default', {
    createScriptURL(url) {
      if (url.startsWith('blob:')) return url
      throw new TypeError('Only the layout worker is a script of this page.')
    },
  })
}
