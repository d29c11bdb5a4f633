/** Parts that several views are made of. */
import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'

interface ScrollingProps {
  /** Class of the part, such as `code`. */
  readonly kind: string
  readonly label: string
  readonly children: ComponentChildren
}

/** A part that scrolls by itself, which the keyboard must be able to reach. */
export function Scrolling({ kind, label, children }: ScrollingProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
    <section class={kind} tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}

interface SearchProps {
  readonly text: Signal<string>
  readonly label: string
  readonly placeholder: string
}

/** A field whose text is kept in a signal. */
export function Search({ text, label, placeholder }: SearchProps) {
  return (
    <input
      type="search"
      placeholder={placeholder}
      aria-label={label}
      value={text.value}
      onInput={(event) => {
        text.value = event.currentTarget.value
      }}
    />
  )
}

/** A value of a row: SQL's NULL is no text. */
export function Value({ value }: { value: string | null }) {
  return value === null ? <span class="null">null</span> : value
}
