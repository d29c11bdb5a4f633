/** The two families of SQL the lexer reads. MariaDB reads as `mysql`, PGlite as `postgres`. */
export type Dialect = 'postgres' | 'mysql'
