/** Numbers that follow from a name and a row number: the same on every machine and in every run. */

/** Returns an unsigned 32-bit number. */
export function hash(name: string, i: number): number {
  let h = 0x811c9dc5
  for (let n = 0; n < name.length; n++) h = Math.imul(h ^ name.charCodeAt(n), 0x01000193)
  h = Math.imul(h ^ (i >>> 0), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13) ^ Math.floor(i / 0x1_0000_0000), 0xc2b2ae35)
  h ^= h >>> 16
  h = Math.imul(h, 0x7feb352d)
  return (h ^ (h >>> 15)) >>> 0
}

/** Returns hexadecimal digits. */
export function hex(name: string, i: number, digits: number): string {
  let all = ''
  for (let part = 0; all.length < digits; part++) all += hash(`${name}#${part}`, i).toString(16).padStart(8, '0')
  return all.slice(0, digits)
}

/** Returns a UUID of version 4. The row number is part of it, so that no two rows have the same. */
export function uuid(name: string, i: number): string {
  const all = hex(name, i, 20)
  const row = i.toString(16).padStart(12, '0').slice(-12)
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-4${all.slice(12, 15)}-a${all.slice(15, 18)}-${row}`
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'

/** Writes a number with digits and letters, `length` characters long; numbers that do not fit repeat. */
export function code(i: number, length: number): string {
  let rest = i
  let text = ''
  for (let n = 0; n < length; n++) {
    text = (DIGITS[rest % 36] ?? '0') + text
    rest = Math.floor(rest / 36)
  }
  return text
}
