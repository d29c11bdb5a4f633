/** What only a person can say about a change. */

export interface Question {
  /** What identifies it in answers: `rename column users.name`. */
  readonly id: string
  readonly kind: 'rename' | 'destroy' | 'fill' | 'map' | 'using'
  /** What it is about, as `Rename` in `hints.ts` writes names: `column users.name`. */
  readonly object: string
  /** What could be answered, the likeliest first: new names for a rename, values that stay for a map. */
  readonly candidates?: readonly string[]
  /** The statements that hang on the answer, for people. */
  readonly sql?: string
}
