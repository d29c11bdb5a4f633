/** Where a URL leads. */
export interface Place {
  /** A name, an address, or where a socket is. */
  readonly host: string
  readonly port: number
  readonly database: string
}
